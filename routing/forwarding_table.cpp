#include "routing/forwarding_table.h"

#include "routing/address_key.h"
#include "routing/assert.h"

#include <algorithm>
#include <utility>

namespace amqmesh::routing {

const AddressRoute* ForwardingTable::find(AddressHash hash) const {
    const auto& shard = shards_[hash % kShards];
    if (!shard) {
        return nullptr;
    }
    const auto found = shard->find(hash);
    return found == shard->end() ? nullptr : found->second.get();
}

const RouterRoute* ForwardingTable::route(RouterId router) const {
    const auto found = routers_->find(router);
    return found == routers_->end() ? nullptr : &found->second;
}

bool ForwardingTable::routable(const AddressRoute& address) const {
    return address.in_process != InProcess::kNone || !address.local.empty() ||
           std::ranges::any_of(address.remote, [this](const RemoteConsumers& remote) {
               return route(remote) != nullptr;
           });
}

const ConnectionId* ForwardingTable::connection(AdjacencyId adjacency) const {
    const auto found = adjacencies_->find(adjacency);
    return found == adjacencies_->end() ? nullptr : &found->second;
}

bool ForwardingTable::are_parallel(const ConnectionId& a, const ConnectionId& b) const {
    const auto find = [&](const ConnectionId& one) {
        const auto found =
            std::ranges::lower_bound(*parallel_, one, {}, &Parallel::value_type::first);
        return found != parallel_->end() && found->first == one ? found->second : Topology::npos;
    };
    const auto neighbour = find(a);
    return neighbour != Topology::npos && neighbour == find(b);
}

ForwardingTableBuilder::ForwardingTableBuilder(RouterId self, std::string self_name) {
    table_.self_ = self;
    table_.self_name_ = std::move(self_name);
    table_.topologies_.add(std::make_shared<const Topology>());
    table_.settings_ = std::make_shared<const AddressSettings>();
    table_.routers_ = std::make_shared<const std::unordered_map<RouterId, RouterRoute>>();
    table_.adjacencies_ = std::make_shared<const std::unordered_map<AdjacencyId, ConnectionId>>();
    table_.numbered_ = std::make_shared<const ForwardingTable::Numbered>();
    table_.parallel_ = std::make_shared<const ForwardingTable::Parallel>();
}

void ForwardingTableBuilder::set_settings(std::shared_ptr<const AddressSettings> settings) {
    const auto old = std::exchange(table_.settings_, std::move(settings));
    change_.all = changed_ = true;
    // Addresses that are in use follow; those that become unavailable go on until their links end.
    std::vector<std::pair<std::string, Treatment>> others;
    table_.for_each([&](const AddressRoute& route) {
        if (!route.key.starts_with('M') || route.in_process != InProcess::kNone) {
            return;
        }
        const auto text = std::string_view{route.key}.substr(2);
        const auto treatment = table_.settings_->treatment(text);
        if (treatment != old->treatment(text) && treatment != Treatment::kUnavailable) {
            others.emplace_back(route.key, treatment);
        }
    });
    for (const auto& [key, treatment] : others) {
        edit(key, treatment).treatment = treatment;
    }
}

void ForwardingTableBuilder::set_topology(std::shared_ptr<const Topology> topology) {
    table_.topologies_.add(std::move(topology));
    links_changed_ = changed_ = true;
}

void ForwardingTableBuilder::set_adjacency(AdjacencyId adjacency, const ConnectionId* connection) {
    if (connection != nullptr) {
        connections_[adjacency] = *connection;
    } else {
        connections_.erase(adjacency);
    }
    links_changed_ = routes_changed_ = changed_ = true;
}

void ForwardingTableBuilder::set_route(RouterId router,
                                       std::string name,
                                       std::uint32_t cost,
                                       const std::vector<AdjacencyId>& next_hops) {
    if (next_hops.empty()) {
        routes_.erase(router);
    } else {
        routes_[router] = RouteEntry{std::move(name), cost, next_hops};
    }
    routes_changed_ = changed_ = true;
}

AddressRoute& ForwardingTableBuilder::edit(std::string_view key, Treatment treatment) {
    const auto hash = hash_key(key);
    changed_ = true;
    if (const auto open = open_routes_.find(hash); open != open_routes_.end()) {
        return *open->second;
    }
    const std::size_t index = hash % ForwardingTable::kShards;
    auto& shard = open_shards_[index];
    if (!shard) {
        const auto& old = table_.shards_[index];
        shard = old ? std::make_shared<ForwardingTable::Shard>(*old)
                    : std::make_shared<ForwardingTable::Shard>();
        table_.shards_[index] = shard;
    }
    auto& entry = (*shard)[hash];
    std::shared_ptr<AddressRoute> copy;
    if (entry) {
        copy = std::make_shared<AddressRoute>(*entry);
    } else {
        copy = std::make_shared<AddressRoute>();
        copy->hash = hash;
        copy->key = key;
        copy->treatment = treatment;
    }
    entry = copy;
    open_routes_[hash] = copy;
    change_.addresses.push_back(hash);
    return *copy;
}

void ForwardingTableBuilder::drop_if_empty(const AddressRoute& route) {
    if (!route.local.empty() || !route.remote.empty() || route.in_process != InProcess::kNone) {
        return;
    }
    const auto hash = route.hash;
    open_shards_.at(hash % ForwardingTable::kShards)->erase(hash);
    open_routes_.erase(hash);
}

void ForwardingTableBuilder::set_in_process(std::string_view key, InProcess subscriber) {
    auto& route = edit(key, Treatment::kClosest);
    route.in_process = subscriber;
    drop_if_empty(route);
}

void ForwardingTableBuilder::add_consumer(std::string_view key,
                                          Treatment treatment,
                                          const LocalConsumer& consumer) {
    auto& route = edit(key, treatment);
    route.treatment = treatment;  // a local consumer's node knows its own configuration best
    route.local.push_back(consumer);
}

void ForwardingTableBuilder::remove_consumer(std::string_view key, const ConsumerId& consumer) {
    auto& route = edit(key, Treatment::kBalanced);
    std::erase_if(route.local, [&](const LocalConsumer& entry) { return entry.id == consumer; });
    drop_if_empty(route);
}

void ForwardingTableBuilder::set_remote(std::string_view key,
                                        Treatment treatment,
                                        RouterId router,
                                        std::uint32_t weight,
                                        bool present) {
    auto& route = edit(key, treatment);
    auto place = std::lower_bound(
        route.remote.begin(),
        route.remote.end(),
        router,
        [this](const RemoteConsumers& entry, RouterId id) { return ids_[entry.number()] < id; });
    const bool known = place != route.remote.end() && ids_[place->number()] == router;
    if (!present) {
        if (known) {
            give_number_back(place->number());
            route.remote.erase(place);
        }
        drop_if_empty(route);
    } else if (known) {
        *place = {place->number(), weight};
    } else {
        const auto before = place - route.remote.begin();
        if (route.remote.size() == route.remote.capacity()) {
            route.remote.reserve(route.remote.size() + route.remote.size() / 8 + 1);
        }
        route.remote.insert(route.remote.begin() + before,
                            RemoteConsumers{take_number(router), weight});
    }
}

std::uint32_t ForwardingTableBuilder::take_number(RouterId router) {
    const auto [entry, fresh] = numbers_.try_emplace(router, 0);
    if (fresh) {
        if (free_numbers_.empty()) {
            AMQMESH_ASSERT(ids_.size() < RemoteConsumers::kNumberMax);
            free_numbers_.push_back(static_cast<std::uint32_t>(ids_.size()));
            ids_.push_back(0);
            uses_.push_back(0);
        }
        entry->second = free_numbers_.back();
        free_numbers_.pop_back();
        ids_[entry->second] = router;
        numbers_changed_ = true;
    }
    ++uses_[entry->second];
    return entry->second;
}

void ForwardingTableBuilder::give_number_back(std::uint32_t number) {
    if (--uses_[number] == 0) {
        numbers_.erase(ids_[number]);
        ids_[number] = 0;
        free_numbers_.push_back(number);
        numbers_changed_ = true;
    }
}

void ForwardingTableBuilder::resolve_numbers() {
    auto numbered = std::make_shared<ForwardingTable::Numbered>();
    numbered->ids = ids_;
    numbered->routes.reserve(ids_.size());
    for (const RouterId router : ids_) {
        numbered->routes.push_back(table_.route(router));
    }
    table_.numbered_ = std::move(numbered);
    numbers_changed_ = false;
}

std::size_t ForwardingTableBuilder::local_count(std::string_view key) const {
    const auto* route = table_.find(hash_key(key));
    if (route == nullptr) {
        return 0;
    }
    return route->local.size() + (route->in_process == InProcess::kNone ? 0U : 1U);
}

void ForwardingTableBuilder::resolve_routes() {
    auto routers = std::make_shared<std::unordered_map<RouterId, RouterRoute>>();
    routers->reserve(routes_.size());
    for (const auto& [router, entry] : routes_) {
        RouterRoute route{entry.name, entry.cost, {}};
        for (const auto adjacency : entry.next_hops) {
            const auto found = connections_.find(adjacency);
            if (found != connections_.end()) {
                route.next_hops.push_back(found->second);
            }
        }
        if (!route.next_hops.empty()) {
            routers->emplace(router, std::move(route));
        }
    }
    table_.routers_ = std::move(routers);
    table_.adjacencies_ =
        std::make_shared<const std::unordered_map<AdjacencyId, ConnectionId>>(connections_);
    change_.all = true;
    routes_changed_ = false;
}

void ForwardingTableBuilder::resolve_parallel() {
    const Topology& topology = *table_.topology();
    auto parallel = std::make_shared<ForwardingTable::Parallel>();
    if (topology.self < topology.ids.size()) {
        const auto end = topology.first[topology.self + std::size_t{1}];
        for (auto e = topology.first[topology.self]; e < end; ++e) {
            const auto to = topology.edges[e].to;
            const bool beside =
                (e > topology.first[topology.self] && topology.edges[e - 1].to == to) ||
                (e + 1 < end && topology.edges[e + 1].to == to);
            const auto found = connections_.find(topology.edges[e].adjacency);
            if (beside && found != connections_.end()) {
                parallel->emplace_back(found->second, to);
            }
        }
    }
    std::ranges::sort(*parallel);
    table_.parallel_ = std::move(parallel);
}

std::shared_ptr<const ForwardingTable> ForwardingTableBuilder::publish(TableChange& change) {
    if (routes_changed_ || numbers_changed_) {
        if (routes_changed_) {
            resolve_routes();
        }
        resolve_numbers();
    }
    if (std::exchange(links_changed_, false)) {
        resolve_parallel();
    }
    ++table_.generation_;
    for (const auto& [hash, route] : open_routes_) {
        route->remote.shrink_to_fit();
    }
    change = std::move(change_);
    change_ = {};
    open_shards_.clear();  // shared with a snapshot from now on: the next edit copies
    open_routes_.clear();
    changed_ = false;
    return std::make_shared<const ForwardingTable>(table_);
}

}  // namespace amqmesh::routing
