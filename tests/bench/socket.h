// Non-blocking TCP on loopback, as far as the bench programs need it. Failures end the program.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::bench {

/// Owns a file descriptor.
class Socket {
  public:
    Socket() = default;

    explicit Socket(int fd) : fd_(fd) {}

    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

    Socket& operator=(Socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    ~Socket();

    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_ = -1;
};

[[noreturn]] void die(const std::string& why);

/// Listens on 127.0.0.1; port 0: any. The socket and its port.
std::pair<Socket, std::uint16_t> listen_on(std::uint16_t port);
Socket connect_to(std::uint16_t port);
/// None (fd -1) when nobody waits.
Socket accept_from(const Socket& listener);

/// Bytes read into `space`; 0: none now, -1: the other end is gone.
long read_some(const Socket& socket, std::span<std::uint8_t> space);
/// Writes from the front of `bytes` what the kernel takes and removes it; false: gone.
bool write_some(const Socket& socket, std::vector<std::uint8_t>& bytes);

}  // namespace amqmesh::bench
