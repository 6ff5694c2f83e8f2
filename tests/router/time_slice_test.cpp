#include "router/time_slice.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>

namespace amqmesh::router {
namespace {

TEST(TimeSlice, LeavesPolicyAndShareAsTheyWere) {
    std::thread([] {
        const int policy = ::sched_getscheduler(0);
        const int nice = ::getpriority(PRIO_PROCESS, 0);
        set_time_slice(std::chrono::microseconds{300});
        EXPECT_EQ(::sched_getscheduler(0), policy);
        EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), nice);
    }).join();
}

}  // namespace
}  // namespace amqmesh::router
