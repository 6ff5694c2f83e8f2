// Checks of our own promises on the per-message path: on in every build but release. A peer's
// faults are values, never assertions.
#pragma once

namespace amqmesh::link {

/// Writes the broken condition to stderr and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace amqmesh::link

#ifdef AMQMESH_DEBUG_ASSERTIONS
#define AMQMESH_DEBUG_ASSERT(condition) \
    ((condition) ? static_cast<void>(0) \
                 : ::amqmesh::link::assertion_failed(#condition, __FILE__, __LINE__))
#else
#define AMQMESH_DEBUG_ASSERT(condition) static_cast<void>(sizeof(!(condition)))
#endif
