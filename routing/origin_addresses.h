// The addresses that one router announces: its table, and the last steps that led to it.
//
// Problem: bring every router to the same table, sending only what changed.
// Model:   the origin numbers its changes; a step takes the table from seq - 1 to seq and is
// applied
//          only on exactly that base. Whoever is further behind than the kept steps reach gets the
//          whole table (or the buckets that differ) and applies it as one. Every step and table
//          carries the digest of the result, which is checked before anything is changed.
// Bounds:  Limits::addresses_per_origin entries; the last 1,024 steps (and up to 256 before them),
// 1 MiB of log.
#pragma once

#include "routing/messages.h"
#include "routing/node.h"

#include <cstdint>
#include <string>
#include <vector>

namespace amqmesh::routing {

/// One consumer set that appeared, changed or vanished.
struct AddressDiff {
    std::string key;
    Treatment treatment = Treatment::kBalanced;
    std::uint32_t weight = 1;
    bool present = true;
};

class OriginAddresses {
  public:
    enum class Applied : std::uint8_t { kDone, kDuplicate, kGap, kCorrupt, kOverLimit };

    struct Step {
        std::uint64_t seq = 0;
        std::string body;
    };

    [[nodiscard]] std::uint64_t seq() const { return seq_; }

    [[nodiscard]] std::uint64_t content() const { return content_; }

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    [[nodiscard]] std::size_t bytes() const { return entry_bytes_ + log_bytes_; }

    [[nodiscard]] const std::vector<AddressEntry>& entries() const { return entries_; }

    /// Applies one step. `body` is its encoded form, kept for whoever is behind.
    Applied apply_step(const AddressDelta& delta,
                       std::string body,
                       const Limits& limits,
                       std::vector<AddressDiff>& diffs);

    /// Replaces the table (or the buckets named) by `entries`, ascending by id, reaching `seq`.
    Applied apply_table(const AddressDelta& head,
                        std::vector<AddressEntry> entries,
                        const Limits& limits,
                        std::vector<AddressDiff>& diffs);

    /// Content digest after `delta`, or nothing when it does not fit the table.
    [[nodiscard]] std::optional<std::uint64_t> content_after(const AddressDelta& delta) const;

    /// The kept steps after `seq`; empty when they do not reach back that far, or when the whole
    /// table is cheaper.
    [[nodiscard]] std::vector<const Step*> steps_after(std::uint64_t seq) const;

    /// The whole table, or the named buckets, as bodies of at most ~60 KiB.
    [[nodiscard]] std::vector<std::string> encode_table(
        RouterId rid, std::uint64_t incarnation, const std::vector<std::uint32_t>& buckets) const;

    [[nodiscard]] std::vector<BucketDigest> bucket_digests() const;

    /// Own table only: makes everyone fetch it anew, under a number above its own and `beyond`.
    void reissue(std::uint64_t beyond);

    /// Share of this origin in the database's address digest; 0 while empty and unnumbered.
    [[nodiscard]] std::uint64_t digest(RouterId rid, std::uint64_t incarnation) const;

    void check_invariants() const;

  private:
    /// Where it stands, or would.
    [[nodiscard]] std::vector<AddressEntry>::const_iterator place_of(std::uint32_t id) const;
    [[nodiscard]] const AddressEntry* find(std::uint32_t id) const;
    /// REQUIRES: all of them are there.
    void take_out(std::vector<std::uint32_t> ids, std::vector<AddressDiff>& diffs);
    /// REQUIRES: ascending by id.
    void put_in(const std::vector<AddressEntry>& added, std::vector<AddressDiff>& diffs);
    void replace_entries(std::vector<AddressEntry> entries, std::vector<AddressDiff>& diffs);
    void trim_log();

    std::uint64_t seq_ = 0;
    std::uint64_t content_ = 0;
    std::vector<AddressEntry> entries_;  // ascending by id
    std::size_t entry_bytes_ = 0;
    std::vector<Step> log_;  // consecutive, the last one is seq_; most origins have none
    std::size_t log_bytes_ = 0;
};

}  // namespace amqmesh::routing
