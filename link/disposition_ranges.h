// Collects dispositions of one direction of a session until output(), as few frames as possible.
//
// Settlements of different deliveries commute, so they may be sorted and joined into ranges; an
// unsettled state may be followed by another word on the same delivery, so the presence of one
// keeps the order as it came. Bound: `full()` asks for a flush.
#pragma once

#include "link/amqp_types.h"
#include "link/codec.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace amqmesh::link {

class DispositionRanges {
  public:
    static constexpr std::size_t kRangesMax = 512;
    static constexpr std::size_t kRawBytesMax = std::size_t{16} * 1024;

    void add(std::uint32_t id, const DeliveryState& state, bool settled);

    [[nodiscard]] bool empty() const { return ranges_.empty(); }

    [[nodiscard]] bool full() const {
        return ranges_.size() >= kRangesMax || raw_.size() >= kRawBytesMax;
    }

    /// Sorts and joins; then frames() are to be sent and clear() called.
    void prepare();

    [[nodiscard]] std::size_t count() const { return ranges_.size(); }

    /// The frame without its role; valid until the next change.
    [[nodiscard]] DispositionFrame frame(std::size_t index) const;
    void clear();

  private:
    struct Range {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        std::uint32_t raw_at = 0;
        std::uint32_t raw_bytes = 0;
        Outcome outcome = Outcome::kNone;
        bool settled = false;
    };

    [[nodiscard]] Bytes raw_of(const Range& range) const;
    [[nodiscard]] bool same_word(const Range& range,
                                 const DeliveryState& state,
                                 bool settled) const;

    std::vector<Range> ranges_;
    std::vector<std::byte> raw_;  // encoded states that are more than their outcome
    bool ordered_ = false;        // an unsettled state is among them
};

}  // namespace amqmesh::link
