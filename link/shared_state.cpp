#include "link/shared_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace amqmesh::link {

std::uint32_t GaugeBoard::take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
        const auto page = owned_.size();
        if (page == kPages) {
            return 0;
        }
        owned_.push_back(std::make_unique<Page>());
        pages_[page].store(owned_.back().get(), std::memory_order_release);
        for (std::size_t i = 0; i < kPage; ++i) {
            const auto gauge = static_cast<std::uint32_t>(page * kPage + i);
            if (gauge != 0) {  // 0 is the shared one of those that came too late
                free_.push_back(gauge);
            }
        }
    }
    const auto gauge = free_.front();
    free_.pop_front();
    return gauge;
}

void GaugeBoard::give_back(std::uint32_t gauge) {
    if (gauge == 0) {
        return;
    }
    set(gauge, {kGone, 0});
    const std::lock_guard lock(mutex_);
    free_.push_back(gauge);
}

bool MulticastGuard::Window::has(std::uint32_t sequence) const {
    const std::uint32_t age = newest_ - sequence;  // serial numbers (RFC 1982)
    return age < known_ && (seen_[sequence % size() / kBits] & bit(sequence)) != 0;
}

/// What has left the window leaves room for what comes into it.
void MulticastGuard::Window::advance(std::uint32_t to) {
    const std::uint32_t step = to - newest_;
    if (step >= size()) {
        std::ranges::fill(seen_, 0);
    } else {
        for (std::uint32_t next = newest_ + 1; next != to + 1; ++next) {
            word(next) &= ~bit(next);
        }
    }
    known_ = std::min(size(), known_ + step);
    newest_ = to;
}

void MulticastGuard::Window::begin_at(std::uint32_t sequence) {
    std::ranges::fill(seen_, 0);
    newest_ = sequence;
    known_ = kWindow;
}

void MulticastGuard::Window::widen() {
    const std::vector<std::uint64_t> before = seen_;
    const std::uint32_t size_before = size();
    seen_.assign(2 * before.size(), 0);
    for (std::uint32_t age = 0; age < known_; ++age) {
        const std::uint32_t sequence = newest_ - age;
        word(sequence) |= before[sequence % size_before / kBits] & bit(sequence);
    }
    fresh_ = 0;
}

MulticastGuard::Verdict MulticastGuard::Window::see(std::uint32_t sequence) {
    const std::uint32_t ahead = sequence - newest_;
    const std::uint32_t behind = newest_ - sequence;
    if (std::min(ahead, behind) >= kFar) {
        begin_at(sequence);
    } else if (ahead < behind) {
        advance(sequence);
    } else if (behind >= known_) {
        return Verdict::kTooOld;
    }
    if ((word(sequence) & bit(sequence)) != 0) {
        return Verdict::kDuplicate;
    }
    word(sequence) |= bit(sequence);
    ++fresh_;
    return Verdict::kNew;
}

void MulticastGuard::forget(std::unique_ptr<Window> window) {
    wider_bytes_ -= window != nullptr ? window->wider_bytes() : 0;
}

std::size_t MulticastGuard::origins() {
    const std::lock_guard lock(mutex_);
    return origins_.size();
}

MulticastGuard::Verdict MulticastGuard::see(routing::RouterId id,
                                            std::uint64_t incarnation,
                                            std::uint32_t sequence) {
    const std::lock_guard lock(mutex_);
    auto& entry = origins_[id];
    if (!entry.window) {
        entry = {incarnation, std::make_unique<Window>(sequence), nullptr};
        if (origins_.size() > kOriginsMax) {
            const auto any = origins_.begin();
            const auto leaves = any->first != id ? any : std::next(any);
            forget(std::move(leaves->second.window));
            forget(std::move(leaves->second.before));
            origins_.erase(leaves);
        }
    } else if (entry.incarnation == 0) {
        entry.incarnation = incarnation;
    } else if (incarnation > entry.incarnation) {
        forget(std::move(entry.before));
        entry = {incarnation, std::make_unique<Window>(sequence), std::move(entry.window)};
    }
    if (entry.before && entry.before->has(sequence)) {
        return Verdict::kDuplicate;
    }
    Window& window = *entry.window;
    if (window.wants_more() && wider_bytes_ + window.bytes() <= kWiderBytesMax) {
        wider_bytes_ += window.bytes();
        window.widen();
    }
    return window.see(sequence);
}

}  // namespace amqmesh::link
