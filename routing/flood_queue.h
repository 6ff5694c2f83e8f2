// What one neighbour is still to be told: a queue of keys (database slots), not of messages.
//
// The newest version is looked up when there is room to send, so however fast a record changes, the
// queue holds it once: memory is bounded by the database (the idea of FRR's isis_tx_queue).
#pragma once

#include "routing/types.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace amqmesh::routing {

/// First in, first out; takes no memory while it has never held anything.
class SlotFifo {
  public:
    void push(std::uint32_t slot) { slots_.push_back(slot); }

    /// Nothing: empty.
    std::optional<std::uint32_t> pop() {
        if (next_ == slots_.size()) {
            return std::nullopt;
        }
        const std::uint32_t slot = slots_[next_++];
        if (2 * next_ >= slots_.size()) {
            slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(next_));
            next_ = 0;
        }
        return slot;
    }

  private:
    std::vector<std::uint32_t> slots_;
    std::size_t next_ = 0;
};

class FloodQueue {
  public:
    using Slot = std::uint32_t;

    /// The neighbour lacks this record's newest version. `urgent`: a link went down.
    void owe_lsp(Slot slot, bool urgent);
    /// The neighbour has version `stamp` of the record: by us, or from elsewhere.
    void lsp_known(Slot slot, std::uint64_t stamp);
    [[nodiscard]] bool knows_lsp(Slot slot, std::uint64_t stamp) const;
    [[nodiscard]] bool owes_lsp(Slot slot) const;
    std::optional<Slot> pop_lsp();

    void owe_addresses(Slot slot);
    std::optional<Slot> pop_addresses();
    [[nodiscard]] std::uint64_t addresses_known(Slot slot) const;
    void set_addresses_known(Slot slot, std::uint64_t seq);

    /// The slot belongs to another origin, or another life of it, from now on.
    void forget(Slot slot);
    void forget_addresses(Slot slot);

    [[nodiscard]] bool empty() const { return owed_ == 0; }

    [[nodiscard]] std::size_t owed() const { return owed_; }

  private:
    struct PerOrigin {
        std::uint64_t sent_stamp = 0;       // newest version that the neighbour is known to have
        std::uint64_t addresses_known = 0;  // same, of the address table
        bool lsp_owed = false;
        bool addresses_owed = false;
        bool in_urgent = false;  // there is an entry in that deque, perhaps no longer owed
        bool in_normal = false;
        bool in_addresses = false;
    };

    PerOrigin& at(Slot slot);

    std::vector<PerOrigin> origins_;
    SlotFifo urgent_;
    SlotFifo normal_;
    SlotFifo addresses_;
    std::size_t owed_ = 0;
};

}  // namespace amqmesh::routing
