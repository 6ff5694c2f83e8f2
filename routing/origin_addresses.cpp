#include "routing/origin_addresses.h"

#include "routing/assert.h"
#include "routing/codec.h"
#include "routing/hash.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace amqmesh::routing {

namespace {

constexpr std::size_t kStepsKept = 1024;
constexpr std::size_t kStepsMax = kStepsKept + kStepsKept / 4;
constexpr std::size_t kLogBytesMax = std::size_t{1} << 20U;
constexpr std::size_t kPartBytes = 60'000;
constexpr std::size_t kEntryOverhead = 12;  // ids, treatment, weight and lengths on the wire

std::uint64_t hash_entry(const AddressEntry& entry) {
    return hash_words({hash_bytes(entry.key),
                       entry.id,
                       static_cast<std::uint64_t>(entry.treatment),
                       entry.weight});
}

std::uint32_t bucket_of(const AddressEntry& entry) {
    return static_cast<std::uint32_t>(hash_bytes(entry.key) >> 56U);
}

AddressDiff as_diff(const AddressEntry& entry, bool present) {
    return {entry.key, entry.treatment, entry.weight, present};
}

bool same(const AddressEntry& a, const AddressEntry& b) {
    return a.key == b.key && a.treatment == b.treatment && a.weight == b.weight;
}

bool ascending(const std::vector<AddressEntry>& entries) {
    return std::adjacent_find(
               entries.begin(), entries.end(), [](const AddressEntry& a, const AddressEntry& b) {
                   return a.id >= b.id;
               }) == entries.end();
}

std::size_t wire_bytes(const AddressEntry& entry) {
    return entry.key.size() + kEntryOverhead;
}

}  // namespace

std::vector<AddressEntry>::const_iterator OriginAddresses::place_of(std::uint32_t id) const {
    return std::lower_bound(
        entries_.begin(), entries_.end(), id, [](const AddressEntry& entry, std::uint32_t value) {
            return entry.id < value;
        });
}

const AddressEntry* OriginAddresses::find(std::uint32_t id) const {
    const auto it = place_of(id);
    return it != entries_.end() && it->id == id ? &*it : nullptr;
}

std::optional<std::uint64_t> OriginAddresses::content_after(const AddressDelta& delta) const {
    std::uint64_t content = content_;
    std::vector<std::uint32_t> deleted = delta.del;
    std::sort(deleted.begin(), deleted.end());
    if (std::adjacent_find(deleted.begin(), deleted.end()) != deleted.end()) {
        return std::nullopt;
    }
    for (const std::uint32_t id : deleted) {
        const AddressEntry* entry = find(id);
        if (entry == nullptr) {
            return std::nullopt;
        }
        content ^= hash_entry(*entry);
    }
    for (const AddressEntry& entry : delta.add) {
        if (std::binary_search(deleted.begin(), deleted.end(), entry.id)) {
            return std::nullopt;
        }
        if (const AddressEntry* old = find(entry.id)) {
            content ^= hash_entry(*old);
        }
        content ^= hash_entry(entry);
    }
    return content;
}

OriginAddresses::Applied OriginAddresses::apply_step(const AddressDelta& delta,
                                                     std::string body,
                                                     const Limits& limits,
                                                     std::vector<AddressDiff>& diffs) {
    if (delta.seq <= seq_) {
        return Applied::kDuplicate;
    }
    if (delta.base != seq_ || delta.seq != delta.base + 1) {
        return Applied::kGap;
    }
    if (entries_.size() + delta.add.size() > limits.addresses_per_origin + delta.del.size()) {
        return Applied::kOverLimit;
    }
    const auto content = content_after(delta);
    if (!content || *content != delta.digest) {
        return Applied::kCorrupt;
    }
    take_out(delta.del, diffs);
    put_in(delta.add, diffs);
    content_ = *content;
    seq_ = delta.seq;
    log_bytes_ += body.size();
    log_.push_back({seq_, std::move(body)});
    trim_log();
    return Applied::kDone;
}

// In place, as a step is small and the table may not be: what stands behind the first one moves up.
void OriginAddresses::take_out(std::vector<std::uint32_t> ids, std::vector<AddressDiff>& diffs) {
    if (ids.empty()) {
        return;
    }
    std::sort(ids.begin(), ids.end());
    auto id = ids.begin();
    auto kept = entries_.begin() + (place_of(*id) - entries_.begin());
    for (auto entry = kept; entry != entries_.end(); ++entry) {
        if (id != ids.end() && entry->id == *id) {
            diffs.push_back(as_diff(*entry, false));
            entry_bytes_ -= wire_bytes(*entry);
            ++id;
        } else {
            *kept++ = std::move(*entry);
        }
    }
    entries_.erase(kept, entries_.end());
}

// Those with a new id go in from behind, so that each entry moves once at most.
void OriginAddresses::put_in(const std::vector<AddressEntry>& added,
                             std::vector<AddressDiff>& diffs) {
    std::vector<AddressDiff> appeared;
    std::vector<const AddressEntry*> fresh;
    for (const AddressEntry& entry : added) {
        entry_bytes_ += wire_bytes(entry);
        const auto old = entries_.begin() + (place_of(entry.id) - entries_.begin());
        if (old == entries_.end() || old->id != entry.id) {
            fresh.push_back(&entry);
            appeared.push_back(as_diff(entry, true));
            continue;
        }
        entry_bytes_ -= wire_bytes(*old);
        if (old->key != entry.key) {
            diffs.push_back(as_diff(*old, false));
        }
        if (!same(*old, entry)) {
            appeared.push_back(as_diff(entry, true));
        }
        *old = entry;
    }
    std::size_t from = entries_.size();
    entries_.resize(entries_.size() + fresh.size());
    std::size_t to = entries_.size();
    while (!fresh.empty()) {
        if (from > 0 && entries_[from - 1].id > fresh.back()->id) {
            entries_[--to] = std::move(entries_[--from]);
        } else {
            entries_[--to] = *fresh.back();
            fresh.pop_back();
        }
    }
    diffs.insert(diffs.end(),
                 std::make_move_iterator(appeared.begin()),
                 std::make_move_iterator(appeared.end()));
}

OriginAddresses::Applied OriginAddresses::apply_table(const AddressDelta& head,
                                                      std::vector<AddressEntry> entries,
                                                      const Limits& limits,
                                                      std::vector<AddressDiff>& diffs) {
    if (head.seq < seq_ || (head.seq == seq_ && head.digest == content_)) {
        return Applied::kDuplicate;
    }
    if (!head.buckets.empty()) {
        std::array<bool, kBuckets> replaced{};
        for (const std::uint32_t bucket : head.buckets) {
            replaced[bucket] = true;
        }
        const auto kept = [&](const AddressEntry& entry) { return !replaced[bucket_of(entry)]; };
        std::copy_if(entries_.begin(), entries_.end(), std::back_inserter(entries), kept);
        std::sort(entries.begin(), entries.end(), [](const AddressEntry& a, const AddressEntry& b) {
            return a.id < b.id;
        });
    }
    if (entries.size() > limits.addresses_per_origin) {
        return Applied::kOverLimit;
    }
    std::uint64_t content = 0;
    for (const AddressEntry& entry : entries) {
        content ^= hash_entry(entry);
    }
    if (!ascending(entries) || content != head.digest) {
        return Applied::kCorrupt;
    }
    replace_entries(std::move(entries), diffs);
    content_ = content;
    seq_ = head.seq;
    log_ = {};
    log_bytes_ = 0;
    return Applied::kDone;
}

// Tells the difference by (id, key): what vanished first, so that a key which moved to another id
// ends up present.
void OriginAddresses::replace_entries(std::vector<AddressEntry> entries,
                                      std::vector<AddressDiff>& diffs) {
    std::vector<AddressDiff> appeared;
    auto next = entries.begin();
    for (const AddressEntry& old : entries_) {
        while (next != entries.end() && next->id < old.id) {
            appeared.push_back(as_diff(*next++, true));
        }
        if (next == entries.end() || next->id != old.id) {
            diffs.push_back(as_diff(old, false));
            continue;
        }
        if (next->key != old.key) {
            diffs.push_back(as_diff(old, false));
        }
        if (!same(*next, old)) {
            appeared.push_back(as_diff(*next, true));
        }
        ++next;
    }
    for (; next != entries.end(); ++next) {
        appeared.push_back(as_diff(*next, true));
    }
    diffs.insert(diffs.end(),
                 std::make_move_iterator(appeared.begin()),
                 std::make_move_iterator(appeared.end()));
    entries_ = std::move(entries);
    entry_bytes_ = 0;
    for (const AddressEntry& entry : entries_) {
        entry_bytes_ += wire_bytes(entry);
    }
}

// Many at once, so that the rest does not move up with each step.
void OriginAddresses::trim_log() {
    if (log_.size() <= kStepsMax && (log_bytes_ <= kLogBytesMax || log_.size() == 1)) {
        return;
    }
    std::size_t trimmed = 0;
    while (trimmed + 1 < log_.size() &&
           (log_.size() - trimmed > kStepsKept || log_bytes_ > kLogBytesMax - kLogBytesMax / 4)) {
        log_bytes_ -= log_[trimmed++].body.size();
    }
    log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(trimmed));
}

std::vector<const OriginAddresses::Step*> OriginAddresses::steps_after(std::uint64_t seq) const {
    std::vector<const Step*> steps;
    if (seq == 0 || seq >= seq_ || log_.empty() || log_.front().seq > seq + 1) {
        // From nothing there is only one table that fits; and a log that starts later has a gap.
        if (!(seq == 0 && !log_.empty() && log_.front().seq == 1)) {
            return steps;
        }
    }
    std::size_t bytes = 0;
    for (std::size_t i = log_.size() - (seq_ - seq); i < log_.size(); ++i) {
        bytes += log_[i].body.size();
        steps.push_back(&log_[i]);
    }
    if (bytes > entry_bytes_ + 1024) {
        steps.clear();
    }
    return steps;
}

std::vector<std::string> OriginAddresses::encode_table(
    RouterId rid, std::uint64_t incarnation, const std::vector<std::uint32_t>& buckets) const {
    std::array<bool, kBuckets> wanted{};
    for (const std::uint32_t bucket : buckets) {
        wanted[bucket] = true;
    }
    std::vector<AddressDelta> parts(1);
    std::size_t bytes = 0;
    for (const AddressEntry& entry : entries_) {
        if (!buckets.empty() && !wanted[bucket_of(entry)]) {
            continue;
        }
        if (bytes + wire_bytes(entry) > kPartBytes) {
            parts.emplace_back();
            bytes = 0;
        }
        bytes += wire_bytes(entry);
        parts.back().add.push_back(entry);
    }
    std::vector<std::string> bodies;
    bodies.reserve(parts.size());
    for (AddressDelta& part : parts) {
        part.rid = rid;
        part.incarnation = incarnation;
        part.seq = seq_;
        part.reset = true;
        part.part = static_cast<std::uint32_t>(bodies.size());
        part.parts = static_cast<std::uint32_t>(parts.size());
        part.digest = content_;
        part.buckets = buckets;
        bodies.push_back(encode_delta(part));
    }
    return bodies;
}

std::vector<BucketDigest> OriginAddresses::bucket_digests() const {
    std::vector<BucketDigest> digests(kBuckets);
    for (std::uint32_t i = 0; i < kBuckets; ++i) {
        digests[i].index = i;
    }
    for (const AddressEntry& entry : entries_) {
        digests[bucket_of(entry)].digest ^= hash_entry(entry);
    }
    return digests;
}

void OriginAddresses::reissue(std::uint64_t beyond) {
    seq_ = std::max(seq_, beyond) + 1;
    log_ = {};
    log_bytes_ = 0;
}

std::uint64_t OriginAddresses::digest(RouterId rid, std::uint64_t incarnation) const {
    return seq_ == 0 ? 0 : hash_words({rid, incarnation, seq_, content_});
}

void OriginAddresses::check_invariants() const {
    AMQMESH_ASSERT(ascending(entries_));
    AMQMESH_ASSERT(log_.size() <= kStepsMax);
    AMQMESH_ASSERT(log_.empty() || log_.back().seq == seq_);
    AMQMESH_ASSERT(log_.empty() || log_.back().seq - log_.front().seq + 1 == log_.size());
}

}  // namespace amqmesh::routing
