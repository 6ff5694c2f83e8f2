#include "tests/bench/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace amqmesh::bench {

namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// Non-blocking and without Nagle's delay, as the routers' own sockets are.
void prepare(int fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        die("fcntl");
    }
}

}  // namespace

Socket::~Socket() {
    if (fd_ >= 0) {
        close(fd_);
    }
}

void die(const std::string& why) {
    std::fprintf(stderr,
                 "%s%s%s\n",
                 why.c_str(),
                 errno != 0 ? ": " : "",
                 errno != 0 ? std::strerror(errno) : "");
    std::exit(1);
}

std::pair<Socket, std::uint16_t> listen_on(std::uint16_t port) {
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = loopback(port);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket.fd(), generic, length) != 0 || listen(socket.fd(), SOMAXCONN) != 0 ||
        getsockname(socket.fd(), generic, &length) != 0) {
        die("cannot listen on port " + std::to_string(port));
    }
    prepare(socket.fd());
    return {std::move(socket), ntohs(address.sin_port)};
}

Socket connect_to(std::uint16_t port) {
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        die("cannot connect to port " + std::to_string(port));
    }
    prepare(socket.fd());
    return socket;
}

Socket accept_from(const Socket& listener) {
    Socket socket(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.fd() >= 0) {
        prepare(socket.fd());
    }
    return socket;
}

long read_some(const Socket& socket, std::span<std::uint8_t> space) {
    const ssize_t got = recv(socket.fd(), space.data(), space.size(), 0);
    if (got > 0) {
        return got;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

bool write_some(const Socket& socket, std::vector<std::uint8_t>& bytes) {
    while (!bytes.empty()) {
        const ssize_t put = send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        bytes.erase(bytes.begin(), bytes.begin() + put);
    }
    return true;
}

}  // namespace amqmesh::bench
