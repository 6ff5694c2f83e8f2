// CPU time and memory of another process, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace amqmesh::bench {

struct ProcessUsage {
    std::uint64_t cpu_ns = 0;  ///< of all its threads that still run
    std::uint64_t rss_bytes = 0;
};

/// Zeros when there is no such process.
ProcessUsage process_usage(pid_t pid);

}  // namespace amqmesh::bench
