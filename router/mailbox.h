// Bounded mailbox from any thread to one owner (waist 5): the only way across threads.
//
// A push takes a short lock and wakes the owner only when the box was empty, so a burst costs one
// wake-up. The owner takes everything at once by swapping vectors. The two ends have different
// types: who holds a MailboxSender cannot read, who holds the MailboxReceiver cannot write.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace amqmesh::router {

template <typename T>
class Mailbox;

struct MailboxOptions {
    const char* name = "";       ///< for logs and management
    std::size_t limit = 0;       ///< in units of weight; what arrives above it is refused
    std::function<void()> wake;  ///< called by the pusher when the box had been empty
    /// Called by the owner after a drain that freed space somebody had been refused.
    std::function<void()> space;
};

struct MailboxFigures {
    const char* name = "";
    std::size_t depth = 0;      ///< weight waiting now
    std::size_t depth_max = 0;  ///< since the start
    std::uint64_t pushed = 0, refused = 0;
};

/// The writing end; copies are equal. Any thread.
template <typename T>
class MailboxSender {
  public:
    MailboxSender() = default;

    /// Moves from `item` only if it was taken. False: full, or closed.
    bool try_push(T& item) { return box_->try_push(item); }

    /// Waits while the box is full. False: closed, the item is lost.
    /// REQUIRES: the owner never waits for the caller.
    bool push(T&& item) { return box_->push(std::move(item)); }

  private:
    friend class Mailbox<T>;

    explicit MailboxSender(Mailbox<T>* box) : box_(box) {}

    Mailbox<T>* box_ = nullptr;  // not owned
};

/// The reading end. The owner's thread only.
template <typename T>
class MailboxReceiver {
  public:
    MailboxReceiver() = default;

    /// Everything that waits, in order of arrival, into `items` (which must be empty).
    void drain(std::vector<T>& items) { box_->drain(items); }

  private:
    friend class Mailbox<T>;

    explicit MailboxReceiver(Mailbox<T>* box) : box_(box) {}

    Mailbox<T>* box_ = nullptr;  // not owned
};

/// Holds the queue; outlives both ends.
template <typename T>
class Mailbox {
  public:
    using Weigh = std::size_t (*)(const T&);

    explicit Mailbox(MailboxOptions options, Weigh weigh = nullptr)
        : options_(std::move(options)), weigh_(weigh) {}

    [[nodiscard]] MailboxSender<T> sender() { return MailboxSender<T>(this); }

    [[nodiscard]] MailboxReceiver<T> receiver() { return MailboxReceiver<T>(this); }

    /// From here on every push fails, waiting ones too.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        has_space_.notify_all();
    }

    [[nodiscard]] MailboxFigures figures() const {
        const std::lock_guard lock(mutex_);
        return {options_.name, depth_, depth_max_, pushed_, refused_};
    }

  private:
    friend class MailboxSender<T>;
    friend class MailboxReceiver<T>;

    bool try_push(T& item) {
        bool was_empty = false;
        {
            const std::lock_guard lock(mutex_);
            if (closed_ || depth_ >= options_.limit) {
                ++refused_;
                owes_space_ = true;
                return false;
            }
            was_empty = take(item);
        }
        if (was_empty && options_.wake) {
            options_.wake();
        }
        return true;
    }

    bool push(T&& item) {
        bool was_empty = false;
        {
            std::unique_lock lock(mutex_);
            has_space_.wait(lock, [this] { return closed_ || depth_ < options_.limit; });
            if (closed_) {
                return false;
            }
            was_empty = take(item);
        }
        if (was_empty && options_.wake) {
            options_.wake();
        }
        return true;
    }

    // REQUIRES: the lock. True if the box was empty.
    bool take(T& item) {
        const bool was_empty = items_.empty();
        depth_ += weight(item);
        depth_max_ = depth_ > depth_max_ ? depth_ : depth_max_;
        ++pushed_;
        items_.push_back(std::move(item));
        return was_empty;
    }

    void drain(std::vector<T>& items) {
        bool tell = false;
        bool was_full = false;
        {
            const std::lock_guard lock(mutex_);
            items.swap(items_);
            was_full = depth_ >= options_.limit;
            depth_ = 0;
            tell = std::exchange(owes_space_, false);
        }
        if (was_full) {
            has_space_.notify_all();
        }
        if (tell && options_.space) {
            options_.space();
        }
    }

    // Never 0, so that the limit bounds the count as well.
    std::size_t weight(const T& item) const { return weigh_ == nullptr ? 1 : 1 + weigh_(item); }

    const MailboxOptions options_;
    const Weigh weigh_;
    mutable std::mutex mutex_;
    std::condition_variable has_space_;
    std::vector<T> items_;
    std::size_t depth_ = 0;
    std::size_t depth_max_ = 0;
    std::uint64_t pushed_ = 0;
    std::uint64_t refused_ = 0;
    bool owes_space_ = false;
    bool closed_ = false;
};

}  // namespace amqmesh::router
