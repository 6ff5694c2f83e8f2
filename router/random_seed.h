// A number that nobody can foresee. Any thread.
#pragma once

#include <cstdint>
#include <random>

namespace amqmesh::router {

inline std::uint64_t random_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace amqmesh::router
