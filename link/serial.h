// Serial-number arithmetic (RFC 1982) on 32-bit ids and counts, as AMQP 2.8.10 asks for.
#pragma once

#include <cstdint>

namespace amqmesh::link {

/// How far `to` lies ahead of `from`; negative: behind.
inline std::int32_t serial_distance(std::uint32_t from, std::uint32_t to) {
    return static_cast<std::int32_t>(to - from);
}

inline bool serial_less(std::uint32_t left, std::uint32_t right) {
    return serial_distance(left, right) > 0;
}

}  // namespace amqmesh::link
