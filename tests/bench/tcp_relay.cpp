// The floor of any router's cost: bytes from one socket to another, nothing looked at. Listens, and
// connects onward once for each connection accepted. One thread, epoll, level triggered.
#include "tests/bench/socket.h"

#include <sys/epoll.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace {

using amqmesh::bench::Socket;

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kWaitingBytes = 1U << 20;  // reading stops above, until it has been written

/// One socket and what waits to be written to it.
struct Half {
    Socket socket;
    std::vector<std::uint8_t> waiting;
    Half* other = nullptr;  // not owned
    std::uint32_t events = 0;
};

struct Joint {
    Half client, onward;
};

void arm(int poll, Half& half, int operation) {
    const bool full = half.other->waiting.size() > kWaitingBytes;
    const std::uint32_t wanted = (full ? 0U : std::uint32_t{EPOLLIN}) |
                                 (half.waiting.empty() ? 0U : std::uint32_t{EPOLLOUT});
    if (operation == EPOLL_CTL_MOD && wanted == half.events) {
        return;
    }
    half.events = wanted;
    epoll_event event{};
    event.events = wanted;
    event.data.ptr = &half;
    epoll_ctl(poll, operation, half.socket.fd(), &event);
}

/// False when the connection has ended.
bool relay(int poll, Half& from, std::uint32_t ready) {
    static std::array<std::uint8_t, kReadBytes> space;
    Half& to = *from.other;
    if ((ready & EPOLLOUT) != 0 && !write_some(from.socket, from.waiting)) {
        return false;
    }
    if ((ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        const long got = read_some(from.socket, space);
        if (got < 0) {
            return false;
        }
        to.waiting.insert(to.waiting.end(), space.begin(), space.begin() + got);
        if (!write_some(to.socket, to.waiting)) {
            return false;
        }
    }
    arm(poll, from, EPOLL_CTL_MOD);
    arm(poll, to, EPOLL_CTL_MOD);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: tcp_relay LISTEN_PORT ONWARD_PORT\n", stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    const auto listen_port = static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10));
    const auto onward_port = static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10));
    const auto listener = amqmesh::bench::listen_on(listen_port);
    const Socket poll(epoll_create1(EPOLL_CLOEXEC));
    epoll_event listening{};
    listening.events = EPOLLIN;
    epoll_ctl(poll.fd(), EPOLL_CTL_ADD, listener.first.fd(), &listening);
    std::printf("listening on 127.0.0.1:%u\n", unsigned{listener.second});
    std::fflush(stdout);

    // Joints are kept until the end: a benchmark makes few connections.
    std::vector<std::unique_ptr<Joint>> joints;
    std::array<epoll_event, 64> events{};
    for (;;) {
        const int ready = epoll_wait(poll.fd(), events.data(), static_cast<int>(events.size()), -1);
        for (int at = 0; at < ready; ++at) {
            const epoll_event& event = events[static_cast<std::size_t>(at)];
            auto* half = static_cast<Half*>(event.data.ptr);
            if (half == nullptr) {
                auto joint = std::make_unique<Joint>();
                joint->client.socket = amqmesh::bench::accept_from(listener.first);
                joint->onward.socket = amqmesh::bench::connect_to(onward_port);
                joint->client.other = &joint->onward;
                joint->onward.other = &joint->client;
                arm(poll.fd(), joint->client, EPOLL_CTL_ADD);
                arm(poll.fd(), joint->onward, EPOLL_CTL_ADD);
                joints.push_back(std::move(joint));
            } else if (half->socket.fd() >= 0 && !relay(poll.fd(), *half, event.events)) {
                half->other->socket = Socket();  // closing removes it from the poll set
                half->socket = Socket();
            }
        }
    }
}
