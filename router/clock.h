// The process's one clock, for the rim. Logic is given its time.
#pragma once

#include "routing/types.h"

#include <chrono>

namespace amqmesh::router {

/// Microseconds of the monotonic clock; equal on all threads.
inline routing::Time now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<routing::Time>(
        std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

/// Milliseconds since 1970.
inline std::uint64_t wall_clock_ms() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

}  // namespace amqmesh::router
