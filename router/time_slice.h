// How the kernel shares processors between this thread and others.
#pragma once

#include <chrono>
#include <system_error>

namespace amqmesh::router {

/// Asks the kernel to give the calling thread the processor in turns of `slice` (0.1 to 100 ms)
/// when others want it, too. Linux from 6.12 on lets a woken thread interrupt one with longer turns
/// as long as it has had less than its share; without this it waits until the other's turn is over,
/// about 3 ms. Earlier kernels take no notice. Needs no privilege and does not change the share.
///
/// sched_setattr(2), sched_runtime of SCHED_OTHER. The error is for information: nothing depends on
/// it.
std::error_code set_time_slice(std::chrono::microseconds slice);

/// The calling thread's `nice` value (setpriority(2)): the higher, the smaller its share beside
/// others'. Needs no privilege to rise.
std::error_code lower_priority(int nice);

}  // namespace amqmesh::router
