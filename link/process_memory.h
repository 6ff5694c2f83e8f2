// What the process does with memory that it has freed. Process-wide; any thread.
#pragma once

namespace amqmesh::link {

/// Once, at start: freed memory stays with the allocator until give_memory_back(), so that a busy
/// node does not fetch it from the system again and again.
void keep_freed_memory();

/// Memory that the calling thread has freed, and what can be had of other threads', goes back to
/// the system. Costs as much as there is to give back; for the time after a burst.
void give_memory_back();

}  // namespace amqmesh::link
