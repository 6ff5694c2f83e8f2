#include "router/management_rows.h"

#include "router/log.h"
#include "router/routing_rows.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

namespace amqmesh::router {

namespace {

constexpr const char* kProtocol = "amqp";

// The same in every row that has a state of its own to report.
constexpr const char* kEnabled = "enabled";

std::uint64_t seconds_since(routing::Time then, routing::Time now) {
    return now > then ? (now - then) / routing::kSecond : 0;
}

std::string host_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    statm >> size >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

mgmt::Value to_value(const link::PropertyValue& property) {
    return std::visit(
        [](const auto& value) -> mgmt::Value {
            if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
                return {};
            } else {
                return value;
            }
        },
        property);
}

mgmt::Value to_map(const link::Properties& properties) {
    mgmt::Map map;
    for (const auto& [key, value] : properties) {
        map.emplace_back(key, to_value(value));
    }
    return map;
}

template <typename Counts>
mgmt::List to_list(const Counts& counts) {
    return mgmt::List(counts.begin(), counts.end());
}

std::string role_name(link::ConnectionRole role) {
    return link::to_string(role);
}

// By router, as the reference shows it for links to clients; null elsewhere.
mgmt::Value ingress_histogram(const link::LinkRow& link, const RouterNumbers& routers) {
    if (routers.empty() || link.incoming || link.type != "endpoint") {
        return {};
    }
    std::vector<link::OriginCounts::Count> counts = link.origins;
    std::uint64_t here = link.deliveries;
    for (const auto& count : counts) {
        here -= std::min(here, count.deliveries);
    }
    if (here > 0) {
        counts.push_back({routers.self(), here});
    }
    return routers.list(
        counts,
        [](const auto& count) { return count.router; },
        [](const auto& count) { return count.deliveries; });
}

mgmt::Row link_row(const link::LinkRow& link,
                   const RouterNumbers& routers,
                   const mgmt::EntityType& type) {
    const std::string connection = std::to_string(link.connection_number);
    const std::string identity =
        connection + '.' + std::to_string(link.link) + (link.incoming ? ".in" : ".out");
    mgmt::Row row(type);
    row.set("name", identity)
        .set("identity", identity)
        .set("linkName", link.name)
        .set("linkType", link.type)
        .set("linkDir", link.incoming ? "in" : "out")
        .set("capacity", link.capacity)
        .set("undeliveredCount", link.undelivered)
        .set("unsettledCount", link.unsettled)
        .set("deliveryCount", link.deliveries)
        .set("connectionId", connection)
        .set("adminStatus", kEnabled)
        .set("operStatus", link.up ? "up" : "down")
        .set("presettledCount", link.presettled)
        .set("droppedPresettledCount", link.dropped_presettled)
        .set("acceptedCount", link.accepted)
        .set("rejectedCount", link.rejected)
        .set("releasedCount", link.released)
        .set("modifiedCount", link.modified)
        .set("deliveriesDelayed1Sec", link.ages.delayed_1s)
        .set("deliveriesDelayed10Sec", link.ages.delayed_10s)
        .set("deliveriesStuck", link.ages.stuck)
        .set("ingressHistogram", ingress_histogram(link, routers))
        .set("priority", unsigned{link.priority})
        .set("settleRate", std::int64_t{std::lround(link.settle_rate)})
        .set("creditAvailable", link.credit)
        .set("zeroCreditSeconds", link.zero_credit_s)
        .set("uptimeSeconds", link.uptime_s);
    if (!link.owning_address.empty()) {
        row.set("owningAddr", link.owning_address);
    }
    return row;
}

mgmt::Row connection_row(const link::ConnectionRow& connection,
                         const mgmt::EntityType& type,
                         const RowTimes& times) {
    const std::string identity = std::to_string(connection.number);
    mgmt::Row row(type);
    row.set("name", "connection/" + connection.host + '/' + identity)
        .set("identity", identity)
        .set("host", connection.host)
        .set("role", role_name(connection.role))
        .set("protocol", kProtocol)
        .set("dir", connection.outgoing ? "out" : "in")
        .set("container", connection.container)
        .set("sasl", connection.sasl)
        .set("isAuthenticated", !connection.user.empty())
        .set("user", connection.user)
        .set("isEncrypted", false)
        .set("properties", to_map(connection.properties))
        .set("sslSsf", 0)
        .set("ssl", false)
        .set("opened", connection.opened)
        .set("active", true)
        .set("adminStatus", kEnabled)
        .set("operStatus", "up")
        .set("uptimeSeconds",
             connection.opened ? seconds_since(connection.opened_at, times.now) : 0U)
        .set("enableProtocolTrace", connection.traced)
        .set("sessions", connection.sessions)
        .set("links", connection.links)
        .set("bytesIn", connection.bytes_in)
        .set("bytesOut", connection.bytes_out);
    if (connection.last_delivery_at != 0) {
        row.set("lastDlvSeconds", seconds_since(connection.last_delivery_at, times.now));
    }
    return row;
}

using CountersByHash = AddressesTaken::CountersByHash;
using TowardsByHash = AddressesTaken::TowardsByHash;

CountersByHash sum_addresses(const Snapshots::Parts& parts) {
    CountersByHash sums;
    for (const auto& part : parts) {
        for (const link::AddressCounters& counters : part->addresses) {
            link::AddressCounters& sum = sums[counters.hash];
            sum.ingress += counters.ingress;
            sum.egress += counters.egress;
            sum.transit += counters.transit;
            sum.outstanding += counters.outstanding;
            sum.in_process += counters.in_process;
            sum.from_node += counters.from_node;
            sum.container_ingress += counters.container_ingress;
            sum.container_egress += counters.container_egress;
            sum.settle_ages.add(counters.settle_ages);
        }
    }
    return sums;
}

TowardsByHash sum_towards(const Snapshots::Parts& parts) {
    TowardsByHash sums;
    for (const auto& part : parts) {
        for (const link::Towards& one : part->towards) {
            sums[one.address][one.router] += one.deliveries;
        }
    }
    return sums;
}

mgmt::Value transit_outstanding(const routing::AddressRoute& address,
                                const TowardsByHash& sums,
                                const RouterNumbers& routers) {
    if (routers.empty() || address.treatment != routing::Treatment::kBalanced) {
        return {};
    }
    const auto found = sums.find(address.hash);
    if (found == sums.end()) {
        return mgmt::List{};
    }
    return routers.list(
        found->second,
        [](const auto& entry) { return entry.first; },
        [](const auto& entry) { return entry.second; });
}

mgmt::Row address_row(const routing::AddressRoute& address,
                      const link::AddressCounters& counters,
                      const routing::ForwardingTable& table,
                      const mgmt::EntityType& type) {
    mgmt::List routers;
    for (const routing::RemoteConsumers& remote : address.remote) {
        if (const routing::RouterRoute* route = table.route(remote)) {
            routers.emplace_back(route->name);
        }
    }
    // Keys of the mobile class carry a phase digit that settings do not know about.
    const std::string_view text =
        std::string_view{address.key}.substr(address.key.starts_with('M') ? 2 : 1);
    const routing::AddressRule* rule = table.settings().match(text);
    mgmt::Row row(type);
    row.set("name", address.key)
        .set("identity", address.key)
        .set("key", address.key)
        .set("distribution", routing::to_string(address.treatment))
        .set("inProcess", address.in_process == routing::InProcess::kNone ? 0 : 1)
        .set("subscriberCount", address.local.size())
        .set("remoteCount", routers.size())
        .set("containerCount", 0)
        .set("remoteHostRouters", std::move(routers))
        .set("deliveriesIngress", counters.ingress)
        .set("deliveriesEgress", counters.egress)
        .set("deliveriesTransit", counters.transit)
        .set("deliveriesToContainer", counters.in_process)
        .set("deliveriesFromContainer", counters.from_node)
        .set("deliveriesEgressRouteContainer", counters.container_egress)
        .set("deliveriesIngressRouteContainer", counters.container_ingress)
        .set("trackedDeliveries", counters.outstanding)
        .set("priority", rule != nullptr && rule->priority ? int{*rule->priority} : -1)
        .set("deliveriesRedirectedToFallback", 0)
        .set("settleAges", to_list(counters.settle_ages.counts))
        .set("settleAgesSum", counters.settle_ages.sum_us);
    return row;
}

// Who is behind each of our adjacencies.
std::unordered_map<routing::AdjacencyId, std::string> peers(const routing::NodeView& view) {
    std::unordered_map<routing::AdjacencyId, std::string> names;
    for (const routing::AdjacencyView& adjacency : view.adjacencies) {
        names.emplace(adjacency.link, adjacency.peer_name);
    }
    return names;
}

mgmt::Value link_costs(const routing::ForwardingTable& table, routing::RouterId router) {
    mgmt::Map costs;
    if (const auto& topology = table.topology()) {
        const std::uint32_t index = topology->index_of(router);
        if (index != routing::Topology::npos) {
            for (std::uint32_t e = topology->first[index]; e < topology->first[index + 1]; ++e) {
                const routing::Topology::Edge& edge = topology->edges[e];
                // Of parallel links the first is the cheapest.
                if (mgmt::find(costs, topology->names[edge.to]) == nullptr) {
                    costs.emplace_back(topology->names[edge.to], edge.cost);
                }
            }
        }
    }
    return costs;
}

link::PlaneCounters sum_counters(const Snapshots::Parts& parts) {
    link::PlaneCounters sum;
    for (const auto& part : parts) {
        const link::PlaneCounters& one = part->counters;
        sum.presettled += one.presettled;
        sum.dropped_presettled += one.dropped_presettled;
        sum.accepted += one.accepted;
        sum.rejected += one.rejected;
        sum.released += one.released;
        sum.modified += one.modified;
        sum.ingress += one.ingress;
        sum.egress += one.egress;
        sum.transit += one.transit;
        sum.expired += one.expired;
        sum.hop_limit_drops += one.hop_limit_drops;
        sum.stalled += one.stalled;
        sum.redelivered += one.redelivered;
        sum.container_ingress += one.container_ingress;
        sum.container_egress += one.container_egress;
        sum.ages.delayed_1s += one.ages.delayed_1s;
        sum.ages.delayed_10s += one.ages.delayed_10s;
        sum.ages.stuck += one.ages.stuck;
        sum.settle_ages.add(one.settle_ages);
        sum.links_blocked += one.links_blocked;
    }
    return sum;
}

}  // namespace

RouterNumbers::RouterNumbers(const routing::NodeView& view) : self_(view.id) {
    for (const routing::LinkStateView& router : view.routers) {
        if (router.router == view.id || router.reachable) {
            numbers_.emplace(router.router, numbers_.size());
        }
    }
}

std::vector<mgmt::Row> link_rows(const Snapshots::Parts& parts,
                                 const RouterNumbers& routers,
                                 mgmt::Page page) {
    const mgmt::EntityType& type = mgmt::type_of("router.link");
    std::vector<mgmt::Row> rows;
    for (const auto& part : parts) {
        const std::size_t skipped = std::min(page.offset, part->links.size());
        page.offset -= skipped;
        for (std::size_t i = skipped; i < part->links.size() && rows.size() < page.count; ++i) {
            rows.push_back(link_row(part->links[i], routers, type));
        }
    }
    return rows;
}

std::vector<mgmt::Row> connection_rows(const Snapshots::Parts& parts,
                                       const RowTimes& times,
                                       const mgmt::Page& page) {
    const mgmt::EntityType& type = mgmt::type_of("connection");
    std::vector<const link::ConnectionRow*> in_order;
    for (const auto& part : parts) {
        for (const link::ConnectionRow& connection : part->connections) {
            in_order.push_back(&connection);
        }
    }
    std::ranges::sort(in_order, {}, &link::ConnectionRow::number);
    const std::size_t first = std::min(page.offset, in_order.size());
    const std::size_t end = first + std::min(page.count, in_order.size() - first);
    std::vector<mgmt::Row> rows;
    for (std::size_t i = first; i < end; ++i) {
        rows.push_back(connection_row(*in_order[i], type, times));
    }
    return rows;
}

AddressesTaken::AddressesTaken(const Snapshots::Parts& parts,
                               RouterNumbers routers,
                               std::shared_ptr<const routing::ForwardingTable> table)
    : routers_(std::move(routers)),
      table_(std::move(table)),
      sums_(sum_addresses(parts)),
      towards_(sum_towards(parts)) {
    table_->for_each(
        [this](const routing::AddressRoute& address) { in_order_.push_back(&address); });
    std::ranges::sort(in_order_, {}, &routing::AddressRoute::key);
}

std::vector<mgmt::Row> AddressesTaken::rows(const mgmt::Page& page) const {
    const mgmt::EntityType& type = mgmt::type_of("router.address");
    const std::size_t first = std::min(page.offset, in_order_.size());
    const std::size_t end = first + std::min(page.count, in_order_.size() - first);
    std::vector<mgmt::Row> rows;
    for (std::size_t i = first; i < end; ++i) {
        const routing::AddressRoute& address = *in_order_[i];
        const auto found = sums_.find(address.hash);
        rows.push_back(address_row(address,
                                   found == sums_.end() ? link::AddressCounters{} : found->second,
                                   *table_,
                                   type));
        rows.back().set("transitOutstanding", transit_outstanding(address, towards_, routers_));
    }
    return rows;
}

std::vector<mgmt::Row> node_rows(const routing::NodeView& view,
                                 const routing::ForwardingTable& table,
                                 const RowTimes& times) {
    const mgmt::EntityType& type = mgmt::type_of("router.node");
    const auto peer_names = peers(view);
    std::vector<mgmt::Row> rows;
    for (const routing::LinkStateView& router : view.routers) {
        const bool self = router.router == view.id;
        if (!self && !router.reachable) {
            continue;
        }
        mgmt::List neighbours;
        for (const std::string& name : router.neighbours) {
            neighbours.emplace_back(name);
        }
        mgmt::List next_hops;
        for (const routing::AdjacencyId hop : router.next_hops) {
            const auto found = peer_names.find(hop);
            next_hops.emplace_back(found == peer_names.end() ? std::string{} : found->second);
        }
        const std::string identity = "router.node/" + router.name;
        const routing::Time changed =
            router.last_change > times.started ? router.last_change - times.started : 0;
        mgmt::Row row(type);
        row.set("name", identity)
            .set("identity", identity)
            .set("id", router.name)
            .set("index", rows.size())
            .set("protocolVersion", 1)
            .set("instance", router.incarnation)
            .set("linkState", std::move(neighbours))
            .set("nextHop", self ? mgmt::Value{"(self)"} : mgmt::Value{router.next_hop_name})
            .set("validOrigins", mgmt::List{})
            .set("address", "amqp:/_topo/0/" + router.name)
            .set("cost", router.cost)
            .set("lastTopoChange", (times.wall_clock_ms + changed / routing::kMillisecond) / 1000)
            .set("linkCosts", link_costs(table, router.router))
            .set("nextHops", std::move(next_hops))
            .set("sequence", router.sequence)
            .set("lifetimeSeconds", router.lifetime_s)
            .set("addressCount", router.address_count)
            .set("flags", link_state_flags(router.flags));
        if (!self && router.next_hop_name.empty()) {
            row.set("nextHop", {});  // a neighbour
            row.set("routerLink", router.next_hops.empty() ? 0U : router.next_hops.front());
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

mgmt::Row router_row(const Snapshots::Parts& parts,
                     const routing::ForwardingTable& table,
                     const Configuration& configuration,
                     std::size_t other_routers,
                     const RowTimes& times) {
    const link::PlaneCounters counters = sum_counters(parts);
    std::uint64_t links = 0;
    std::uint64_t connections = 0;
    for (const auto& part : parts) {
        connections += part->connections.size();
        for (const link::ConnectionRow& connection : part->connections) {
            links += connection.links;
        }
    }
    std::uint64_t addresses = 0;
    table.for_each([&](const routing::AddressRoute&) { ++addresses; });
    mgmt::Row row = configuration.router_row.empty() ? mgmt::Row(mgmt::type_of("router"))
                                                     : configuration.router_row.front();
    // What the file may say and nothing heeds is not shown as if it were in force.
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (row.type().attributes[i].support == mgmt::Support::kIgnored) {
            row[i] = mgmt::Value{};
        }
    }
    row.set("name", "router/" + configuration.id)
        .set("identity", "1")
        .set("id", configuration.id)
        .set("mode", configuration.mode == RouterMode::kInterior ? "interior" : "standalone")
        .set("area", "0")
        .set("version", AMQMESH_VERSION)
        .set("hostName", host_name())
        .set("workerThreads", unsigned{configuration.workers})
        .set("addrCount", addresses)
        .set("linkCount", links)
        .set("nodeCount", other_routers)
        .set("linkRouteCount", 0)
        .set("autoLinkCount", 0)
        .set("connectionCount", connections)
        .set("presettledDeliveries", counters.presettled)
        .set("droppedPresettledDeliveries", counters.dropped_presettled)
        .set("acceptedDeliveries", counters.accepted)
        .set("rejectedDeliveries", counters.rejected)
        .set("releasedDeliveries", counters.released)
        .set("modifiedDeliveries", counters.modified)
        .set("deliveriesDelayed1Sec", counters.ages.delayed_1s)
        .set("deliveriesDelayed10Sec", counters.ages.delayed_10s)
        .set("deliveriesStuck", counters.ages.stuck)
        .set("deliveriesIngress", counters.ingress)
        .set("deliveriesEgress", counters.egress)
        .set("deliveriesTransit", counters.transit)
        .set("deliveriesIngressRouteContainer", counters.container_ingress)
        .set("deliveriesEgressRouteContainer", counters.container_egress)
        .set("deliveriesRedirectedToFallback", 0)
        .set("expiredDeliveries", counters.expired)
        .set("stalledDeliveries", counters.stalled)
        .set("hopLimitDeliveries", counters.hop_limit_drops)
        .set("redeliveredDeliveries", counters.redelivered)
        .set("linksBlocked", counters.links_blocked)
        .set("blockedLinkCount", counters.links_blocked)
        .set("uptimeSeconds", seconds_since(times.started, times.now))
        .set("memoryUsage", resident_bytes())
        .set("settleAges", to_list(counters.settle_ages.counts))
        .set("settleAgesSum", counters.settle_ages.sum_us);
    return row;
}

namespace {

// Every connection needs a descriptor, and no other limit stands before that.
mgmt::Value descriptors_max() {
    rlimit limit{};
    const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return known ? mgmt::Value{std::uint64_t{limit.rlim_cur}} : mgmt::Value{};
}

}  // namespace

mgmt::Row policy_row(const Snapshots::Parts& parts, std::uint64_t connections_ever) {
    std::uint64_t connections = 0;
    for (const auto& part : parts) {
        connections += part->connections.size();
    }
    mgmt::Row row(mgmt::type_of("policy"));
    row.set("name", "policy")
        .set("identity", "1")
        .set("maxConnections", descriptors_max())
        .set("enableVhostPolicy", false)
        .set("enableVhostNamePatterns", false)
        .set("policyDir", "")
        .set("defaultVhost", "")
        .set("maxMessageSize", 0)
        .set("connectionsProcessed", connections_ever)
        .set("connectionsDenied", 0)
        .set("connectionsCurrent", connections)
        .set("linksDenied", 0)
        .set("maxMessageSizeDenied", 0)
        .set("totalDenials", 0);
    return row;
}

std::vector<mgmt::Row> log_stats_rows() {
    const mgmt::EntityType& type = mgmt::type_of("logStats");
    std::vector<mgmt::Row> rows;
    for (std::size_t i = 0; i < log::kModules; ++i) {
        const auto module = static_cast<log::Module>(i);
        const std::string identity = "logStats/" + std::string{to_string(module)};
        mgmt::Row row(type);
        row.set("name", identity).set("identity", identity);
        for (std::size_t level = 0; level < log::kLevels; ++level) {
            const std::string name{to_string(static_cast<log::Level>(level))};
            row.set(name + "Count", log::lines_written(module, static_cast<log::Level>(level)));
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace amqmesh::router
