#include "tests/bench/load.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>

namespace amqmesh::bench {

namespace {

constexpr std::size_t kInputBytes = 512 * 1024;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr int kIdleRoundMs = 100;
constexpr int kAcceptMs = 5000;
constexpr int kPacedRoundMs = 1;
constexpr double kStartLimit = 10;  // seconds for the first credit
constexpr double kDrainLimit = 10;

std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace

Load::Load(LoadPlan plan) : plan_(std::move(plan)), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    connect_all();
}

Load::~Load() = default;

void Load::connect_all() {
    Socket listener;
    if (plan_.accept_port != 0) {
        listener = listen_on(plan_.accept_port).first;
    }
    for (unsigned number = 0; number < plan_.pairs; ++number) {
        LinkPlan link = plan_.link;
        link.address += std::to_string(number);
        auto pair = std::make_unique<Pair>();
        const bool active = plan_.accept_port == 0;
        pair->receiving.peer = std::make_unique<Receiver>(link, "bench-receiver", active);
        pair->sending.peer = std::make_unique<Sender>(link, "bench-sender");
        if (active) {
            pair->receiving.socket = connect_to(plan_.receive_port);
        }
        pair->sending.socket = connect_to(plan_.send_port);
        if (!active) {
            pollfd waiting{.fd = listener.fd(), .events = POLLIN, .revents = 0};
            if (poll(&waiting, 1, kAcceptMs) != 1) {
                die("nobody connected to the receiver");
            }
            pair->receiving.socket = accept_from(listener);
        }
        watch(pair->receiving);
        watch(pair->sending);
        pairs_.push_back(std::move(pair));
    }
}

void Load::watch(End& end) {
    end.input.resize(kInputBytes);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &end;
    epoll_ctl(poll_.fd(), EPOLL_CTL_ADD, end.socket.fd(), &event);
    write(end);
}

void Load::read(End& end, std::uint64_t now) {
    const long got = read_some(end.socket, std::span(end.input).subspan(end.filled));
    if (got < 0) {
        die("the peer closed a connection" +
            (end.peer->failure().empty() ? std::string() : ": " + end.peer->failure()));
    }
    end.filled += static_cast<std::size_t>(got);
    const std::size_t used = end.peer->received(std::span(end.input).first(end.filled), now);
    if (!end.peer->failure().empty()) {
        errno = 0;
        die(end.peer->failure());
    }
    std::copy(end.input.begin() + static_cast<std::ptrdiff_t>(used),
              end.input.begin() + static_cast<std::ptrdiff_t>(end.filled),
              end.input.begin());
    end.filled -= used;
}

void Load::write(End& end) {
    if (end.peer->out().empty() && !end.wants_write) {
        return;
    }
    if (!write_some(end.socket, end.peer->out())) {
        die("the peer closed a connection");
    }
    const bool wants_write = !end.peer->out().empty();
    if (wants_write != end.wants_write) {
        end.wants_write = wants_write;
        epoll_event event{};
        event.events = EPOLLIN | (wants_write ? std::uint32_t{EPOLLOUT} : 0U);
        event.data.ptr = &end;
        epoll_ctl(poll_.fd(), EPOLL_CTL_MOD, end.socket.fd(), &event);
    }
}

std::uint64_t Load::allowed(std::uint64_t now) const {
    if (stopping_) {
        return 0;
    }
    if (plan_.rate <= 0) {
        return std::numeric_limits<std::uint64_t>::max();
    }
    // In bursts, one a round: else the answers of whatever is measured would set the pace, and no
    // two subjects would get the same load.
    constexpr std::uint64_t kBurst = kPacedRoundMs * kSecond / 1000;
    const std::uint64_t since = (now - rate_from_ns_) / kBurst * kBurst;
    const double seconds = static_cast<double>(since) / static_cast<double>(kSecond);
    return static_cast<std::uint64_t>(seconds * plan_.rate / plan_.pairs);
}

void Load::round() {
    std::array<epoll_event, 64> events{};
    const int ready = epoll_wait(poll_.fd(),
                                 events.data(),
                                 static_cast<int>(events.size()),
                                 plan_.rate > 0 ? kPacedRoundMs : kIdleRoundMs);
    std::uint64_t now = now_ns();
    for (int at = 0; at < ready; ++at) {
        const epoll_event& event = events[static_cast<std::size_t>(at)];
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            read(*static_cast<End*>(event.data.ptr), now);
        }
    }
    const bool heartbeat = now - last_heartbeat_ns_ > kSecond;
    last_heartbeat_ns_ = heartbeat ? now : last_heartbeat_ns_;
    now = now_ns();
    for (const auto& pair : pairs_) {
        pair->receiver().answer();
        pair->sender().pump(allowed(now), pair->receiver().count(), now);
        if (heartbeat) {
            pair->receiver().heartbeat();
            pair->sender().heartbeat();
        }
        write(pair->receiving);
        write(pair->sending);
    }
}

void Load::run_for(double seconds) {
    const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(seconds * 1e9);
    while (now_ns() < end) {
        round();
    }
}

void Load::wait_for_credit() {
    const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(kStartLimit * 1e9);
    const auto credited = [this] {
        return std::all_of(pairs_.begin(), pairs_.end(), [](const auto& pair) {
            return pair->sender().credited();
        });
    };
    while (!credited()) {
        round();
        if (now_ns() > end) {
            errno = 0;
            die("no credit for a sender");
        }
    }
}

void Load::snapshot(LoadResult& result, int sign) const {
    // Unsigned arithmetic wraps, so subtracting the start and adding the end is exact.
    const auto factor = static_cast<std::uint64_t>(static_cast<std::int64_t>(sign));
    for (const auto& pair : pairs_) {
        result.messages += factor * pair->receiver().count();
    }
    for (std::size_t at = 0; at < plan_.watched.size(); ++at) {
        const ProcessUsage usage = process_usage(plan_.watched[at]);
        result.watched[at].cpu_ns += factor * usage.cpu_ns;
        result.watched[at].rss_bytes = usage.rss_bytes;
    }
    result.client_cpu_ns += factor * process_usage(getpid()).cpu_ns;
}

bool Load::drained() const {
    return std::all_of(pairs_.begin(), pairs_.end(), [this](const auto& pair) {
        const Sender& sender = pair->sender();
        return pair->receiver().count() == sender.sent() &&
               (plan_.link.presettled || sender.settled() == sender.sent());
    });
}

LoadResult Load::run() {
    rate_from_ns_ = now_ns();
    wait_for_credit();
    rate_from_ns_ = now_ns();
    run_for(plan_.warmup_s);

    LoadResult result;
    result.watched.resize(plan_.watched.size());
    for (const auto& pair : pairs_) {
        pair->receiver().latency_ns().clear();
    }
    snapshot(result, -1);
    const std::uint64_t start = now_ns();
    run_for(plan_.seconds);
    result.seconds = static_cast<double>(now_ns() - start) / 1e9;
    snapshot(result, 1);

    Histogram all;
    for (const auto& pair : pairs_) {
        all.merge(pair->receiver().latency_ns());
    }
    result.latency_p50_ns = all.quantile(0.5);
    result.latency_p99_ns = all.quantile(0.99);

    stopping_ = true;
    const std::uint64_t drain_end = now_ns() + static_cast<std::uint64_t>(kDrainLimit * 1e9);
    while (!drained() && now_ns() < drain_end) {
        round();
    }
    for (const auto& pair : pairs_) {
        result.not_accepted += pair->sender().not_accepted();
        result.lost += pair->sender().sent() - pair->receiver().count();
    }
    return result;
}

}  // namespace amqmesh::bench
