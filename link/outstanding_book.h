// Distribution balanced: how many unsettled deliveries of an address are under way to each router.
//
// Counting happens twice for each message, so it goes by slot: a link looks its slot up once for
// each forwarding table.
#pragma once

#include "link/control_messages.h"
#include "routing/types.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace amqmesh::link {

class OutstandingBook {
  public:
    using Slot = std::uint32_t;
    static constexpr Slot kNone = 0;

    /// Its slot until the next sweep(), and for as long as something is counted there.
    Slot slot_of(routing::AddressHash address, routing::RouterId router) {
        const auto [found, is_new] = slots_.try_emplace(key(address, router), kNone);
        if (is_new) {
            if (free_.empty()) {
                free_.push_back(static_cast<Slot>(counts_.size()));
                counts_.emplace_back();
            }
            found->second = free_.back();
            free_.pop_back();
            counts_[found->second] = {address, router, 0};
        }
        return found->second;
    }

    void add(Slot slot) { ++counts_[slot].deliveries; }

    void remove(Slot slot) { --counts_[slot].deliveries; }

    [[nodiscard]] std::uint32_t outstanding(routing::AddressHash address,
                                            routing::RouterId router) const {
        const auto found = slots_.find(key(address, router));
        return found == slots_.end() ? 0 : counts_[found->second].deliveries;
    }

    /// Frees what has nothing outstanding. With every new table, so the book never holds more than
    /// the pairs of one table and what is under way.
    void sweep() {
        for (auto entry = slots_.begin(); entry != slots_.end();) {
            if (counts_[entry->second].deliveries == 0) {
                free_.push_back(entry->second);
                entry = slots_.erase(entry);
            } else {
                ++entry;
            }
        }
    }

    /// Those that have something outstanding.
    [[nodiscard]] std::vector<Towards> all() const {
        std::vector<Towards> found;
        for (const auto& [pair, slot] : slots_) {
            if (counts_[slot].deliveries != 0) {
                found.push_back(counts_[slot]);
            }
        }
        return found;
    }

  private:
    static std::uint64_t key(routing::AddressHash address, routing::RouterId router) {
        return address ^ (router * 0x9e3779b97f4a7c15ULL);
    }

    std::unordered_map<std::uint64_t, Slot> slots_;
    std::vector<Towards> counts_{1};  // the first stands for kNone
    std::vector<Slot> free_;
};

}  // namespace amqmesh::link
