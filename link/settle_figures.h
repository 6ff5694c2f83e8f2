// How long deliveries take until they are settled, and how many are per second. Counted when a
// delivery is settled, with the time of the burst it is settled in: no clock is read for it.
#pragma once

#include "routing/types.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace amqmesh::link {

/// Ages in buckets of 64 µs * 2^(kBits * i); the last bucket has no bound. Ages shorter than one
/// burst of its worker count as 0.
template <unsigned kBits, std::size_t kBuckets>
struct AgeHistogram {
    std::array<std::uint64_t, kBuckets> counts{};
    std::uint64_t sum_us = 0;

    void add(routing::Time age) {
        const std::size_t steps = std::bit_width(age >> 6U);
        ++counts[std::min<std::size_t>((steps + kBits - 1) / kBits, kBuckets - 1)];
        sum_us += age;
    }

    void add(const AgeHistogram& other) {
        for (std::size_t i = 0; i < kBuckets; ++i) {
            counts[i] += other.counts[i];
        }
        sum_us += other.sum_us;
    }

    /// Upper bound of bucket `i` (exclusive), for all but the last.
    static constexpr routing::Time bound(std::size_t i) { return routing::Time{64} << (kBits * i); }
};

using RouterAges = AgeHistogram<1, 21>;   ///< 64 µs to 33 s
using AddressAges = AgeHistogram<2, 11>;  ///< 64 µs to 16 s; small, since there may be many

/// Settlements per second over the last five full steps of 2^20 µs.
class SettleRate {
  public:
    void count(routing::Time now) {
        turn(step(now));
        ++counts_[step_ % kSteps];
    }

    [[nodiscard]] double per_second(routing::Time now) const {
        std::uint64_t sum = 0;
        const std::uint64_t current = step(now);
        for (std::uint64_t age = 1; age <= kFullSteps; ++age) {
            // Steps after the last settlement saw none; older ones than the ring are forgotten.
            if (current >= age && current - age <= step_ && step_ - (current - age) < kSteps) {
                sum += counts_[(current - age) % kSteps];
            }
        }
        return static_cast<double>(sum) / (static_cast<double>(kFullSteps) * 1.048576);
    }

  private:
    static constexpr std::uint64_t kFullSteps = 5;
    static constexpr std::uint64_t kSteps = 8;  // those, the current one, and up to a power of two

    static constexpr std::uint64_t step(routing::Time now) { return now >> 20U; }

    void turn(std::uint64_t to) {
        if (to <= step_) {
            return;
        }
        const std::uint64_t cleared = std::min(to - step_, kSteps);
        for (std::uint64_t i = 0; i < cleared; ++i) {
            counts_[(to - i) % kSteps] = 0;
        }
        step_ = to;
    }

    std::array<std::uint32_t, kSteps> counts_{};
    std::uint64_t step_ = 0;
};

/// What a link or a worker keeps about the ages of its deliveries.
struct AgeCounters {
    static constexpr routing::Time kLong = routing::kSecond;
    static constexpr routing::Time kVeryLong = 10 * routing::kSecond;

    std::uint64_t delayed_1s = 0;   ///< settled after more than 1 s, at most 10 s
    std::uint64_t delayed_10s = 0;  ///< settled after more than 10 s
    std::uint64_t stuck = 0;        ///< unsettled now, for more than 10 s

    void settled(routing::Time age, bool was_stuck) {
        if (age > kLong) {
            ++(age > kVeryLong ? delayed_10s : delayed_1s);
        }
        stuck -= was_stuck ? 1U : 0U;
    }
};

}  // namespace amqmesh::link
