// What a worker needs to forward a delivery, as one immutable value (waist 3).
//
// The control thread owns a ForwardingTableBuilder, changes it, and publishes snapshots; workers
// read the snapshot they were last given without locks and cache what they found by its generation.
// Shards are shared between snapshots, so publishing one changed address among 100,000 copies one
// shard (1/1024 of them).
#pragma once

#include "routing/address_settings.h"
#include "routing/topology.h"
#include "routing/topology_history.h"
#include "routing/types.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace amqmesh::routing {

/// A connection of this node: the worker that owns it, its slot there, and which life of the slot.
struct ConnectionId {
    std::uint16_t worker = 0;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;

    auto operator<=>(const ConnectionId&) const = default;
};

/// A link to a local consumer.
struct ConsumerId {
    ConnectionId connection;
    std::uint32_t link = 0;        ///< the engine's LinkIndex
    std::uint32_t generation = 0;  ///< which life of that index

    auto operator<=>(const ConsumerId&) const = default;
};

/// Consumers that are not links but parts of the node itself.
enum class InProcess : std::uint8_t { kNone, kManagement };

struct LocalConsumer {
    ConsumerId id;
    std::uint32_t gauge = 0;  ///< where its credit can be seen by other workers (link/gauges.h)
};

/// A router that has consumers of an address. Four bytes, as there may be millions: the router by a
/// number that the table knows (ForwardingTable::router).
class RemoteConsumers {
  public:
    static constexpr std::uint32_t kNumberMax = (1U << 24U) - 1;

    /// Weights above 255 count as 255.
    RemoteConsumers(std::uint32_t number, std::uint32_t weight)
        : packed_(number << 8U | std::min(weight, 255U)) {}

    [[nodiscard]] std::uint32_t number() const { return packed_ >> 8U; }

    /// 0: draining, use only if alone.
    [[nodiscard]] std::uint32_t weight() const { return packed_ & 0xffU; }

  private:
    std::uint32_t packed_;
};

struct AddressRoute {
    AddressHash hash = 0;
    std::string key;
    Treatment treatment = Treatment::kBalanced;
    InProcess in_process = InProcess::kNone;
    std::vector<LocalConsumer> local;
    std::vector<RemoteConsumers> remote;  ///< ascending by router id, reachable or not
};

/// How to get to another router.
struct RouterRoute {
    std::string name;
    std::uint32_t cost = 0;
    /// By preference (routing/spf.h), or one for all; empty: unreachable.
    std::vector<ConnectionId> next_hops;

    /// REQUIRES: reachable. All routers take the same preference for a flow, or messages of it
    /// could go round while routes change.
    [[nodiscard]] const ConnectionId& next_hop(std::uint64_t flow) const {
        return next_hops[flow % next_hops.size()];
    }
};

class ForwardingTable {
  public:
    [[nodiscard]] const AddressRoute* find(AddressHash hash) const;
    /// nullptr: never heard of, or unreachable.
    [[nodiscard]] const RouterRoute* route(RouterId router) const;

    /// The same for a router of an address of this table.
    [[nodiscard]] const RouterRoute* route(const RemoteConsumers& remote) const {
        return numbered_->routes[remote.number()];
    }

    [[nodiscard]] RouterId router(const RemoteConsumers& remote) const {
        return numbered_->ids[remote.number()];
    }

    /// Some consumer can be reached from here now.
    [[nodiscard]] bool routable(const AddressRoute& address) const;

    [[nodiscard]] std::uint64_t generation() const { return generation_; }

    [[nodiscard]] const std::shared_ptr<const Topology>& topology() const {
        return topologies_.current();
    }

    /// The topology in force and the ones before it.
    [[nodiscard]] const TopologyHistory& topologies() const { return topologies_; }

    [[nodiscard]] const AddressSettings& settings() const { return *settings_; }

    [[nodiscard]] RouterId self() const { return self_; }

    [[nodiscard]] std::string_view self_name() const { return self_name_; }

    /// The next hop's connection for one of our adjacencies, or nullptr.
    [[nodiscard]] const ConnectionId* connection(AdjacencyId adjacency) const;

    /// Whether both lead to one neighbour: what came over one must not go back over the other.
    [[nodiscard]] bool same_neighbour(const ConnectionId& a, const ConnectionId& b) const {
        return a == b || (!parallel_->empty() && are_parallel(a, b));
    }

    /// Calls `visit(const AddressRoute&)` for every address, in no particular order (management).
    template <typename Visit>
    void for_each(Visit visit) const {
        for (const auto& shard : shards_) {
            if (shard) {
                for (const auto& [hash, route] : *shard) {
                    visit(*route);
                }
            }
        }
    }

  private:
    friend class ForwardingTableBuilder;
    using Parallel = std::vector<std::pair<ConnectionId, std::uint32_t>>;

    [[nodiscard]] bool are_parallel(const ConnectionId& a, const ConnectionId& b) const;

    static constexpr std::size_t kShards = 1024;
    using Shard = std::unordered_map<AddressHash, std::shared_ptr<const AddressRoute>>;

    /// Routers that have consumers of anything, by number; unused numbers are 0 and nullptr.
    struct Numbered {
        std::vector<RouterId> ids;
        std::vector<const RouterRoute*> routes;  // into routers_
    };

    std::uint64_t generation_ = 0;
    RouterId self_ = 0;
    std::string self_name_;
    TopologyHistory topologies_;
    std::shared_ptr<const AddressSettings> settings_;
    std::shared_ptr<const std::unordered_map<RouterId, RouterRoute>> routers_;
    std::shared_ptr<const Numbered> numbered_;
    std::shared_ptr<const std::unordered_map<AdjacencyId, ConnectionId>> adjacencies_;
    /// Connections beside others to the same neighbour, ascending, and which neighbour.
    std::shared_ptr<const Parallel> parallel_;
    std::array<std::shared_ptr<const Shard>, kShards> shards_;
};

/// What changed between two snapshots, for whoever caches reachability (credit).
struct TableChange {
    bool all = false;  ///< routes to routers changed: look at everything again
    std::vector<AddressHash> addresses;
};

/// The control thread's mutable side. One thread.
class ForwardingTableBuilder {
  public:
    ForwardingTableBuilder(RouterId self, std::string self_name);

    void set_settings(std::shared_ptr<const AddressSettings> settings);  ///< what is in use follows
    void set_topology(std::shared_ptr<const Topology> topology);
    void set_adjacency(AdjacencyId adjacency, const ConnectionId* connection);  ///< nullptr: gone
    /// `next_hops` as in RouteChange.
    void set_route(RouterId router,
                   std::string name,
                   std::uint32_t cost,
                   const std::vector<AdjacencyId>& next_hops);
    void set_in_process(std::string_view key, InProcess subscriber);
    void add_consumer(std::string_view key, Treatment treatment, const LocalConsumer& consumer);
    void remove_consumer(std::string_view key, const ConsumerId& consumer);
    void set_remote(std::string_view key,
                    Treatment treatment,
                    RouterId router,
                    std::uint32_t weight,
                    bool present);
    /// Consumers of a key on this node (in-process ones included).
    [[nodiscard]] std::size_t local_count(std::string_view key) const;

    [[nodiscard]] bool changed() const { return changed_; }

    /// A new snapshot, and what is different in it. REQUIRES: nothing; cheap when little changed.
    std::shared_ptr<const ForwardingTable> publish(TableChange& change);

  private:
    AddressRoute& edit(std::string_view key, Treatment treatment);
    void drop_if_empty(const AddressRoute& route);
    void resolve_routes();
    void resolve_numbers();
    void resolve_parallel();
    std::uint32_t take_number(RouterId router);
    void give_number_back(std::uint32_t number);

    struct RouteEntry {
        std::string name;
        std::uint32_t cost = 0;
        std::vector<AdjacencyId> next_hops;
    };

    ForwardingTable table_;
    std::unordered_map<RouterId, RouteEntry> routes_;
    std::unordered_map<RouterId, std::uint32_t> numbers_;
    std::vector<RouterId> ids_;        // by number; 0: free
    std::vector<std::uint32_t> uses_;  // by number: addresses of that router
    std::vector<std::uint32_t> free_numbers_;
    std::unordered_map<AdjacencyId, ConnectionId> connections_;
    // Shards and routes that were copied since the last publish and may still be written.
    std::unordered_map<std::size_t, std::shared_ptr<ForwardingTable::Shard>> open_shards_;
    std::unordered_map<AddressHash, std::shared_ptr<AddressRoute>> open_routes_;
    TableChange change_;
    bool routes_changed_ = false;
    bool numbers_changed_ = false;
    bool links_changed_ = false;  ///< our own
    bool changed_ = false;
};

}  // namespace amqmesh::routing
