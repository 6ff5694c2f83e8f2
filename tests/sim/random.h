// The simulation's only source of chance: one seeded generator (splitmix64), so that a seed is the
// whole story of a run.
#pragma once

#include <cmath>
#include <cstdint>

namespace amqmesh::sim {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31U);
    }

    /// 0 .. bound - 1. REQUIRES: bound > 0.
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }

    /// first .. last, both included.
    std::uint64_t between(std::uint64_t first, std::uint64_t last) {
        return first + below(last - first + 1);
    }

    double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

    bool chance(double probability) { return unit() < probability; }

    std::uint64_t exponential(std::uint64_t mean) {
        return static_cast<std::uint64_t>(-std::log1p(-unit()) * static_cast<double>(mean));
    }

  private:
    std::uint64_t state_;
};

}  // namespace amqmesh::sim
