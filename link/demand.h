// Where consumers are free, as far as one worker knows, and who waits for them (DESIGN 4.2).
//
// Problem: an anycast delivery must not wait behind a busy consumer while another one anywhere is
//          free, and nobody sees all consumers' credit.
// Model:   1. A delivery whose consumers are all busy waits in its address's queue, at the router
//             where it entered the mesh or, if no other router has consumers, at theirs.
//          2. A router whose consumers are all busy gives what comes over the mesh back ("busy") if
//             other routers have consumers too, and remembers who sent it.
//          3. When one of its consumers has credit again, its own queue and those it remembers take
//             turns: it serves the one, and sends the other a hint of how many it can take. Who has
//             nothing left to send says so.
// Terms:   hints and refusals are soft: trusted for a moment only, after which one delivery is sent
//          as a probe. So a lost hint costs a little waiting, never a delivery.
// Bounds:  queued deliveries by their senders' credit; the rest by the constants below.
#pragma once

#include "link/links.h"
#include "link/shared_state.h"
#include "routing/types.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace amqmesh::link {

class DemandBook {
  public:
    static constexpr Time kTrust = 500 * routing::kMillisecond;
    static constexpr Time kRemember = 2 * routing::kSecond;
    static constexpr std::size_t kRoutersMax = 64;       ///< that wait for one address
    static constexpr std::size_t kAddressesMax = 65536;  ///< with routers that wait
    static constexpr std::size_t kAnswersMax = 65536;

    struct Waiter {
        routing::RouterId router = 0;
        Time until = 0;
    };

    /// What is going on with one address; exists while something is.
    struct Entry {
        DeliveryList queue;           ///< OutgoingDelivery::Stage::kQueued, in order
        std::vector<Waiter> waiters;  ///< routers to hint to
        std::uint32_t turn = 0;       ///< whose is the next free consumer: a waiter's, the queue's
        std::uint32_t reserved = 0;   ///< free consumers that waiters were told of ...
        Time reserved_until = 0;      ///< ... and how long they are kept for them
        bool recheck = false;         ///< that end is on the list of those to be looked at
    };

    explicit DemandBook(InterestBoard& interest) : interest_(interest) {}

    ~DemandBook();
    DemandBook(const DemandBook&) = delete;
    DemandBook& operator=(const DemandBook&) = delete;

    /// Nothing is going on anywhere: what the hot path asks.
    [[nodiscard]] bool empty() const { return entries_.empty(); }

    [[nodiscard]] Entry* find(routing::AddressHash address);
    Entry& make(routing::AddressHash address);
    void drop_if_idle(routing::AddressHash address);

    template <typename Visit>
    void for_each_queue(Visit visit) const {
        for (const auto& [address, entry] : entries_) {
            if (entry.queue.size != 0) {
                visit(entry.queue);
            }
        }
    }

    /// Deliveries wait for the address here.
    [[nodiscard]] bool queued(routing::AddressHash address);
    /// `router` is to hear of free consumers for a while.
    void remember(routing::AddressHash address, routing::RouterId router, Time now);

    /// A delivery of its came: remembered for longer, if it is, and a reserved place is used.
    void refresh(routing::AddressHash address, routing::RouterId router, Time now);
    /// It waits no longer.
    void forget(routing::AddressHash address, routing::RouterId router);

    /// `router` said how many deliveries it can hand out at once; 0: all its consumers are busy.
    void told(routing::AddressHash address, routing::RouterId router, std::uint32_t free, Time now);
    [[nodiscard]] bool busy(routing::AddressHash address, routing::RouterId router, Time now) const;

    /// What was sent there has been taken: a little more may be, each time. True: by somebody of
    /// whom was not known that he would.
    bool took(routing::AddressHash address, routing::RouterId router, Time now);

    /// Nothing is known any more.
    void untold(routing::AddressHash address, routing::RouterId router) {
        answers_.erase(key(address, router));
    }

    /// A delivery goes there.
    void sent(routing::AddressHash address, routing::RouterId router, Time now);

    /// Forgets what is old. The addresses with a queue.
    std::vector<routing::AddressHash> tidy(Time now);

  private:
    struct Answer {
        std::uint32_t free = 0;
        std::uint32_t step = 1;  ///< by which it grows
        Time at = 0;
    };

    static constexpr std::uint32_t kStepMax = 128;  ///< beyond, there is no need to count

    static std::uint64_t key(routing::AddressHash address, routing::RouterId router) {
        return address ^ (router * 0x9e3779b97f4a7c15ULL);
    }

    InterestBoard& interest_;
    std::unordered_map<routing::AddressHash, Entry> entries_;
    std::unordered_map<std::uint64_t, Answer> answers_;
};

}  // namespace amqmesh::link
