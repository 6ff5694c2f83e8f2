// What all workers of a process share besides immutable snapshots: atomics, none of which
// correctness of a single delivery's settlement depends on.
#pragma once

#include "routing/types.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace amqmesh::link {

/// How busy each local consumer is, written by its own worker and read by all as a hint for picking
/// one. A stale value costs a delivery some waiting, never its outcome.
class GaugeBoard {
  public:
    struct Reading {
        std::int32_t free = 0;          ///< credit minus deliveries waiting; <= 0: busy
        std::uint32_t outstanding = 0;  ///< waiting or sent and unsettled
    };

    static constexpr std::int32_t kGone = INT32_MIN;

    /// Any thread. At most kPages * kPage consumers; beyond, all share gauge 0.
    std::uint32_t take();
    void give_back(std::uint32_t gauge);

    void set(std::uint32_t gauge, Reading reading) {
        cell(gauge).store(static_cast<std::uint64_t>(static_cast<std::uint32_t>(reading.free))
                                  << 32U |
                              reading.outstanding,
                          std::memory_order_relaxed);
    }

    [[nodiscard]] Reading get(std::uint32_t gauge) const {
        const auto value = cell(gauge).load(std::memory_order_relaxed);
        return {static_cast<std::int32_t>(static_cast<std::uint32_t>(value >> 32U)),
                static_cast<std::uint32_t>(value & 0xffffffffU)};
    }

  private:
    static constexpr std::size_t kPage = 1024;
    static constexpr std::size_t kPages = 1024;
    using Page = std::array<std::atomic<std::uint64_t>, kPage>;

    [[nodiscard]] std::atomic<std::uint64_t>& cell(std::uint32_t gauge) const {
        return (*pages_[gauge / kPage].load(std::memory_order_acquire))[gauge % kPage];
    }

    std::array<std::atomic<Page*>, kPages> pages_{};
    std::mutex mutex_;  // take and give_back only
    std::vector<std::unique_ptr<Page>> owned_;
    std::deque<std::uint32_t> free_;  // reused first in, first out: old snapshots still name them
};

/// Which addresses some worker waits for a free consumer of, by hash. Two that share a cell cost a
/// little; an entry is counted by each worker that has one.
class InterestBoard {
  public:
    void add(routing::AddressHash address) { cell(address).fetch_add(1); }

    void remove(routing::AddressHash address) { cell(address).fetch_sub(1); }

    /// Reads by a change of nothing: whoever adds himself after it sees the gauge that was set
    /// before it, so that one of the two always learns of the other.
    [[nodiscard]] bool any(routing::AddressHash address) { return cell(address).fetch_add(0) != 0; }

  private:
    static constexpr std::size_t kCells = 4096;

    std::atomic<std::uint32_t>& cell(routing::AddressHash address) {
        return cells_[address % kCells];
    }

    std::array<std::atomic<std::uint32_t>, kCells> cells_{};
};

/// Tells which multicast deliveries this node has seen (ROUTING 1.7 step 5): the last kWindow
/// sequence numbers of every origin, over all its addresses; the last kWindowMax of one that sends
/// many, since a long message may wait for its lane while as many short ones pass. Copies may
/// arrive on any worker.
///
/// Origins need not exist: a neighbour may invent them. So each takes little over kWindow / 8
/// bytes, all together 2 * kOriginsMax times that at most (42 MB); wider windows take
/// kWiderBytesMax together.
class MulticastGuard {
  public:
    static constexpr std::uint32_t kWindow = 8192;
    static constexpr std::uint32_t kWindowMax = 262'144;
    static constexpr std::size_t kWiderBytesMax = std::size_t{32} << 20U;
    static constexpr std::size_t kOriginsMax = 20'000;
    /// A step as far as that is no step, but a new count: one forged number silences nobody.
    static constexpr std::uint32_t kFar = 1U << 20U;

    enum class Verdict : std::uint8_t { kNew, kDuplicate, kTooOld };

    /// `incarnation` tells lives of the origin apart (from its LSP): it rises, but one life may
    /// raise it, too, and workers learn of it at different moments. So a higher one starts a new
    /// window and keeps the one before to look into; a lower one, or 0 (unknown), says nothing.
    Verdict see(routing::RouterId origin, std::uint64_t incarnation, std::uint32_t sequence);

    [[nodiscard]] std::size_t origins();

  private:
    class Window {
      public:
        explicit Window(std::uint32_t first) : newest_(first) {}

        [[nodiscard]] bool has(std::uint32_t sequence) const;
        Verdict see(std::uint32_t sequence);

        /// It was filled twice, and may be wider.
        [[nodiscard]] bool wants_more() const {
            return fresh_ >= 2 * size() && size() < kWindowMax;
        }

        /// Twice as wide, with what is known.
        void widen();

        [[nodiscard]] std::size_t bytes() const { return seen_.size() * sizeof(std::uint64_t); }

        /// Beyond those of a window that was not widened.
        [[nodiscard]] std::size_t wider_bytes() const { return bytes() - kWindow / 8; }

      private:
        static constexpr std::uint32_t kBits = 64;

        [[nodiscard]] std::uint32_t size() const {
            return static_cast<std::uint32_t>(seen_.size()) * kBits;
        }

        [[nodiscard]] std::uint64_t& word(std::uint32_t sequence) {
            return seen_[sequence % size() / kBits];
        }

        static std::uint64_t bit(std::uint32_t sequence) {
            return std::uint64_t{1} << (sequence % kBits);
        }

        void advance(std::uint32_t to);
        void begin_at(std::uint32_t sequence);

        std::uint32_t newest_;           // sequence numbers beyond it have no bit set
        std::uint32_t known_ = kWindow;  // up to the newest; what is older was forgotten
        std::uint32_t fresh_ = 0;        // that it has seen since it has this size
        std::vector<std::uint64_t> seen_ = std::vector<std::uint64_t>(kWindow / kBits);
    };

    struct Origin {
        std::uint64_t incarnation = 0;
        std::unique_ptr<Window> window;
        std::unique_ptr<Window> before;  // of the incarnation before; may be null
    };

    void forget(std::unique_ptr<Window> window);

    std::mutex mutex_;
    std::unordered_map<routing::RouterId, Origin> origins_;
    std::size_t wider_bytes_ = 0;  // of all windows
};

/// Made once per process and given to every DataPlane.
struct SharedState {
    GaugeBoard gauges;
    MulticastGuard multicast;
    InterestBoard interest;
    /// Attaches of consumers, on all workers, that wait for the table (link/unanswered.h).
    std::atomic<std::uint32_t> unanswered{0};
    /// Sequence of multicast deliveries that enter the mesh here. Best started at a number that
    /// rises from life to life (the time): routers that have not heard of the new life yet then
    /// take its deliveries for new, too.
    std::atomic<std::uint32_t> multicast_sequence{1};
};

}  // namespace amqmesh::link
