// Latencies in log-linear buckets: 64 per power of two, so a value is known within 1.6 %.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace amqmesh::bench {

class Histogram {
  public:
    void add(std::uint64_t value) {
        ++buckets_[index(value)];
        ++count_;
    }

    [[nodiscard]] std::uint64_t count() const { return count_; }

    /// Lower bound of the bucket in which the `part`-th (0..1) of all values lies; 0 when empty.
    [[nodiscard]] std::uint64_t quantile(double part) const {
        const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t at = 0; at < buckets_.size(); ++at) {
            seen += buckets_[at];
            if (seen > wanted) {
                return value(at);
            }
        }
        return 0;
    }

    void merge(const Histogram& other) {
        for (std::size_t at = 0; at < buckets_.size(); ++at) {
            buckets_[at] += other.buckets_[at];
        }
        count_ += other.count_;
    }

    void clear() {
        buckets_ = {};
        count_ = 0;
    }

  private:
    static constexpr unsigned kBits = 6;
    static constexpr std::size_t kSteps = std::size_t{1} << kBits;

    static std::size_t index(std::uint64_t value) {
        if (value < kSteps) {
            return value;
        }
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - kBits - 1;
        return kSteps * shift + (value >> shift);
    }

    static std::uint64_t value(std::size_t index) {
        if (index < 2 * kSteps) {
            return index;
        }
        const std::size_t shift = index / kSteps - 1;
        return (kSteps + index % kSteps) << shift;
    }

    std::array<std::uint64_t, kSteps*(64 - kBits + 1)> buckets_{};
    std::uint64_t count_ = 0;
};

}  // namespace amqmesh::bench
