// One TCP connection on its worker: moves bytes between the kernel and the data plane.
//
// Readiness-driven, so that an idle connection holds no buffer: wait until the socket is readable,
// then read straight into the engine's space. Writes gather the engine's pieces once per burst; the
// kernel is asked to wake us only when it refused some.
//
// Ends: when the plane says finished(), what is left is written, our half is shut down, and for a
// moment the peer's last bytes are read and dropped: closing with unread input would reset the
// connection and could destroy the error we just told the peer.
#pragma once

#include "link/data_plane.h"
#include "router/deadline_queue.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace amqmesh::router {

class AmqpSocket;

/// What a socket needs of the worker that owns it. The worker's thread only.
class SocketHost {
  public:
    virtual ~SocketHost() = default;
    virtual link::DataPlane& plane() = 0;
    virtual DeadlineQueue& deadlines() = 0;
    /// The plane took part in something for this socket: flush at the end of the burst.
    virtual void touched(AmqpSocket& socket) = 0;
    /// The plane has forgotten the connection; its slot may be used again.
    virtual void detached(AmqpSocket& socket) = 0;
    /// The socket is closed and nobody needs it.
    virtual void gone(AmqpSocket& socket) = 0;
};

class AmqpSocket : public std::enable_shared_from_this<AmqpSocket> {
  public:
    /// `host` is not owned and outlives the socket. `key` names it in the host's deadlines.
    AmqpSocket(boost::asio::posix::stream_descriptor socket,
               link::ConnectionId id,
               std::uint64_t key,
               SocketHost& host);

    void start();

    /// Writes what the plane has for this connection and ends it when the plane is done with it.
    void start_write();

    /// The deadline set in the host's DeadlineQueue has come.
    void on_deadline();

    /// Writes what can be written now (the close) and gives the peer up.
    void hang_up(const std::string& why);

    /// Closes without further ado (end of the process).
    void abandon();

    [[nodiscard]] link::ConnectionId id() const { return id_; }

    [[nodiscard]] std::uint64_t key() const { return key_; }

    bool is_touched = false;  ///< the host's mark

  private:
    enum class State : std::uint8_t { kOpen, kLingering, kClosed };

    void wait_readable();
    void on_readable();
    void read_burst();
    void drop_input();
    void wait_writable();
    void maybe_finish();
    void tick();
    void linger();
    void close();

    boost::asio::posix::stream_descriptor socket_;
    const link::ConnectionId id_;
    const std::uint64_t key_;
    SocketHost& host_;
    State state_ = State::kOpen;
    bool reading_ = false;  ///< a wait for input is under way
    bool writing_ = false;  ///< a wait for space in the kernel is under way
    bool peer_ended_ = false;
    bool moved_ = false;  ///< bytes came or went since the last tick
    routing::Time last_tick_ = 0;
    std::size_t dropped_ = 0;
};

}  // namespace amqmesh::router
