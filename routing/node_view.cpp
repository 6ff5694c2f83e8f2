// What others may see of a node: copies for management, the digest for replay, the invariants.
#include "routing/assert.h"
#include "routing/hash.h"
#include "routing/node_impl.h"

#include <algorithm>
#include <array>

namespace amqmesh::routing {

namespace {

std::string hex(RouterId rid) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text(16, '0');
    for (std::size_t i = 0; i < 16; ++i) {
        text[15 - i] = kDigits[(rid >> (4 * i)) & 0xfU];
    }
    return text;
}

AdjacencyView view_of(const Adjacency& adjacency, const Damping& damping) {
    return {.link = adjacency.link,
            .peer = adjacency.peer,
            .peer_name = adjacency.peer_name,
            .state = adjacency.state,
            .cost = adjacency.cost,
            .peer_cost = adjacency.peer_cost,
            .since = adjacency.since,
            .flaps = damping.flaps(adjacency.peer),
            .held_until = damping.held_until(adjacency.peer)};
}

}  // namespace

NodeView Node::Impl::summary() const {
    return {.id = rid_,
            .name = config_.name,
            .incarnation = incarnation_,
            .draining = draining_,
            .lsdb_digest = lsdb_.digest(),
            .address_digest = lsdb_.address_digest(),
            .adjacencies = {},
            .routers = {},
            .counters = counters_,
            .marks = marks_};
}

NodeView Node::Impl::view(Time now) const {
    NodeView view = summary();
    for (const auto& [link, adjacency] : adjacencies_) {
        view.adjacencies.push_back(view_of(adjacency, damping_));
    }
    const auto name_of = [&](RouterId rid) {
        const Slot slot = lsdb_.find(rid);
        return slot == Lsdb::kNone ? hex(rid) : lsdb_.at(slot).lsp.name;
    };
    for (const auto& [rid, slot] : lsdb_.order()) {
        const LspRecord& record = lsdb_.at(slot);
        if (!record.live()) {
            continue;
        }
        LinkStateView& router = view.routers.emplace_back();
        router.router = rid;
        router.name = record.lsp.name;
        router.incarnation = record.lsp.incarnation;
        router.sequence = record.lsp.seq;
        router.lifetime_s = static_cast<std::uint32_t>(
            record.expires_at > now ? (record.expires_at - now) / kSecond : 0);
        router.flags = record.lsp.flags;
        router.address_count = static_cast<std::uint32_t>(record.addresses.size());
        router.last_change = record.last_change;
        for (const LspLink& link : record.lsp.links) {
            router.neighbours.push_back(name_of(link.peer));
        }
        std::sort(router.neighbours.begin(), router.neighbours.end());
        router.reachable = rid == rid_;
        if (const auto route = routes_.find(rid)) {
            router.reachable = true;
            router.cost = route->cost;
            for (const AdjacencyId hop : route->next_hops) {
                if (std::ranges::find(router.next_hops, hop) == router.next_hops.end()) {
                    router.next_hops.push_back(hop);
                }
            }
            const auto first = adjacencies_.find(route->next_hops.front());
            if (first != adjacencies_.end() && first->second.peer != rid) {
                router.next_hop_name = first->second.peer_name;
            }
        }
    }
    std::sort(view.routers.begin(), view.routers.end(), [](const auto& a, const auto& b) {
        return a.name < b.name;
    });
    return view;
}

std::uint64_t Node::Impl::digest() const {
    Hasher hasher;
    hasher.add(rid_).add(incarnation_).add(sequence_).add(lsdb_.digest());
    hasher.add(lsdb_.address_digest()).add(lsdb_.count()).add(random_).add(now_);
    hasher.add(routes_.version()).add(schedule_.due().value_or(0)).add(deferred_.size());
    routes_.for_each([&](RouterId rid, const Routes::Route& route) {
        hasher.add(rid).add(route.cost);
        for (const AdjacencyId hop : route.next_hops) {
            hasher.add(hop);
        }
    });
    for (const auto& [link, adjacency] : adjacencies_) {
        hasher.add(link).add(adjacency.peer).add(static_cast<std::uint64_t>(adjacency.state));
        hasher.add(adjacency.last_heard).add(adjacency.hello_due).add(adjacency.queue.owed());
        hasher.add(adjacency.control.credit()).add(adjacency.control.unsettled());
        hasher.add(adjacency.outbox_bytes).add(adjacency.awaited.size());
    }
    const NodeCounters& c = counters_;
    for (const std::uint64_t value : {c.lsp_sent,
                                      c.lsp_received,
                                      c.lsp_duplicate,
                                      c.lsp_stale,
                                      c.originations,
                                      c.spf_runs,
                                      c.spf_avoided,
                                      c.antientropy_repairs,
                                      c.malformed,
                                      c.control_bytes_sent,
                                      c.control_bytes_received}) {
        hasher.add(value);
    }
    return hasher.value();
}

void Node::Impl::check_invariants() const {
    if (!started_) {
        return;
    }
    lsdb_.check_invariants();
    const LspRecord& own = lsdb_.at(self_);
    AMQMESH_ASSERT(own.lsp.rid == rid_);
    // Own LSP's links are FULL adjacencies; all of them, unless good news is about to go out.
    std::size_t full = 0;
    for (const auto& [link, adjacency] : adjacencies_) {
        full += adjacency.state == AdjacencyState::kFull ? 1U : 0U;
    }
    AMQMESH_ASSERT(full == full_count_);
    for (const LspLink& link : own.lsp.links) {
        const auto it = adjacencies_.find(link.link_id);
        AMQMESH_ASSERT(it != adjacencies_.end());
        AMQMESH_ASSERT(it->second.state == AdjacencyState::kFull);
        AMQMESH_ASSERT(it->second.peer == link.peer);
        AMQMESH_ASSERT(it->second.cost == link.cost || origination_due_.has_value());
    }
    AMQMESH_ASSERT(own.lsp.links.size() == full || origination_due_.has_value());
    // No route leaves over anything but a FULL adjacency.
    routes_.for_each([&](RouterId rid, const Routes::Route& route) {
        AMQMESH_ASSERT(rid != rid_ && !route.next_hops.empty());
        for (const AdjacencyId hop : route.next_hops) {
            const auto it = adjacencies_.find(hop);
            AMQMESH_ASSERT(it != adjacencies_.end());
            AMQMESH_ASSERT(it->second.state == AdjacencyState::kFull);
        }
    });
}

}  // namespace amqmesh::routing
