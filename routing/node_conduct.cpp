// The digest of what a node will do next. Two nodes that got here by different orders of events,
// and will answer every further event alike, have the same one. What only tells the past is left
// out (counters, marks, versions, tokens), and so is what the transport decides (credit,
// unsettled).
#include "routing/hash.h"
#include "routing/node_impl.h"

namespace amqmesh::routing {

namespace {

std::uint64_t or_none(const std::optional<Time>& time) {
    return time.has_value() ? *time + 1 : 0;
}

void add_neighbour(Hasher& hasher, const Adjacency& adjacency) {
    hasher.add(adjacency.link).add(adjacency.cost);
    hasher.add(static_cast<std::uint64_t>(adjacency.state));
    hasher.add(adjacency.peer).add(adjacency.peer_life).add(adjacency.peer_link);
    hasher.add(adjacency.up_at).add(adjacency.last_heard).add(adjacency.last_hello);
    hasher.add(adjacency.hello_due).add(adjacency.hello_owed ? 1 : 0);
    hasher.add(adjacency.sync_started).add(adjacency.summary_sent ? 1 : 0);
    hasher.add(adjacency.summary_open ? 1 : 0);
    hasher.add(adjacency.summary_complete ? 1 : 0).add(adjacency.ready ? 1 : 0);
    hasher.add(adjacency.peer_ready ? 1 : 0).add(adjacency.mismatches);
    hasher.add(adjacency.mismatch_key).add(adjacency.repair_at).add(adjacency.offences.size());
    for (const auto& [rid, awaited] : adjacency.awaited) {
        hasher.add(rid).add((awaited.lsp ? 2U : 0U) + (awaited.addresses ? 1U : 0U));
        hasher.add(awaited.version.incarnation).add(awaited.version.seq);
        hasher.add(awaited.version.addr_seq);
    }
    for (const RouterId rid : adjacency.mentioned) {
        hasher.add(rid);
    }
    for (const auto& [rid, time] : adjacency.requested) {
        hasher.add(rid).add(time);
    }
    for (const std::string& message : adjacency.outbox) {
        hasher.add(hash_bytes(message));
    }
    for (const std::string& part : adjacency.table_parts) {
        hasher.add(hash_bytes(part));
    }
    hasher.add(adjacency.assembly ? adjacency.assembly->next_part + 1 : 0);
}

}  // namespace

std::uint64_t Node::Impl::conduct() const {
    Hasher hasher;
    hasher.add((started_ ? 1U : 0U) + (stopped_ ? 2U : 0U) + (draining_ ? 4U : 0U) +
               (renewal_due_ ? 8U : 0U) + (topology_dirty_ ? 16U : 0U));
    hasher.add(life_).add(incarnation_).add(sequence_).add(random_).add(or_none(starting_until_));
    hasher.add(or_none(origination_due_)).add(last_origination_).add(origination_interval_);
    hasher.add(refresh_due_).add(next_adoption_).add(fenced_until_).add(fights_.size());
    hasher.add(or_none(own_addresses_.due())).add(own_addresses_.size()).add(schedule_.digest());
    for (const auto& [rid, slot] : lsdb_.order()) {
        const LspRecord& record = lsdb_.at(slot);
        hasher.add(rid).add(record.lsp.incarnation).add(record.lsp.seq).add(record.hash);
        hasher.add(record.expires_at).add(record.tombstone ? 1 : 0).add(record.arrival.next(now_));
        hasher.add(record.addresses.seq()).add(record.addresses.content());
        hasher.add(damping_.held_until(rid)).add(damping_.flaps(rid));
        const auto deferred = deferred_.find(slot);
        hasher.add(deferred == deferred_.end() ? 0 : deferred->second + 1);
        for (const auto& [link, adjacency] : adjacencies_) {
            const FloodQueue& queue = adjacency.queue;
            hasher.add((queue.owes_lsp(slot) ? 2U : 0U) +
                       (queue.knows_lsp(slot, record.stamp) ? 1U : 0U));
            hasher.add(queue.addresses_known(slot));
        }
    }
    for (const auto& [link, adjacency] : adjacencies_) {
        add_neighbour(hasher, adjacency);
    }
    hasher.add(routes_.topology() != nullptr ? routes_.topology()->digest : 0);
    routes_.for_each([&](RouterId rid, const Routes::Route& route) {
        hasher.add(rid).add(route.cost);
        for (const AdjacencyId hop : route.next_hops) {
            hasher.add(hop);
        }
    });
    return hasher.value();
}

}  // namespace amqmesh::routing
