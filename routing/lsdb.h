// The link-state database: the newest LSP of every router known, and what each of them announces.
//
// Order:   (incarnation, seq, hash of the body); higher wins. The hash only matters when two bodies
//          claim the same number, which takes corruption or two routers of one name: all routers
//          then agree on one of them, and its origin, seeing the other, issues a newer one.
// Slots:   records live in numbered slots, which queues and graphs use instead of router ids.
// Graph:   a link exists when both ends list it, by the same pair of link ids; its cost is the
//          higher of the two. Mutators return the edges they changed.
// Ageing:  at the end of its life a record becomes a tombstone (order key only) for a while, so
//          that a copy still under way does not bring it back.
#pragma once

#include "routing/messages.h"
#include "routing/origin_addresses.h"
#include "routing/slot_index.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::routing {

/// A two-way link that appeared (before 0), vanished (after 0) or changed its cost.
struct EdgeChange {
    RouterId a = 0;
    RouterId b = 0;
    Cost before = 0;
    Cost after = 0;
};

struct GraphChange {
    std::vector<EdgeChange> edges;
    bool transit_gained = false;  ///< `router` may be crossed again
    bool transit_lost = false;
    RouterId router = 0;      ///< whose record changed; 0: several
    bool relabelled = false;  ///< same edges, but a router in the graph has a new incarnation

    [[nodiscard]] bool any() const {
        return !edges.empty() || transit_gained || transit_lost || relabelled;
    }

    /// Something that routes may use is gone or dearer.
    [[nodiscard]] bool bad() const;
};

/// Token bucket for one origin's updates: burst 5, then 10 per second.
class ArrivalBudget {
  public:
    /// Takes one update; false: above the limit.
    bool take(Time now);
    [[nodiscard]] Time next(Time now) const;

  private:
    Time charged_until_ = 0;
};

struct LspRecord {
    Lsp lsp;
    std::string body;
    std::uint64_t hash = 0;
    std::uint64_t stamp = 0;  ///< numbers every version ever stored here; 0: free slot
    Time expires_at = 0;
    Time last_change = 0;
    bool tombstone = false;
    ArrivalBudget arrival;
    OriginAddresses addresses;

    [[nodiscard]] bool live() const { return stamp != 0 && !tombstone; }
};

class Lsdb {
  public:
    using Slot = std::uint32_t;
    static constexpr Slot kNone = 0xffffffffU;

    struct Stored {
        Slot slot = kNone;
        GraphChange graph;
        bool new_origin = false;  ///< the slot has just been taken
        bool new_life = false;    ///< other incarnation, purged, or a tombstone before
    };

    [[nodiscard]] Slot find(RouterId rid) const;

    [[nodiscard]] LspRecord& at(Slot slot) { return records_[slot]; }

    [[nodiscard]] const LspRecord& at(Slot slot) const { return records_[slot]; }

    /// All slots in use, tombstones too, ascending by router id.
    [[nodiscard]] const std::vector<std::pair<RouterId, Slot>>& order() const { return order_; }

    /// < 0: the record is older than this key; 0: the same; > 0: newer. Absent is oldest.
    [[nodiscard]] int compare(Slot slot,
                              std::uint64_t incarnation,
                              std::uint64_t seq,
                              std::uint64_t hash) const;

    /// REQUIRES: newer than what is there.
    Stored store(Time now, Lsp lsp, std::string body, std::uint64_t hash, Time expires_at);

    struct Expired {
        std::vector<Slot> buried;  ///< became tombstones
        std::vector<Slot> freed;   ///< left the database
        GraphChange graph;
    };

    Expired expire(Time now);
    [[nodiscard]] std::optional<Time> next_expiry() const;

    /// Call around a change of the record's address table.
    void detach_addresses(Slot slot);
    void attach_addresses(Slot slot);

    [[nodiscard]] std::uint64_t digest() const { return digest_; }

    [[nodiscard]] std::uint64_t address_digest() const { return address_digest_; }

    [[nodiscard]] std::uint32_t count() const { return count_; }

    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    struct Edge {
        Slot to = kNone;
        Cost cost = 1;
        std::uint32_t link_id = 0;
    };

    /// Two-way links of a live record, in the order of its LSP.
    void edges_of(Slot slot, std::vector<Edge>& out) const;

    void check_invariants() const;

  private:
    Slot take_slot(RouterId rid);
    std::vector<std::pair<RouterId, Slot>>::iterator place_of(RouterId rid);
    [[nodiscard]] std::uint64_t digest_of(const LspRecord& record) const;
    void account(Slot slot, bool add);
    GraphChange graph_change(Slot slot, const std::vector<Edge>& before, bool had_transit) const;

    std::vector<LspRecord> records_;
    // Where the peer of each link was found last; checked before use, so never wrong, only slow.
    mutable std::vector<std::vector<Slot>> peer_hints_;
    std::vector<std::pair<RouterId, Slot>> order_;  // ascending
    SlotIndex index_;                               // the same, for lookups
    std::vector<Slot> free_;
    std::set<std::pair<Time, Slot>> expiries_;
    std::uint64_t last_stamp_ = 0;
    std::uint64_t digest_ = 0;
    std::uint64_t address_digest_ = 0;
    std::uint32_t count_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace amqmesh::routing
