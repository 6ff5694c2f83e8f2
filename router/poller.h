// What a worker waits for: its sockets, a deadline, other threads. One system call per turn.
//
// A socket is watched edge-triggered, once and for its whole life: its owner remembers what is
// still to be read or written, so nothing is armed again after each read, as a reactor that serves
// one wait at a time has to. A worker that is not asleep is woken without a system call.
#pragma once

#include "router/unique_fd.h"
#include "routing/types.h"

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>

namespace amqmesh::router {

class Poller {
  public:
    struct Event {
        std::uint64_t key = 0;
        bool readable = false;
        bool writable = false;  ///< there is space again, or an error to be learnt by writing
        bool ended = false;     ///< nothing follows what can be read now
    };

    /// Throws std::system_error if the kernel has no descriptor left.
    Poller();

    /// `key` (not kWakeKey) comes with each of the socket's events, the first of which tells what
    /// it is ready for now. The end of the watch is the close of the descriptor. The owner's
    /// thread.
    std::error_code watch(int fd, std::uint64_t key);

    /// Waits until something happens, a wake() or `deadline` (of the monotonic clock; none: no
    /// limit; to a millisecond above it with kernels before Linux 5.11). Returns without waiting
    /// when woken since the last call or when the deadline has passed. At most kEventsMax events,
    /// the others come with the next call; they are valid until then. The owner's thread.
    std::span<const Event> wait(std::optional<routing::Time> deadline);

    /// True once after wake(): whatever the waker did before is visible now. The owner's thread.
    bool take_wake();

    /// Ends the wait under way or the next one. Any thread.
    void wake();

    static constexpr std::size_t kEventsMax = 64;
    static constexpr std::uint64_t kWakeKey = ~std::uint64_t{0};

  private:
    enum class State : std::uint8_t { kAwake, kAsleep, kWoken };

    /// Fills raw_. How many, or -1.
    int wait_for(std::optional<routing::Time> timeout);

    UniqueFd epoll_;
    UniqueFd bell_;
    bool exact_ = true;  ///< the kernel knows epoll_pwait2
    std::atomic<State> state_{State::kAwake};
    std::array<epoll_event, kEventsMax> raw_{};
    std::array<Event, kEventsMax> events_{};
};

}  // namespace amqmesh::router
