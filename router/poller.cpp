#include "router/poller.h"

#include "router/clock.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace amqmesh::router {

namespace {

std::error_code last_error() {
    return {errno, std::generic_category()};
}

std::error_code add(int epoll, int fd, std::uint32_t events, std::uint64_t key) {
    epoll_event event{};
    event.events = events | EPOLLET;
    event.data.u64 = key;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? std::error_code{} : last_error();
}

/// From now; nothing: no limit.
std::optional<routing::Time> time_until(std::optional<routing::Time> deadline) {
    if (!deadline) {
        return std::nullopt;
    }
    const routing::Time time = now();
    return *deadline <= time ? 0 : *deadline - time;
}

}  // namespace

Poller::Poller()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!epoll_ || !bell_) {
        throw std::system_error(last_error(), "a worker's event loop");
    }
    // Edge-triggered too: each write is an event, and the count never has to be read.
    if (const auto error = add(epoll_.get(), bell_.get(), EPOLLIN, kWakeKey)) {
        throw std::system_error(error, "a worker's event loop");
    }
}

std::error_code Poller::watch(int fd, std::uint64_t key) {
    return add(epoll_.get(), fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, key);
}

std::span<const Poller::Event> Poller::wait(std::optional<routing::Time> deadline) {
    std::optional<routing::Time> timeout = time_until(deadline);
    State awake = State::kAwake;
    if (timeout != 0 && !state_.compare_exchange_strong(awake, State::kAsleep)) {
        timeout = 0;  // woken in the meantime
    }
    const int count = wait_for(timeout);
    State asleep = State::kAsleep;
    state_.compare_exchange_strong(asleep, State::kAwake);
    std::size_t known = 0;
    for (int i = 0; i < count; ++i) {
        const epoll_event& raw = raw_[static_cast<std::size_t>(i)];
        if (raw.data.u64 == kWakeKey) {
            continue;
        }
        const bool broken = (raw.events & (EPOLLERR | EPOLLHUP)) != 0;
        events_[known++] = {raw.data.u64,
                            broken || (raw.events & EPOLLIN) != 0,
                            broken || (raw.events & EPOLLOUT) != 0,
                            broken || (raw.events & EPOLLRDHUP) != 0};
    }
    return std::span(events_).first(known);
}

int Poller::wait_for(std::optional<routing::Time> timeout) {
    if (exact_) {
        timespec left{};
        if (timeout) {
            left.tv_sec = static_cast<time_t>(*timeout / routing::kSecond);
            left.tv_nsec = static_cast<long>(*timeout % routing::kSecond * 1000);
        }
        const int count = ::epoll_pwait2(
            epoll_.get(), raw_.data(), kEventsMax, timeout ? &left : nullptr, nullptr);
        // Containers of old may forbid what they do not know.
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return count;
        }
        exact_ = false;
    }
    constexpr routing::Time kRoundUp = routing::kMillisecond - 1;
    const routing::Time rounded = timeout ? (*timeout + kRoundUp) / routing::kMillisecond : 0;
    return ::epoll_wait(epoll_.get(),
                        raw_.data(),
                        kEventsMax,
                        timeout ? static_cast<int>(std::min<routing::Time>(rounded, INT_MAX)) : -1);
}

bool Poller::take_wake() {
    State woken = State::kWoken;
    return state_.compare_exchange_strong(woken, State::kAwake);
}

void Poller::wake() {
    if (state_.exchange(State::kWoken) == State::kAsleep) {
        const std::uint64_t one = 1;
        // Fails only when the count is full, and then the bell has rung.
        [[maybe_unused]] const auto written = ::write(bell_.get(), &one, sizeof one);
    }
}

}  // namespace amqmesh::router
