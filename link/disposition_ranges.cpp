#include "link/disposition_ranges.h"

#include "link/serial.h"

#include <algorithm>

namespace amqmesh::link {

namespace {

/// Accepted and released have no fields (AMQP 3.4.2, 3.4.4): their shortest form says it all.
Bytes significant(const DeliveryState& state) {
    const bool bare = state.outcome == Outcome::kAccepted || state.outcome == Outcome::kReleased;
    return bare ? Bytes{} : state.raw;
}

}  // namespace

Bytes DispositionRanges::raw_of(const Range& range) const {
    return Bytes(raw_).subspan(range.raw_at, range.raw_bytes);
}

bool DispositionRanges::same_word(const Range& range,
                                  const DeliveryState& state,
                                  bool settled) const {
    if (range.outcome != state.outcome || range.settled != settled) {
        return false;
    }
    const Bytes raw = significant(state);
    if (raw.empty() || range.raw_bytes == 0) {
        return raw.size() == range.raw_bytes;
    }
    const Bytes own = raw_of(range);
    return std::equal(own.begin(), own.end(), raw.begin(), raw.end());
}

void DispositionRanges::add(std::uint32_t id, const DeliveryState& state, bool settled) {
    if (!ranges_.empty()) {
        Range& last = ranges_.back();
        if (last.last + 1 == id && same_word(last, state, settled)) {
            last.last = id;
            return;
        }
    }
    ordered_ = ordered_ || !settled;
    const Bytes raw = significant(state);
    Range range{.first = id,
                .last = id,
                .raw_at = static_cast<std::uint32_t>(raw_.size()),
                .raw_bytes = static_cast<std::uint32_t>(raw.size()),
                .outcome = state.outcome,
                .settled = settled};
    if (!ranges_.empty() && same_word(ranges_.back(), state, settled)) {
        range.raw_at = ranges_.back().raw_at;
    } else {
        raw_.insert(raw_.end(), raw.begin(), raw.end());
    }
    ranges_.push_back(range);
}

void DispositionRanges::prepare() {
    if (ordered_ || ranges_.size() < 2) {
        return;
    }
    const std::uint32_t base = ranges_.front().first;
    std::sort(ranges_.begin(), ranges_.end(), [base](const Range& left, const Range& right) {
        return serial_distance(base, left.first) < serial_distance(base, right.first);
    });
    std::size_t kept = 0;
    for (std::size_t i = 1; i < ranges_.size(); ++i) {
        const Range& next = ranges_[i];
        const DeliveryState state{.outcome = next.outcome, .raw = raw_of(next)};
        if (ranges_[kept].last + 1 == next.first && same_word(ranges_[kept], state, next.settled)) {
            ranges_[kept].last = next.last;
        } else {
            ranges_[++kept] = next;
        }
    }
    ranges_.resize(kept + 1);
}

DispositionFrame DispositionRanges::frame(std::size_t index) const {
    const Range& range = ranges_[index];
    return {.role = Role::kReceiver,
            .first = range.first,
            .last = range.last,
            .settled = range.settled,
            .state = {.outcome = range.outcome, .raw = raw_of(range)}};
}

void DispositionRanges::clear() {
    ranges_.clear();
    raw_.clear();
    ordered_ = false;
}

}  // namespace amqmesh::link
