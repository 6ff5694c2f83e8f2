// Checks of our own promises. A peer's faults are values, never assertions.
#pragma once

namespace amqmesh::routing {

/// Writes the broken condition to stderr and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace amqmesh::routing

/// On in every build; use where it is not run once per message.
#define AMQMESH_ASSERT(condition)       \
    ((condition) ? static_cast<void>(0) \
                 : ::amqmesh::routing::assertion_failed(#condition, __FILE__, __LINE__))
