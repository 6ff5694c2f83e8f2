// Bringing two databases to the same state: at the start of a link by exchanging summaries, later
// by asking for what turns out to be missing.
//
// After both summaries each side floods what it has newer; nobody needs to ask. Requests serve gaps
// (an address step on another base) and repairs (digests that stay different though nothing is
// under way, which only a bug or corruption can cause; counted).
#include "routing/assert.h"
#include "routing/hash.h"
#include "routing/node_impl.h"

#include <algorithm>

namespace amqmesh::routing {

namespace {

constexpr std::size_t kSummaryOrigins = 1200;  // about 60 KiB
constexpr std::size_t kOutboxBytesMax = std::size_t{4} << 20U;
constexpr Time kRequestAgain = 2 * kSecond;
constexpr std::uint32_t kMismatchesMin = 3;
constexpr Time kMismatchMin = 1900 * kMillisecond;  // three Hellos

OriginSummary summary_of(const LspRecord& record) {
    return {.rid = record.lsp.rid,
            .incarnation = record.lsp.incarnation,
            .seq = record.lsp.seq,
            .addr_seq = record.addresses.seq(),
            .addr_digest = record.addresses.content(),
            .hash = record.hash};
}

}  // namespace

void Node::Impl::enqueue(Adjacency& adjacency, std::string message) {
    if (adjacency.outbox_bytes + message.size() > kOutboxBytesMax) {
        ++counters_.over_limit;  // the neighbour asks for more than it takes
        return;
    }
    adjacency.outbox_bytes += message.size();
    adjacency.outbox.push_back(std::move(message));
}

void Node::Impl::send_summary(Adjacency& adjacency, bool repair) {
    if (!repair) {
        adjacency.summary_sent = true;
    }
    Summary summary = {.first = true, .repair = repair};
    for (const auto& [rid, slot] : lsdb_.order()) {
        if (!lsdb_.at(slot).live()) {
            continue;
        }
        if (summary.origins.size() == kSummaryOrigins) {
            enqueue(adjacency, encode(summary));
            summary.origins.clear();
            summary.first = false;
        }
        summary.origins.push_back(summary_of(lsdb_.at(slot)));
    }
    summary.complete = true;
    enqueue(adjacency, encode(summary));
}

void Node::Impl::on_summary(Adjacency& adjacency, const Summary& summary) {
    if (!adjacency.synchronising()) {
        return;
    }
    if (summary.bucket_rid != 0) {
        on_buckets(adjacency, summary);
        return;
    }
    if (!summary.first && !adjacency.summary_open) {
        if (summary.origins.size() == 1 && summary.origins[0].rid == rid_) {
            on_epitaph(summary.origins[0]);
        }
        return;  // the rest of something whose beginning nobody saw
    }
    if (summary.first) {
        adjacency.mentioned.clear();
        adjacency.awaited.clear();
    }
    adjacency.summary_open = !summary.complete;
    if (adjacency.mentioned.size() + summary.origins.size() > 2 * config_.limits.routers) {
        on_offence(adjacency, Fault::kOverLimit);
        return;
    }
    for (const OriginSummary& theirs : summary.origins) {
        adjacency.mentioned.insert(theirs.rid);
        compare_origin(adjacency, theirs, summary.repair);
        if (adjacency.awaited.size() > config_.limits.routers) {
            on_offence(adjacency, Fault::kOverLimit);  // more than we would take in
            return;
        }
    }
    if (summary.complete) {
        owe_unmentioned(adjacency);
        adjacency.summary_complete = true;
        adjacency.sync_started = now_;
        if (!adjacency.summary_sent) {
            send_summary(adjacency, false);
        }
        maybe_full(adjacency);
    }
}

// A Summary of one origin that neither begins nor ends anything.
void Node::Impl::send_epitaph(Adjacency& adjacency, Slot slot) {
    enqueue(adjacency, encode(Summary{.origins = {summary_of(lsdb_.at(slot))}}));
}

void Node::Impl::on_epitaph(const OriginSummary& theirs) {
    if (lsdb_.compare(self_, theirs.incarnation, theirs.seq, theirs.hash) < 0) {
        outbid(theirs.incarnation, theirs.seq);
    }
}

void Node::Impl::compare_origin(Adjacency& adjacency, const OriginSummary& theirs, bool repair) {
    const Slot slot = lsdb_.find(theirs.rid);
    const int order = lsdb_.compare(slot, theirs.incarnation, theirs.seq, theirs.hash);
    if (repair && order != 0) {
        ++counters_.antientropy_repairs;
    }
    if (order < 0) {
        const bool refused = slot == Lsdb::kNone && lsdb_.order().size() >= config_.limits.routers;
        if (repair) {
            request_origin(adjacency, theirs.rid, false);
        } else if (theirs.rid != rid_ && !refused) {
            adjacency.awaited[theirs.rid] = {
                .lsp = true, .version = theirs, .addresses = theirs.addr_seq > 0};
        }
        const bool same_life =
            slot != Lsdb::kNone && lsdb_.at(slot).lsp.incarnation == theirs.incarnation;
        if (same_life) {
            compare_addresses(adjacency, slot, theirs, repair);
        }
        return;
    }
    const LspRecord& record = lsdb_.at(slot);
    if (!record.live()) {
        return;  // theirs is about to expire, too
    }
    if (order == 0) {
        adjacency.queue.lsp_known(slot, record.stamp);
    } else if (repair || !adjacency.queue.knows_lsp(slot, record.stamp)) {
        adjacency.queue.owe_lsp(slot, false);
    }
    if (record.lsp.incarnation == theirs.incarnation) {
        compare_addresses(adjacency, slot, theirs, repair);
    } else if (record.addresses.seq() > adjacency.queue.addresses_known(slot)) {
        adjacency.queue.owe_addresses(slot);
    }
}

void Node::Impl::compare_addresses(Adjacency& adjacency,
                                   Slot slot,
                                   const OriginSummary& theirs,
                                   bool repair) {
    const OriginAddresses& ours = lsdb_.at(slot).addresses;
    const bool differ = theirs.addr_seq != ours.seq() || theirs.addr_digest != ours.content();
    if (repair && differ) {
        ++counters_.antientropy_repairs;
    }
    if (theirs.rid == rid_ && differ && theirs.addr_seq >= ours.seq()) {
        reissue_own_addresses(theirs.addr_seq);  // whatever that is, ours is right
        return;
    }
    if (theirs.addr_seq > ours.seq()) {
        if (repair) {
            request_origin(adjacency, theirs.rid, false);
        } else {
            Awaited& awaited = adjacency.awaited[theirs.rid];
            awaited.version = theirs;
            awaited.addresses = true;
        }
        return;
    }
    if (theirs.addr_seq == ours.seq() && differ) {
        // Same number, other content: until the origin speaks, the higher digest wins.
        if (ours.content() < theirs.addr_digest) {
            mark(Mark::kTableAgain);
            request_origin(adjacency, theirs.rid, true);
        }
        return;
    }
    const std::uint64_t sent = repair ? 0 : adjacency.queue.addresses_known(slot);
    adjacency.queue.set_addresses_known(slot, std::max(sent, theirs.addr_seq));
    if (adjacency.queue.addresses_known(slot) < ours.seq()) {
        adjacency.queue.owe_addresses(slot);
    }
}

void Node::Impl::owe_unmentioned(Adjacency& adjacency) {
    for (const auto& [rid, slot] : lsdb_.order()) {
        const LspRecord& record = lsdb_.at(slot);
        if (!record.live() || adjacency.mentioned.contains(rid)) {
            continue;
        }
        if (!adjacency.queue.knows_lsp(slot, record.stamp)) {
            adjacency.queue.owe_lsp(slot, false);
        }
        if (record.addresses.seq() > adjacency.queue.addresses_known(slot)) {
            adjacency.queue.owe_addresses(slot);
        }
    }
    adjacency.mentioned.clear();
}

void Node::Impl::on_request(Adjacency& adjacency, const Request& request) {
    if (!adjacency.synchronising()) {
        return;
    }
    if (request.bucket_rid != 0) {
        const Slot slot = lsdb_.find(request.bucket_rid);
        if (slot != Lsdb::kNone && lsdb_.at(slot).live() && !request.buckets.empty()) {
            send_table(adjacency, slot, request.buckets);
        }
        return;
    }
    for (const OriginSummary& have : request.have) {
        const Slot slot = lsdb_.find(have.rid);
        if (slot == Lsdb::kNone || !lsdb_.at(slot).live()) {
            continue;
        }
        const LspRecord& record = lsdb_.at(slot);
        if (lsdb_.compare(slot, have.incarnation, have.seq, have.hash) > 0) {
            adjacency.queue.owe_lsp(slot, false);
        }
        const bool same_life = record.lsp.incarnation == have.incarnation;
        adjacency.queue.set_addresses_known(slot, same_life ? have.addr_seq : 0);
        if (request.table) {
            adjacency.queue.set_addresses_known(slot, 0);  // it does not trust what it has
            send_table(adjacency, slot, {});
        } else if (adjacency.queue.addresses_known(slot) < record.addresses.seq()) {
            adjacency.queue.owe_addresses(slot);
        }
    }
}

void Node::Impl::request_origin(Adjacency& adjacency, RouterId rid, bool table) {
    if (adjacency.requested.size() >= config_.limits.routers) {
        adjacency.requested.clear();
    }
    Time& again_at = adjacency.requested[rid];
    if (now_ < again_at) {
        return;
    }
    again_at = now_ + kRequestAgain;
    Request request;
    request.table = table;
    const Slot slot = lsdb_.find(rid);
    if (slot != Lsdb::kNone && lsdb_.at(slot).live()) {
        request.have.push_back(summary_of(lsdb_.at(slot)));
    } else {
        request.have.push_back({.rid = rid});
    }
    enqueue(adjacency, encode(request));
}

void Node::Impl::note_progress(RouterId rid) {
    const Slot slot = lsdb_.find(rid);
    AMQMESH_ASSERT(slot != Lsdb::kNone);
    const LspRecord& record = lsdb_.at(slot);
    for (auto& [link, adjacency] : adjacencies_) {
        const auto it = adjacency.awaited.find(rid);
        if (it == adjacency.awaited.end()) {
            continue;
        }
        Awaited& awaited = it->second;
        const OriginSummary& version = awaited.version;
        if (lsdb_.compare(slot, version.incarnation, version.seq, version.hash) >= 0) {
            awaited.lsp = false;
        }
        const bool newer_life = record.lsp.incarnation > version.incarnation;
        const bool same_life = record.lsp.incarnation == version.incarnation;
        if (newer_life || record.lsp.has(lsp_flag::kPurge) ||
            (same_life && record.addresses.seq() >= version.addr_seq)) {
            awaited.addresses = false;
        }
        adjacency.sync_started = now_;
        if (!awaited.lsp && !awaited.addresses) {
            adjacency.awaited.erase(it);
            maybe_full(adjacency);
        }
    }
}

// Hello follows everything sent before it on the same ordered link, so two digests that stay the
// same, and different, over several Hellos while neither side owes anything are a real difference.
void Node::Impl::maybe_repair(Adjacency& adjacency, const Hello& hello) {
    const bool equal =
        hello.lsdb_digest == lsdb_.digest() && hello.addr_digest == lsdb_.address_digest();
    if (equal || adjacency.state != AdjacencyState::kFull || hello.owing || adjacency.owing()) {
        adjacency.mismatches = 0;
        return;
    }
    const std::uint64_t key =
        hash_words({hello.lsdb_digest, hello.addr_digest, lsdb_.digest(), lsdb_.address_digest()});
    if (adjacency.mismatches == 0 || key != adjacency.mismatch_key) {
        adjacency.mismatches = 0;
        adjacency.mismatch_key = key;
        adjacency.mismatch_since = now_;
        adjacency.repair_at = now_ + kMismatchMin;
    }
    ++adjacency.mismatches;
    // Time has to pass here, too: whoever was stopped finds several Hellos at once, from before
    // what it has just sent. Repeated with growing pauses, in case it cannot be repaired (a record
    // that a limit refuses).
    if (adjacency.mismatches >= kMismatchesMin && now_ >= adjacency.repair_at) {
        adjacency.repair_at = now_ + (now_ - adjacency.mismatch_since);
        note(NoteLevel::kWarning,
             "DATABASE_DIFFERS",
             "database differs from that of " + adjacency.peer_name + ": comparing");
        mark(Mark::kRepair);
        send_summary(adjacency, true);
    }
}

}  // namespace amqmesh::routing
