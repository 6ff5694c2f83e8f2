// Address tables of all origins: steps and tables in, differences out.
#include "routing/assert.h"
#include "routing/hash.h"
#include "routing/node_impl.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace amqmesh::routing {

namespace {

constexpr std::size_t kBucketSyncMin = 512;   // smaller tables are sent whole
constexpr std::size_t kTablePartsMax = 2048;  // of ~60 KiB, waiting for one neighbour
constexpr std::size_t kAssemblyBytesMax = std::size_t{256} << 20U;
constexpr std::size_t kLinkStateShare = 8;  // of the database: what addresses must leave

// As OriginAddresses::bytes() counts it.
std::size_t bytes_of(const AddressEntry& entry) {
    constexpr std::size_t kEntryOverhead = 12;
    return entry.key.size() + kEntryOverhead;
}

// Of the entries that a step deletes or changes, or that a table, or some buckets of it, replace.
std::size_t bytes_replaced(const std::vector<AddressEntry>& entries, const AddressDelta& delta) {
    std::size_t bytes = 0;
    if (delta.reset) {
        for (const AddressEntry& entry : entries) {
            const auto bucket = static_cast<std::uint32_t>(hash_bytes(entry.key) >> 56U);
            const bool named = delta.buckets.empty() ||
                               std::ranges::find(delta.buckets, bucket) != delta.buckets.end();
            bytes += named ? bytes_of(entry) : 0;
        }
        return bytes;
    }
    const auto count = [&](std::uint32_t id) {
        const auto it = std::lower_bound(
            entries.begin(), entries.end(), id, [](const AddressEntry& entry, std::uint32_t value) {
                return entry.id < value;
            });
        bytes += it != entries.end() && it->id == id ? bytes_of(*it) : 0;
    };
    for (const AddressEntry& entry : delta.add) {
        count(entry.id);
    }
    std::for_each(delta.del.begin(), delta.del.end(), count);
    return bytes;
}

}  // namespace

Fault Node::Impl::on_delta(Adjacency& adjacency, FloodedDelta& flooded) {
    AddressDelta delta;
    if (hash_bytes(flooded.body) != flooded.hash) {
        return Fault::kMalformed;
    }
    const Fault fault = decode_delta(flooded.body, config_.limits, delta);
    if (fault != Fault::kNone) {
        return fault;
    }
    const Slot slot = lsdb_.find(delta.rid);
    if (delta.rid == rid_) {
        return Fault::kNone;  // ours, or an earlier life's: our LSP settles which
    }
    const bool known = slot != Lsdb::kNone && lsdb_.at(slot).live();
    if (known && (lsdb_.at(slot).lsp.incarnation > delta.incarnation ||
                  lsdb_.at(slot).lsp.has(lsp_flag::kPurge))) {
        return Fault::kNone;  // of a life that is over
    }
    if (!known || lsdb_.at(slot).lsp.incarnation < delta.incarnation) {
        const bool buried = slot != Lsdb::kNone && lsdb_.at(slot).tombstone &&
                            lsdb_.at(slot).lsp.incarnation >= delta.incarnation;
        if (!buried) {
            request_origin(adjacency, delta.rid, false);
        }
        return Fault::kNone;
    }
    return apply_delta(adjacency, slot, delta, std::move(flooded.body));
}

Fault Node::Impl::apply_delta(Adjacency& adjacency,
                              Slot slot,
                              AddressDelta& delta,
                              std::string body) {
    const std::uint64_t seq = delta.seq;
    LspRecord& record = lsdb_.at(slot);
    if (delta.reset && !assemble(adjacency, slot, delta)) {
        return Fault::kNone;
    }
    std::vector<AddressDiff> diffs;
    const OriginAddresses::Applied applied =
        take_delta(adjacency, slot, delta, std::move(body), diffs);
    switch (applied) {
        case OriginAddresses::Applied::kDone:
            adjacency.requested.erase(record.lsp.rid);
            adjacency.sync_started = now_;
            adjacency.queue.set_addresses_known(slot, seq);
            emit_diffs(slot, diffs);
            owe_addresses(slot);
            note_progress(record.lsp.rid);
            return Fault::kNone;
        case OriginAddresses::Applied::kDuplicate:
            adjacency.queue.set_addresses_known(
                slot, std::max(adjacency.queue.addresses_known(slot), seq));
            return Fault::kNone;
        case OriginAddresses::Applied::kGap:
            mark(Mark::kGap);
            request_origin(adjacency, record.lsp.rid, false);
            return Fault::kNone;
        case OriginAddresses::Applied::kCorrupt:
            mark(Mark::kTableAgain);
            request_origin(adjacency, record.lsp.rid, true);
            return Fault::kNone;
        case OriginAddresses::Applied::kOverLimit:
            over_limit("addresses of " + record.lsp.name);
            return Fault::kNone;
    }
    return Fault::kNone;
}

OriginAddresses::Applied Node::Impl::take_delta(Adjacency& adjacency,
                                                Slot slot,
                                                const AddressDelta& delta,
                                                std::string body,
                                                std::vector<AddressDiff>& diffs) {
    OriginAddresses& addresses = lsdb_.at(slot).addresses;
    if (!delta.reset) {
        if (delta.seq > addresses.seq() && !has_room(addresses, delta, delta.add)) {
            return OriginAddresses::Applied::kOverLimit;
        }
        lsdb_.detach_addresses(slot);
        const auto applied = addresses.apply_step(delta, std::move(body), config_.limits, diffs);
        lsdb_.attach_addresses(slot);
        return applied;
    }
    Assembly table = std::move(*adjacency.assembly);
    adjacency.assembly.reset();
    if (!has_room(addresses, table.head, table.entries)) {
        return OriginAddresses::Applied::kOverLimit;
    }
    lsdb_.detach_addresses(slot);
    const auto applied =
        addresses.apply_table(table.head, std::move(table.entries), config_.limits, diffs);
    lsdb_.attach_addresses(slot);
    return applied;
}

bool Node::Impl::has_room(const OriginAddresses& addresses,
                          const AddressDelta& delta,
                          const std::vector<AddressEntry>& added) const {
    const std::size_t limit = config_.limits.database_bytes;
    const std::size_t room = limit - limit / kLinkStateShare;
    std::size_t more = 0;
    for (const AddressEntry& entry : added) {
        more += bytes_of(entry);
    }
    if (lsdb_.bytes() + more <= room) {
        return true;
    }
    const std::size_t less = bytes_replaced(addresses.entries(), delta);
    return more <= less || lsdb_.bytes() + more - less <= room;
}

// Collects the parts of a table. True: complete, in adjacency.assembly.
bool Node::Impl::assemble(Adjacency& adjacency, Slot slot, AddressDelta& delta) {
    if (delta.part == 0) {
        adjacency.assembly.emplace();
        adjacency.assembly->head = delta;
        adjacency.assembly->head.add.clear();
    }
    std::optional<Assembly>& assembly = adjacency.assembly;
    const bool fits = assembly && assembly->next_part == delta.part &&
                      assembly->head.rid == delta.rid && assembly->head.seq == delta.seq &&
                      assembly->head.incarnation == delta.incarnation &&
                      assembly->head.parts == delta.parts;
    if (!fits) {
        if (assembly) {
            // A part got lost or the order is wrong: all of it again.
            assembly.reset();
            mark(Mark::kTableAgain);
            request_origin(adjacency, lsdb_.at(slot).lsp.rid, true);
        }
        return false;
    }
    for (const AddressEntry& entry : delta.add) {
        assembly->bytes += entry.key.size() + sizeof(AddressEntry);
    }
    if (assembly->bytes > kAssemblyBytesMax ||
        assembly->entries.size() + delta.add.size() > config_.limits.addresses_per_origin) {
        ++counters_.over_limit;
        assembly.reset();
        return false;
    }
    std::move(delta.add.begin(), delta.add.end(), std::back_inserter(assembly->entries));
    adjacency.sync_started = now_;
    if (assembly->next_part == 1) {
        mark(Mark::kManyParts);
    }
    return ++assembly->next_part == delta.parts;
}

void Node::Impl::on_buckets(Adjacency& adjacency, const Summary& summary) {
    const Slot slot = lsdb_.find(summary.bucket_rid);
    if (slot == Lsdb::kNone || !lsdb_.at(slot).live()) {
        return;
    }
    mark(Mark::kBuckets);
    const std::vector<BucketDigest> ours = lsdb_.at(slot).addresses.bucket_digests();
    Request request;
    request.bucket_rid = summary.bucket_rid;
    for (const BucketDigest& theirs : summary.buckets) {
        if (ours[theirs.index].digest != theirs.digest) {
            request.buckets.push_back(theirs.index);
        }
    }
    if (request.buckets.empty()) {
        request.buckets.push_back(0);  // only the number differs: any bucket brings it
    }
    enqueue(adjacency, encode(request));
}

// The whole table, some buckets of it, or, to a neighbour that has most of a big one, its digests.
void Node::Impl::send_table(Adjacency& adjacency,
                            Slot slot,
                            const std::vector<std::uint32_t>& buckets) {
    if (adjacency.table_parts.size() > kTablePartsMax) {
        ++counters_.over_limit;  // it asks for more than it takes
        return;
    }
    const LspRecord& record = lsdb_.at(slot);
    const OriginAddresses& addresses = record.addresses;
    const std::uint64_t known = adjacency.queue.addresses_known(slot);
    adjacency.queue.set_addresses_known(slot, addresses.seq());
    if (addresses.seq() == 0) {
        return;
    }
    if (buckets.empty() && known > 0 && addresses.size() >= kBucketSyncMin) {
        enqueue(
            adjacency,
            encode(Summary{.bucket_rid = record.lsp.rid, .buckets = addresses.bucket_digests()}));
        return;
    }
    for (std::string& part :
         addresses.encode_table(record.lsp.rid, record.lsp.incarnation, buckets)) {
        adjacency.table_parts.push_back(std::move(part));
    }
}

void Node::Impl::owe_addresses(Slot slot) {
    const std::uint64_t seq = lsdb_.at(slot).addresses.seq();
    for (auto& [link, adjacency] : adjacencies_) {
        if (adjacency.queue.addresses_known(slot) < seq) {
            adjacency.queue.owe_addresses(slot);
        }
    }
}

// A new life of the origin starts with an empty table, whatever is under way of the old one.
void Node::Impl::drop_addresses(Slot slot) {
    LspRecord& record = lsdb_.at(slot);
    std::vector<AddressDiff> diffs;
    diffs.reserve(record.addresses.size());
    for (const AddressEntry& entry : record.addresses.entries()) {
        diffs.push_back({entry.key, entry.treatment, entry.weight, false});
    }
    emit_diffs(slot, diffs);
    if (!record.tombstone) {
        lsdb_.detach_addresses(slot);
    }
    record.addresses = OriginAddresses();
    for (auto& [link, adjacency] : adjacencies_) {
        adjacency.queue.forget_addresses(slot);
    }
}

void Node::Impl::announce_weights(Slot slot) {
    std::vector<AddressDiff> diffs;
    for (const AddressEntry& entry : lsdb_.at(slot).addresses.entries()) {
        diffs.push_back({entry.key, entry.treatment, entry.weight, true});
    }
    emit_diffs(slot, diffs);
}

void Node::Impl::emit_diffs(Slot slot, std::vector<AddressDiff>& diffs) {
    const Lsp& lsp = lsdb_.at(slot).lsp;
    for (AddressDiff& diff : diffs) {
        effects_->addresses.push_back({lsp.rid,
                                       std::move(diff.key),
                                       diff.treatment,
                                       lsp.has(lsp_flag::kDraining) ? 0 : diff.weight,
                                       diff.present});
    }
}

void Node::Impl::flush_own_addresses() {
    lsdb_.detach_addresses(self_);
    own_addresses_.flush(now_, rid_, incarnation_, lsdb_.at(self_).addresses);
    lsdb_.attach_addresses(self_);
    owe_addresses(self_);
}

void Node::Impl::reissue_own_addresses(std::uint64_t beyond) {
    if (lsdb_.at(self_).addresses.seq() == 0 && beyond == 0) {
        return;
    }
    mark(Mark::kReissued);
    lsdb_.detach_addresses(self_);
    lsdb_.at(self_).addresses.reissue(beyond);
    lsdb_.attach_addresses(self_);
    owe_addresses(self_);
}

}  // namespace amqmesh::routing
