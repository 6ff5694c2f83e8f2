// Accepts TCP connections on every address that its host name stands for. Control thread.
#pragma once

#include "router/configuration.h"
#include "router/unique_fd.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace amqmesh::router {

class Listener {
  public:
    /// Called for each accepted socket (non-blocking, close-on-exec) with the peer's "ip:port".
    using Accepted = std::function<void(UniqueFd fd, std::string peer)>;

    /// `io` is not owned and outlives the listener.
    Listener(boost::asio::io_context& io, ListenerConfig config, Accepted accepted);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// Binds and listens, but accepts nothing yet. Where a socket of `leaving` listens already, a
    /// duplicate of it is used: what waits there to be accepted is not lost. False with `why`.
    bool open(const std::vector<const Listener*>& leaving, std::string& why);
    /// Begins to accept.
    void start();
    /// Accepts nothing any more.
    void close();

    [[nodiscard]] const ListenerConfig& config() const;
    /// For connections accepted from now on; the place where it listens stays.
    void change(ListenerConfig config);

    /// The port of the first address; the system's choice where 0 was asked for.
    [[nodiscard]] std::uint16_t port() const;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace amqmesh::router
