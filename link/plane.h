// What the parts of one worker's data plane share: connections, deliveries, the routing snapshot,
// and the lists of what the end of the burst has to do. One thread.
#pragma once

#include "link/chunk.h"
#include "link/data_plane.h"
#include "link/delivery.h"
#include "link/memory_budget.h"
#include "link/shared_state.h"
#include "link/slab.h"
#include "link/unanswered.h"
#include "routing/forwarding_table.h"
#include "routing/node.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace amqmesh::link {

class Connection;
class Forwarder;
struct IncomingLink;

struct ConnectionHolder {
    std::unique_ptr<Connection> connection;
};

/// Two numbers in the engine's 64-bit delivery context. REQUIRES: generation <=
/// Slab::kGenerationMax; the highest bit says something else.
constexpr std::uint64_t pack_context(std::uint32_t slot, std::uint32_t generation) {
    return std::uint64_t{generation} << 32U | slot;
}

constexpr std::uint32_t context_slot(std::uint64_t context) {
    return static_cast<std::uint32_t>(context);
}

constexpr std::uint32_t context_generation(std::uint64_t context) {
    return static_cast<std::uint32_t>(context >> 32U);
}

/// Contexts of control messages carry their token instead.
inline constexpr std::uint64_t kControlContext = std::uint64_t{1} << 63U;

class Plane {
  public:
    Plane(PlaneConfig config, PlaneOutlet& outlet);
    ~Plane();
    Plane(const Plane&) = delete;
    Plane& operator=(const Plane&) = delete;

    /// nullptr when that life is over.
    Connection* connection(std::uint32_t slot, std::uint32_t generation) {
        auto* holder = connections.find(slot, generation);
        return holder != nullptr ? holder->connection.get() : nullptr;
    }

    Connection* connection(const ConnectionId& id) {
        return id.worker == config.worker ? connection(id.slot, id.generation) : nullptr;
    }

    /// Puts the connection on the list of those to be written at the end of the burst.
    void touch(Connection& connection);
    /// Puts the link on the list of those whose credit may be due.
    void queue_credit(Connection& connection, LinkIndex index, IncomingLink& link);
    void queue_credit(Connection& connection, LinkIndex index);
    /// Into and out of `watchers`.
    void watch(Connection& connection, LinkIndex index, IncomingLink& link);
    void unwatch(IncomingLink& link);

    /// Those of an address in the table; all others share kSharedCounters'. Valid as long as its
    /// `outstanding` is not 0, and for links until it is called again: it may take theirs away.
    AddressCounters& address_counters(routing::AddressHash hash);
    static constexpr routing::AddressHash kSharedCounters = 0;
    /// 15 characters that no other call on any router life returns.
    std::string unique_name();

    /// All of them, and empty ones in the place of those whose address has gone.
    [[nodiscard]] const std::deque<AddressCounters>& all_address_counters() const {
        return address_counters_;
    }

    PlaneConfig config;
    PlaneOutlet& outlet;  // not owned
    std::shared_ptr<SharedState> shared;
    std::shared_ptr<const routing::ForwardingTable> table;
    ChunkPool pool;
    Slab<ConnectionHolder> connections;
    Slab<IncomingDelivery> incoming;
    Slab<OutgoingDelivery> outgoing;
    PlaneCounters counters;
    /// Payload that waits: for its outgoing link, or for another try.
    MemoryBudget budget;
    /// Beginnings of messages whose end, or address, has not come: see Forwarder::collect().
    std::size_t collecting = 0;

    [[nodiscard]] std::size_t collecting_max() const {
        return std::min(budget.max / 4, std::size_t{64} << 20U);
    }

    Time now = 0;
    bool withhold = false;  ///< clients get no credit any more
    std::vector<ConnectionId> dirty;
    std::vector<LinkKey> credit_due;
    std::vector<CrossBatch> batches;  // by worker
    /// Links to look at again when an address's reachability changes.
    std::unordered_map<routing::AddressHash, std::vector<LinkKey>> watchers;
    Unanswered unanswered;

  private:
    void forget_address_counters();

    // References into a deque stay valid; bounded by twice the addresses that the table had at
    // most, and kAddressCountersMin, and kAddressCountersMax.
    std::deque<AddressCounters> address_counters_;
    std::unordered_map<routing::AddressHash, AddressCounters*> address_counters_by_hash_;
    std::vector<AddressCounters*> free_address_counters_;
    static constexpr std::size_t kAddressCountersMax = 1U << 20U;
    static constexpr std::size_t kAddressCountersMin = 4096;
    std::size_t forget_address_counters_at_ = kAddressCountersMin;
    std::uint64_t name_seed_ = 0;
    std::uint64_t name_count_ = 0;
};

}  // namespace amqmesh::link
