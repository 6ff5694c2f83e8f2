#include "routing/lsdb.h"

#include "routing/assert.h"
#include "routing/hash.h"

#include <algorithm>
#include <tuple>

namespace amqmesh::routing {

namespace {

constexpr Time kTombstone = 60 * kSecond;
constexpr Time kArrivalInterval = 100 * kMillisecond;
constexpr Time kArrivalBurst = 5;

bool transit(const LspRecord& record) {
    return record.live() && !record.lsp.has(lsp_flag::kNoTransit) &&
           !record.lsp.has(lsp_flag::kPurge);
}

// The far end's entry for the same link, or nothing when it does not list it.
const LspLink* reverse_of(const Lsp& from, const LspLink& link, const Lsp& peer) {
    const auto key = std::pair(from.rid, link.peer_link_id);
    const auto it = std::lower_bound(
        peer.links.begin(), peer.links.end(), key, [](const LspLink& a, const auto& k) {
            return std::pair(a.peer, a.link_id) < k;
        });
    const bool found = it != peer.links.end() && std::pair(it->peer, it->link_id) == key &&
                       it->peer_link_id == link.link_id;
    return found ? &*it : nullptr;
}

}  // namespace

bool GraphChange::bad() const {
    return transit_lost || std::any_of(edges.begin(), edges.end(), [](const EdgeChange& edge) {
               return edge.after == 0 || (edge.before != 0 && edge.after > edge.before);
           });
}

bool ArrivalBudget::take(Time now) {
    const Time start = std::max(charged_until_, now);
    if (start > now + (kArrivalBurst - 1) * kArrivalInterval) {
        return false;
    }
    charged_until_ = start + kArrivalInterval;
    return true;
}

Time ArrivalBudget::next(Time now) const {
    const Time room = (kArrivalBurst - 1) * kArrivalInterval;
    return charged_until_ > now + room ? charged_until_ - room : now;
}

Lsdb::Slot Lsdb::find(RouterId rid) const {
    return index_.find(rid);
}

int Lsdb::compare(Slot slot,
                  std::uint64_t incarnation,
                  std::uint64_t seq,
                  std::uint64_t hash) const {
    if (slot == kNone) {
        return -1;
    }
    const LspRecord& record = records_[slot];
    const auto mine = std::tie(record.lsp.incarnation, record.lsp.seq, record.hash);
    const auto theirs = std::tie(incarnation, seq, hash);
    if (mine == theirs) {
        return 0;
    }
    return mine < theirs ? -1 : 1;
}

std::vector<std::pair<RouterId, Lsdb::Slot>>::iterator Lsdb::place_of(RouterId rid) {
    return std::lower_bound(order_.begin(), order_.end(), rid, [](const auto& entry, RouterId id) {
        return entry.first < id;
    });
}

Lsdb::Slot Lsdb::take_slot(RouterId rid) {
    Slot slot = static_cast<Slot>(records_.size());
    if (free_.empty()) {
        if (records_.size() == records_.capacity()) {
            // Most meshes stop growing: an eighth of spare room, not as much again.
            records_.reserve(records_.size() + records_.size() / 8 + 8);
        }
        records_.emplace_back();
        peer_hints_.emplace_back();
    } else {
        slot = free_.back();
        free_.pop_back();
    }
    order_.emplace(place_of(rid), rid, slot);
    index_.insert(rid, slot);
    return slot;
}

Lsdb::Stored Lsdb::store(Time now, Lsp lsp, std::string body, std::uint64_t hash, Time expires_at) {
    Stored result;
    result.slot = find(lsp.rid);
    AMQMESH_ASSERT(compare(result.slot, lsp.incarnation, lsp.seq, hash) < 0);
    if (result.slot == kNone) {
        result.slot = take_slot(lsp.rid);
        result.new_origin = true;
    }
    LspRecord& record = records_[result.slot];
    std::vector<Edge> before;
    const bool had_transit = result.new_origin || transit(record);
    if (record.stamp != 0) {
        edges_of(result.slot, before);
        account(result.slot, false);
        expiries_.erase({record.expires_at, result.slot});
    }
    const bool relabelled = record.stamp != 0 && record.lsp.incarnation != lsp.incarnation;
    result.new_life = result.new_origin || record.tombstone ||
                      record.lsp.incarnation != lsp.incarnation || lsp.has(lsp_flag::kPurge);
    record.lsp = std::move(lsp);
    record.body = std::move(body);
    record.hash = hash;
    record.stamp = ++last_stamp_;
    record.tombstone = false;
    record.expires_at = expires_at;
    record.last_change = now;
    peer_hints_[result.slot].assign(record.lsp.links.size(), kNone);
    account(result.slot, true);
    expiries_.insert({expires_at, result.slot});
    result.graph = graph_change(result.slot, before, had_transit);
    result.graph.relabelled = relabelled;
    return result;
}

void Lsdb::account(Slot slot, bool add) {
    const LspRecord& record = records_[slot];
    if (record.tombstone) {
        return;
    }
    digest_ ^= digest_of(record);
    address_digest_ ^= record.addresses.digest(record.lsp.rid, record.lsp.incarnation);
    const std::size_t size = record.body.size() + record.addresses.bytes();
    if (add) {
        ++count_;
        bytes_ += size;
    } else {
        --count_;
        bytes_ -= size;
    }
}

void Lsdb::detach_addresses(Slot slot) {
    const LspRecord& record = records_[slot];
    address_digest_ ^= record.addresses.digest(record.lsp.rid, record.lsp.incarnation);
    bytes_ -= record.addresses.bytes();
}

void Lsdb::attach_addresses(Slot slot) {
    const LspRecord& record = records_[slot];
    address_digest_ ^= record.addresses.digest(record.lsp.rid, record.lsp.incarnation);
    bytes_ += record.addresses.bytes();
}

std::uint64_t Lsdb::digest_of(const LspRecord& record) const {
    return hash_words({record.lsp.rid, record.lsp.incarnation, record.lsp.seq, record.hash});
}

void Lsdb::edges_of(Slot slot, std::vector<Edge>& out) const {
    out.clear();
    const LspRecord& record = records_[slot];
    if (!record.live() || record.lsp.has(lsp_flag::kPurge)) {
        return;
    }
    std::vector<Slot>& hints = peer_hints_[slot];
    for (std::size_t i = 0; i < record.lsp.links.size(); ++i) {
        const LspLink& link = record.lsp.links[i];
        Slot& peer = hints[i];
        if (peer == kNone || records_[peer].stamp == 0 || records_[peer].lsp.rid != link.peer) {
            peer = find(link.peer);
        }
        if (peer == kNone || peer == slot || !records_[peer].live() ||
            records_[peer].lsp.has(lsp_flag::kPurge)) {
            continue;
        }
        if (const LspLink* back = reverse_of(record.lsp, link, records_[peer].lsp)) {
            out.push_back({peer, std::max(link.cost, back->cost), link.link_id});
        }
    }
}

GraphChange Lsdb::graph_change(Slot slot, const std::vector<Edge>& before, bool had_transit) const {
    GraphChange change;
    std::vector<Edge> after;
    edges_of(slot, after);
    const RouterId self = records_[slot].lsp.rid;
    change.router = self;
    const auto emit = [&](const Edge& edge, Cost old_cost, Cost new_cost) {
        if (old_cost != new_cost) {
            change.edges.push_back({self, records_[edge.to].lsp.rid, old_cost, new_cost});
        }
    };
    // Both lists ascend by (peer id, link id), as LSPs do.
    const auto key = [&](const Edge& edge) {
        return std::pair(records_[edge.to].lsp.rid, edge.link_id);
    };
    auto old = before.begin();
    for (const Edge& edge : after) {
        while (old != before.end() && key(*old) < key(edge)) {
            emit(*old, old->cost, 0);
            ++old;
        }
        if (old != before.end() && key(*old) == key(edge)) {
            emit(edge, old->cost, edge.cost);
            ++old;
        } else {
            emit(edge, 0, edge.cost);
        }
    }
    for (; old != before.end(); ++old) {
        emit(*old, old->cost, 0);
    }
    const bool has_edges = !before.empty() || !after.empty();
    change.transit_gained = has_edges && !had_transit && transit(records_[slot]);
    change.transit_lost = has_edges && had_transit && !transit(records_[slot]);
    return change;
}

Lsdb::Expired Lsdb::expire(Time now) {
    Expired result;
    while (!expiries_.empty() && expiries_.begin()->first <= now) {
        const Slot slot = expiries_.begin()->second;
        expiries_.erase(expiries_.begin());
        LspRecord& record = records_[slot];
        if (record.tombstone) {
            order_.erase(place_of(record.lsp.rid));
            index_.erase(record.lsp.rid);
            record = LspRecord{};
            peer_hints_[slot].clear();
            free_.push_back(slot);
            result.freed.push_back(slot);
            continue;
        }
        std::vector<Edge> before;
        edges_of(slot, before);
        const bool had_transit = transit(record);
        account(slot, false);
        record.tombstone = true;
        record.lsp.links.clear();
        record.body = std::string();
        peer_hints_[slot].clear();
        record.expires_at = now + kTombstone;
        expiries_.insert({record.expires_at, slot});
        result.buried.push_back(slot);
        const GraphChange change = graph_change(slot, before, had_transit);
        result.graph.edges.insert(
            result.graph.edges.end(), change.edges.begin(), change.edges.end());
        result.graph.transit_lost |= change.transit_lost;
    }
    return result;
}

std::optional<Time> Lsdb::next_expiry() const {
    return expiries_.empty() ? std::nullopt : std::optional(expiries_.begin()->first);
}

void Lsdb::check_invariants() const {
    std::uint64_t digest = 0;
    std::uint64_t address_digest = 0;
    std::uint32_t count = 0;
    for (const auto& [rid, slot] : order_) {
        const LspRecord& record = records_[slot];
        AMQMESH_ASSERT(record.stamp != 0 && record.lsp.rid == rid && find(rid) == slot);
        AMQMESH_ASSERT(expiries_.contains({record.expires_at, slot}));
        record.addresses.check_invariants();
        if (!record.tombstone) {
            digest ^= digest_of(record);
            address_digest ^= record.addresses.digest(rid, record.lsp.incarnation);
            ++count;
        }
    }
    AMQMESH_ASSERT(digest == digest_ && address_digest == address_digest_ && count == count_);
    AMQMESH_ASSERT(order_.size() + free_.size() == records_.size());
}

}  // namespace amqmesh::routing
