// Unsettled deliveries of one direction of a session, found by delivery-id.
//
// Ids are handed out in sequence, so nearly all live ids lie close together: a power-of-two ring
// indexed by the id's low bits finds them in one step. A delivery that stays unsettled while the
// ids run on would make the ring grow without end; when its slot is wanted by a newer id and the
// ring is sparsely used, it moves to an ordered fallback instead. So memory is bounded by the count
// of live deliveries, and that by credit (the engine's business).
//
// Cost: O(1) insert, find, erase; a range visits known deliveries within the ring's live span only,
// however large the range.
#pragma once

#include "link/assert.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace amqmesh::link {

/// What the engine remembers of a delivery.
struct DeliveryEntry {
    static constexpr std::uint32_t kNoLink = 0xffffffffU;

    std::uint64_t context = 0;
    std::uint32_t link = kNoLink;
    std::uint32_t id = 0;
};

class DeliveryMap {
  public:
    /// False: the id is already known. REQUIRES: link != kNoLink.
    bool insert(std::uint32_t id, std::uint32_t link, std::uint64_t context) {
        AMQMESH_DEBUG_ASSERT(link != DeliveryEntry::kNoLink);
        // The usual case: the next id in sequence, and its slot is free. (An empty ring has low_ at
        // high_; mask_ is 0 until there is a ring at all.)
        if (id == high_ && high_ - low_ < mask_ && sparse_.empty()) {
            DeliveryEntry& entry = slot(id);
            entry.context = context;
            entry.link = link;
            entry.id = id;
            ++ring_count_;
            ++high_;
            return true;
        }
        return insert_anywhere({.context = context, .link = link, .id = id});
    }

    /// nullptr: unknown. Valid until the next insert or erase.
    [[nodiscard]] DeliveryEntry* find(std::uint32_t id) {
        return in_ring(id) ? &slot(id) : find_sparse(id);
    }

    /// The first id from `id` on that is not known. Only ids that have moved aside are looked at:
    /// the ring's are the newest ones. Cost: none while there are none aside.
    [[nodiscard]] std::uint32_t unused_from(std::uint32_t id) const {
        while (!sparse_.empty() && sparse_.contains(id)) {
            ++id;
        }
        return id;
    }

    bool erase(std::uint32_t id) {
        if (!in_ring(id)) {
            return erase_sparse(id);
        }
        slot(id).link = DeliveryEntry::kNoLink;
        --ring_count_;
        skip_unused();
        return true;
    }

    /// find(), and erase() when `forget`, in one step; the context, or nothing: unknown.
    std::optional<std::uint64_t> look_up(std::uint32_t id, bool forget) {
        if (!in_ring(id)) {
            const DeliveryEntry* entry = find_sparse(id);
            if (entry == nullptr) {
                return std::nullopt;
            }
            const std::uint64_t context = entry->context;
            if (forget) {
                erase_sparse(id);
            }
            return context;
        }
        DeliveryEntry& entry = slot(id);
        if (forget) {
            entry.link = DeliveryEntry::kNoLink;
            --ring_count_;
            skip_unused();
        }
        return entry.context;
    }

    [[nodiscard]] std::size_t size() const { return ring_count_ + sparse_.size(); }

    [[nodiscard]] bool empty() const { return size() == 0; }

    /// Calls `visit(id)` for at least the known ids from `first` on, up to and including `last`,
    /// wrapping past 2^32 - 1, until it returns false. It may insert and erase as it likes; an id
    /// it is called with may be unknown. How many places it looked at for that, at most.
    template <typename Visit>
    std::uint32_t visit(std::uint32_t first, std::uint32_t last, Visit&& visit) const {
        const std::uint32_t span = last - first;
        if (!sparse_.empty()) {
            const std::uint32_t in_ring = high_ - low_;
            const std::vector<std::uint32_t> ids = collect(first, last);
            for (const std::uint32_t id : ids) {
                if (!visit(id)) {
                    break;
                }
            }
            return static_cast<std::uint32_t>(ids.size()) + (span < in_ring ? span + 1 : in_ring);
        }
        const bool from_low = span >= high_ - low_;  // then the ring's live span is the shorter way
        const std::uint32_t count = from_low ? high_ - low_ : span + 1;
        const std::uint32_t begin = from_low ? low_ : first;
        for (std::uint32_t i = 0; i < count; ++i) {
            if (begin + i - first <= span && !visit(begin + i)) {
                break;
            }
        }
        return count;
    }

    /// Forgets all deliveries of a link; how many.
    std::size_t erase_link(std::uint32_t link);

    /// Forgets everything and gives the memory back.
    void clear() { *this = DeliveryMap(); }

    [[nodiscard]] std::size_t ring_capacity() const { return ring_.size(); }

    [[nodiscard]] std::size_t sparse_size() const { return sparse_.size(); }

  private:
    static constexpr std::size_t kRingMin = 16;

    [[nodiscard]] DeliveryEntry& slot(std::uint32_t id) { return ring_[id & mask_]; }

    [[nodiscard]] bool in_ring(std::uint32_t id) const {
        if (ring_count_ == 0 || id - low_ >= high_ - low_) {
            return false;
        }
        const DeliveryEntry& entry = ring_[id & mask_];
        return entry.link != DeliveryEntry::kNoLink && entry.id == id;
    }

    /// Keeps low_ on a live id, so that the span tells what is in use.
    void skip_unused() {
        if (ring_count_ == 0) {
            low_ = high_;
            return;
        }
        while (slot(low_).link == DeliveryEntry::kNoLink) {
            ++low_;
            AMQMESH_DEBUG_ASSERT(low_ != high_);
        }
    }

    [[nodiscard]] std::vector<std::uint32_t> collect(std::uint32_t first, std::uint32_t last) const;
    [[gnu::cold, gnu::noinline]] bool insert_anywhere(const DeliveryEntry& entry);
    [[gnu::cold, gnu::noinline]] [[nodiscard]] DeliveryEntry* find_sparse(std::uint32_t id);
    [[gnu::cold, gnu::noinline]] bool erase_sparse(std::uint32_t id);
    bool make_room(std::uint32_t id);
    void grow();
    void evict_oldest();

    std::vector<DeliveryEntry> ring_;  // free slots have kNoLink
    std::uint32_t mask_ = 0;
    std::size_t ring_count_ = 0;
    // Ids in the ring lie in [low_, high_), a span of at most ring_.size(): no two share a slot.
    std::uint32_t low_ = 0;
    std::uint32_t high_ = 0;
    std::map<std::uint32_t, DeliveryEntry> sparse_;
};

}  // namespace amqmesh::link
