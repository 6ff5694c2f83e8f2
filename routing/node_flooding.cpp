// LSPs: taken in, flooded on, issued; and the pump that feeds every control link.
//
// A newer record is stored and owed to every neighbour but the one it came from. A copy that a
// neighbour sends us cancels the one we owe it, so each link carries a version about once.
#include "routing/assert.h"
#include "routing/hash.h"
#include "routing/node_impl.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace amqmesh::routing {

namespace {

constexpr Time kLifetime = 3600 * kSecond;
constexpr Time kRefresh = 1200 * kSecond;
constexpr Time kPurgeLifetime = 120 * kSecond;
constexpr Time kLifetimeMax = 24 * 3600 * kSecond;
constexpr Time kOriginationStep = 20 * kMillisecond;
constexpr Time kOriginationMax = 640 * kMillisecond;
constexpr Time kOriginationQuiet = 2 * kSecond;
constexpr Time kAdoptionInterval = kSecond;
constexpr std::uint64_t kSequenceSpare = std::uint64_t{1} << 32U;
constexpr Time kFightMemory = 10 * kSecond;
constexpr std::size_t kFightsMax = 3;
constexpr std::size_t kFloodBytes = 60'000;

}  // namespace

void Node::Impl::on_flood(Adjacency& adjacency, Flood& flood) {
    if (!adjacency.synchronising()) {
        return;  // it will be in the summaries
    }
    Fault worst = Fault::kNone;
    for (FloodedLsp& flooded : flood.lsps) {
        ++counters_.lsp_received;
        worst = std::max(worst, on_lsp(adjacency, flooded));
    }
    for (FloodedDelta& flooded : flood.deltas) {
        ++counters_.address_deltas_received;
        worst = std::max(worst, on_delta(adjacency, flooded));
    }
    if (worst != Fault::kNone) {
        on_offence(adjacency, worst);  // may end the adjacency
    }
}

// The record whose very bytes these are. Most of what comes while news spreads is such a copy, and
// was looked through when the first one came.
Lsdb::Slot Node::Impl::copy_of(const FloodedLsp& flooded) const {
    const Slot slot = lsdb_.find(leading_rid(flooded.body));
    const bool same = slot != Lsdb::kNone && lsdb_.at(slot).hash == flooded.hash &&
                      lsdb_.at(slot).body == flooded.body;
    return same ? slot : Lsdb::kNone;
}

void Node::Impl::on_duplicate(Adjacency& adjacency, Slot slot) {
    if (slot != self_) {
        ++counters_.lsp_duplicate;
        if (adjacency.queue.owes_lsp(slot)) {
            mark(Mark::kCrossing);
        }
    }
    adjacency.queue.lsp_known(slot, lsdb_.at(slot).stamp);
}

Fault Node::Impl::on_lsp(Adjacency& adjacency, FloodedLsp& flooded) {
    if (const Slot slot = copy_of(flooded); slot != Lsdb::kNone) {
        on_duplicate(adjacency, slot);
        return Fault::kNone;
    }
    Lsp lsp;
    if (hash_bytes(flooded.body) != flooded.hash) {
        return Fault::kMalformed;
    }
    if (const Fault fault = decode_lsp(flooded.body, config_.limits, lsp); fault != Fault::kNone) {
        return fault;
    }
    if (lsp.area != config_.area) {
        return Fault::kMalformed;
    }
    if (lsp.rid == rid_) {
        on_own_lsp(adjacency, lsp, flooded.hash);
        return Fault::kNone;
    }
    const Slot slot = lsdb_.find(lsp.rid);
    const int order = lsdb_.compare(slot, lsp.incarnation, lsp.seq, flooded.hash);
    if (order == 0) {
        on_duplicate(adjacency, slot);
        return Fault::kNone;
    }
    if (order > 0) {
        ++counters_.lsp_stale;
        mark(Mark::kStale);
        const LspRecord& record = lsdb_.at(slot);
        if (record.live() && !adjacency.queue.knows_lsp(slot, record.stamp)) {
            adjacency.queue.owe_lsp(slot, false);
        } else if (record.tombstone && adjacency.peer == lsp.rid) {
            // Its clock went back. There is no record to answer with, only the number to outbid.
            send_epitaph(adjacency, slot);
        }
        return Fault::kNone;
    }
    const bool known_name = slot != Lsdb::kNone && lsdb_.at(slot).lsp.name == lsp.name;
    if (!known_name && router_id(lsp.name) != lsp.rid) {
        return Fault::kMalformed;
    }
    // A record in place of another counts for the difference: whatever fills the database, losses
    // and last words are taken in.
    const bool full = slot == Lsdb::kNone && lsdb_.order().size() >= config_.limits.routers;
    const std::size_t before = slot == Lsdb::kNone ? 0 : lsdb_.at(slot).body.size();
    const std::size_t after = flooded.body.size();
    if (full ||
        (after > before && lsdb_.bytes() + after - before > config_.limits.database_bytes)) {
        over_limit("link state of " + lsp.name);  // the mesh's fault, not this neighbour's
        return Fault::kNone;
    }
    store_lsp(adjacency, std::move(lsp), flooded);
    return Fault::kNone;
}

void Node::Impl::store_lsp(Adjacency& from, Lsp lsp, FloodedLsp& flooded) {
    ++counters_.lsp_stored;
    const Slot known = lsdb_.find(lsp.rid);
    const bool was_draining = known != Lsdb::kNone && lsdb_.at(known).lsp.has(lsp_flag::kDraining);
    const bool draining = lsp.has(lsp_flag::kDraining);
    const RouterId rid = lsp.rid;
    const Time lifetime =
        std::clamp<Time>(flooded.lifetime_ms * kMillisecond, kMillisecond, kLifetimeMax);
    const Lsdb::Stored stored =
        lsdb_.store(now_, std::move(lsp), std::move(flooded.body), flooded.hash, now_ + lifetime);
    if (stored.new_origin) {
        for (auto& [link, adjacency] : adjacencies_) {
            adjacency.queue.forget(stored.slot);
        }
    } else if (stored.new_life) {
        drop_addresses(stored.slot);
    } else if (draining != was_draining) {
        announce_weights(stored.slot);
    }
    from.sync_started = now_;  // news, not just bytes
    from.queue.lsp_known(stored.slot, lsdb_.at(stored.slot).stamp);
    ArrivalBudget& arrival = lsdb_.at(stored.slot).arrival;
    if (arrival.take(now_)) {
        owe_lsp(stored.slot, stored.graph.bad());
    } else {
        mark(Mark::kDeferred);
        deferred_.try_emplace(stored.slot, arrival.next(now_));
    }
    on_graph_change(stored.graph);
    note_progress(rid);
}

// Our own LSP comes back. Newer than ours: it is from an earlier life with a better clock, or was
// corrupted, or another router has our name. In any case we go beyond it, so that ours counts.
void Node::Impl::on_own_lsp(Adjacency& adjacency, const Lsp& lsp, std::uint64_t hash) {
    const int order = lsdb_.compare(self_, lsp.incarnation, lsp.seq, hash);
    if (order == 0) {
        on_duplicate(adjacency, self_);
        return;
    }
    if (lsp.life != life_) {
        on_fight(lsp);
    }
    if (order < 0 || (lsp.life != life_ && lsp.incarnation == incarnation_)) {
        outbid(lsp.incarnation, lsp.seq);
        return;
    }
    if (!adjacency.queue.knows_lsp(self_, lsdb_.at(self_).stamp)) {
        adjacency.queue.owe_lsp(self_, false);
    }
}

// A whole new incarnation, not just a higher number: address tables are kept per incarnation, and
// that other life may have announced some under this one.
void Node::Impl::outbid(std::uint64_t incarnation, std::uint64_t seq) {
    mark(Mark::kOwnEcho);
    if (incarnation >= incarnation_) {
        mark(Mark::kOwnIncarnation);
        // At the end of the range only the sequence is left to go beyond it; and of that, some must
        // be left for what we have to say later.
        const bool last = incarnation == kIncarnationMax;
        if (last && seq > kSequenceMax - kSequenceSpare) {
            on_last_number();
            return;
        }
        sequence_ = !last ? 0 : incarnation_ == kIncarnationMax ? std::max(sequence_, seq) : seq;
        incarnation_ = last ? kIncarnationMax : incarnation + 1;
    }
    // However many copies come meanwhile, they put the renewal off no further.
    renewal_due_ = true;
    origination_due_ = std::max(now_, next_adoption_);
    note(NoteLevel::kInfo, "OWN_LSP_ECHO", "own link state of another life: renewed");
}

// Nothing beats it: only a liar can have issued it.
void Node::Impl::on_last_number() {
    if (now_ >= next_adoption_) {
        next_adoption_ = now_ + kAdoptionInterval;
        note(NoteLevel::kError,
             "OWN_LSP_ECHO",
             "own link state with the last number there is: it counts until its lifetime ends");
    }
}

// One echo of an earlier life is normal; several in a row mean that its owner lives.
void Node::Impl::on_fight(const Lsp& lsp) {
    while (!fights_.empty() && fights_.front() + kFightMemory < now_) {
        fights_.pop_front();
    }
    if (lsp.incarnation < incarnation_) {
        return;  // beaten, if only by what is about to be issued
    }
    if (!fights_.empty() && fights_.back() + kAdoptionInterval / 2 > now_) {
        return;  // further copies of the same one
    }
    fights_.push_back(now_);
    if (fights_.size() <= kFightsMax) {
        return;
    }
    fights_.clear();
    ++counters_.duplicate_id;
    note(NoteLevel::kError,
         "DUPLICATE_ROUTER_ID",
         "another router of this mesh has the name " + config_.name);
    fence_wanted_ = lsp.life <= life_;
}

void Node::Impl::on_graph_change(const GraphChange& change) {
    if (!change.any()) {
        return;
    }
    counters_.last_topology_change = now_;
    if (!schedule_.due()) {
        const Routes::Relevance relevance = routes_.relevance(change);
        if (!relevance.run) {
            ++counters_.spf_avoided;
            mark(Mark::kSpfAvoided);
            topology_dirty_ = true;
            choose_again_from_ = relevance.from;
            return;
        }
    }
    // A link of our own is good news that does not wait either: others count on us for it.
    if (!change_since_) {
        change_since_ = now_;
    }
    const bool own = std::any_of(change.edges.begin(), change.edges.end(), [&](const auto& edge) {
        return edge.a == rid_ || edge.b == rid_;
    });
    schedule_.on_change(now_, own || change.bad());
    if ((own || change.bad()) && *schedule_.due() > now_) {
        mark(Mark::kSpfLater);
    }
}

void Node::Impl::owe_lsp(Slot slot, bool urgent) {
    deferred_.erase(slot);
    const std::uint64_t stamp = lsdb_.at(slot).stamp;
    for (auto& [link, adjacency] : adjacencies_) {
        if (!adjacency.queue.knows_lsp(slot, stamp)) {
            adjacency.queue.owe_lsp(slot, urgent);
        }
    }
}

void Node::Impl::release_deferred() {
    for (auto it = deferred_.begin(); it != deferred_.end();) {
        if (it->second > now_) {
            ++it;
            continue;
        }
        const Slot slot = it->first;
        it = deferred_.erase(it);
        lsdb_.at(slot).arrival.take(now_);
        owe_lsp(slot, false);
    }
}

// Good news and costs: at once after a quiet time, then with growing pauses while changes keep
// coming. Losses do not wait: damping bounds how often a neighbour can be lost.
void Node::Impl::request_origination() {
    if (now_ >= last_origination_ + kOriginationQuiet) {
        origination_interval_ = 0;
    }
    const Time due = std::max(now_, last_origination_ + origination_interval_);
    if (due > now_) {
        mark(Mark::kOriginationBackoff);
    }
    origination_due_ = origination_due_ ? std::min(*origination_due_, due) : due;
}

Lsp Node::Impl::make_lsp() const {
    Lsp lsp = {.rid = rid_,
               .incarnation = incarnation_,
               .seq = sequence_,
               .life = life_,
               .name = config_.name,
               .area = config_.area};
    if (stopped_) {
        lsp.flags = lsp_flag::kPurge;
        return lsp;
    }
    if (starting_until_) {
        lsp.flags |= lsp_flag::kStarting | lsp_flag::kNoTransit;
    }
    if (draining_) {
        lsp.flags |= lsp_flag::kDraining | lsp_flag::kNoTransit;
    }
    for (const auto& [link, adjacency] : adjacencies_) {
        if (adjacency.state == AdjacencyState::kFull) {
            lsp.links.push_back({adjacency.peer, adjacency.cost, link, adjacency.peer_link});
        }
    }
    std::sort(lsp.links.begin(), lsp.links.end(), [](const LspLink& a, const LspLink& b) {
        return std::tie(a.peer, a.link_id) < std::tie(b.peer, b.link_id);
    });
    return lsp;
}

void Node::Impl::originate() {
    origination_due_.reset();
    const bool quiet = now_ >= last_origination_ + kOriginationQuiet;
    origination_interval_ =
        quiet ? kOriginationStep
              : std::clamp(origination_interval_ * 2, kOriginationStep, kOriginationMax);
    last_origination_ = now_;
    if (std::exchange(renewal_due_, false)) {
        next_adoption_ = now_ + kAdoptionInterval;
    }
    refresh_due_ = now_ + jittered(kRefresh);
    ++sequence_;
    ++counters_.originations;
    const bool new_life = self_ != Lsdb::kNone && lsdb_.at(self_).lsp.incarnation != incarnation_;
    Lsp lsp = make_lsp();
    std::string body = encode_lsp(lsp);
    const std::uint64_t hash = hash_bytes(body);
    const Lsdb::Stored stored = lsdb_.store(now_,
                                            std::move(lsp),
                                            std::move(body),
                                            hash,
                                            now_ + (stopped_ ? kPurgeLifetime : kLifetime));
    self_ = stored.slot;
    if (new_life) {
        for (auto& [link, adjacency] : adjacencies_) {
            adjacency.queue.forget_addresses(self_);
        }
        reissue_own_addresses(0);
    }
    owe_lsp(self_, stored.graph.bad());
    on_graph_change(stored.graph);
}

void Node::Impl::expire_records() {
    if (!lsdb_.next_expiry() || *lsdb_.next_expiry() > now_) {
        return;
    }
    const Lsdb::Expired expired = lsdb_.expire(now_);
    for (const Slot slot : expired.buried) {
        AMQMESH_ASSERT(slot != self_ || stopped_);
        mark(Mark::kTombstone);
        deferred_.erase(slot);
        drop_addresses(slot);
        for (auto& [link, adjacency] : adjacencies_) {
            adjacency.queue.forget(slot);
            adjacency.awaited.erase(lsdb_.at(slot).lsp.rid);
        }
    }
    on_graph_change(expired.graph);
}

void Node::Impl::pump(Adjacency& adjacency) {
    for (;;) {
        if (adjacency.hello_owed && adjacency.control.may_send_hello()) {
            send_hello(adjacency);
        }
        if (!adjacency.control.may_send_data() || adjacency.hello_owed) {
            return;
        }
        if (!adjacency.outbox.empty()) {
            std::string message = std::move(adjacency.outbox.front());
            adjacency.outbox.pop_front();
            adjacency.outbox_bytes -= message.size();
            send(adjacency, std::move(message));
        } else if (!adjacency.synchronising() || !send_records(adjacency)) {
            return;
        }
    }
}

// One Flood message: owed LSPs first; then the rest of a table under way, or else address steps.
bool Node::Impl::send_records(Adjacency& adjacency) {
    Flood flood;
    std::size_t bytes = 0;
    add_lsps(adjacency, flood, bytes);
    if (flood.lsps.empty()) {
        if (adjacency.table_parts.empty()) {
            add_steps(adjacency, flood, bytes);
        }
        if (flood.deltas.empty() && !adjacency.table_parts.empty()) {
            std::string part = std::move(adjacency.table_parts.front());
            adjacency.table_parts.pop_front();
            const std::uint64_t hash = hash_bytes(part);
            flood.deltas.push_back({std::move(part), hash});
        }
    }
    counters_.lsp_sent += flood.lsps.size();
    counters_.address_deltas_sent += flood.deltas.size();
    if (flood.lsps.empty() && flood.deltas.empty()) {
        return false;
    }
    send(adjacency, encode(std::move(flood)));
    return true;
}

void Node::Impl::add_lsps(Adjacency& adjacency, Flood& flood, std::size_t& bytes) {
    while (bytes < kFloodBytes) {
        const auto slot = adjacency.queue.pop_lsp();
        if (!slot) {
            return;
        }
        const LspRecord& record = lsdb_.at(*slot);
        if (!record.live()) {
            continue;
        }
        const Time remaining = record.expires_at > now_ ? record.expires_at - now_ : 0;
        adjacency.queue.lsp_known(*slot, record.stamp);
        flood.lsps.push_back(
            {record.body, static_cast<std::uint32_t>(remaining / kMillisecond), record.hash});
        bytes += record.body.size() + 24;
    }
}

void Node::Impl::add_steps(Adjacency& adjacency, Flood& flood, std::size_t& bytes) {
    while (bytes < kFloodBytes && adjacency.table_parts.empty()) {
        const auto slot = adjacency.queue.pop_addresses();
        if (!slot) {
            return;
        }
        const OriginAddresses& addresses = lsdb_.at(*slot).addresses;
        const std::uint64_t known = adjacency.queue.addresses_known(*slot);
        if (!lsdb_.at(*slot).live() || known >= addresses.seq()) {
            continue;
        }
        const auto steps = addresses.steps_after(known);
        if (steps.empty()) {
            mark(Mark::kHistoryGone);
            send_table(adjacency, *slot, {});
            continue;
        }
        for (const OriginAddresses::Step* step : steps) {
            if (bytes >= kFloodBytes) {
                adjacency.queue.owe_addresses(*slot);
                break;
            }
            flood.deltas.push_back({step->body, hash_bytes(step->body)});
            bytes += step->body.size() + 12;
            adjacency.queue.set_addresses_known(*slot, step->seq);
        }
    }
}

void Node::Impl::send(Adjacency& adjacency, std::string bytes) {
    counters_.control_bytes_sent += bytes.size();
    const std::uint64_t token = adjacency.control.on_send(bytes.size());
    effects_->send.push_back({adjacency.link, token, std::move(bytes)});
}

}  // namespace amqmesh::routing
