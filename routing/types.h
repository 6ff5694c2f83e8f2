// Units and identities shared by every folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace amqmesh::routing {

/// Monotonic time in microseconds since an arbitrary start. Always given, never read, inside
/// `routing/` and `link/`.
using Time = std::uint64_t;

inline constexpr Time kMillisecond = 1000;
inline constexpr Time kSecond = 1000 * kMillisecond;

/// Router identity on the wire: the first 8 bytes (big-endian) of SHA-256 of the router's name.
/// 0 is never a router.
using RouterId = std::uint64_t;

/// Mesh-wide 64-bit hash of an address key (see routing/address_key.h). 0 is never a live address.
using AddressHash = std::uint64_t;

/// One inter-router connection of this node, numbered by the driver; never reused in a process.
using AdjacencyId = std::uint32_t;

/// Additive link metric, 1..65535.
using Cost = std::uint32_t;

/// How deliveries to an address are spread over its consumers.
enum class Treatment : std::uint8_t {
    kBalanced = 0,
    kClosest = 1,
    kMulticast = 2,
    kUnavailable = 3
};

/// The configuration's word for a treatment.
std::string_view to_string(Treatment treatment);

}  // namespace amqmesh::routing
