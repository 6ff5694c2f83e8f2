#include "router/time_slice.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace amqmesh::router {

namespace {

// As sched_setattr(2) has it: the C library does not know it, and the kernel's header does not go
// together with the C library's.
struct SchedulingAttributes {
    std::uint32_t size = 0;
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
};

}  // namespace

std::error_code set_time_slice(std::chrono::microseconds slice) {
    constexpr int kThisThread = 0;
    constexpr int kNoFlags = 0;
    SchedulingAttributes attributes;
    if (::syscall(SYS_sched_getattr, kThisThread, &attributes, sizeof attributes, kNoFlags) != 0) {
        return {errno, std::generic_category()};
    }
    attributes.size = sizeof attributes;
    attributes.runtime_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(slice).count());
    if (::syscall(SYS_sched_setattr, kThisThread, &attributes, kNoFlags) != 0) {
        return {errno, std::generic_category()};
    }
    return {};
}

std::error_code lower_priority(int nice) {
    constexpr id_t kThisThread = 0;  // Linux has one value per thread
    if (::setpriority(PRIO_PROCESS, kThisThread, nice) != 0) {
        return {errno, std::generic_category()};
    }
    return {};
}

}  // namespace amqmesh::router
