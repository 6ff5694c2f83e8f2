// One TCP connection on its worker: moves bytes between the kernel and the data plane.
//
// Readiness-driven, so that an idle connection holds no buffer: when the kernel has bytes they are
// read straight into the engine's space. Writes gather the engine's pieces once per burst. The
// kernel tells of each change once, so what is left unread or unwritten is remembered here.
//
// Ends: when the plane says finished(), what is left is written, our half is shut down, and for a
// moment the peer's last bytes are read and dropped: closing with unread input would reset the
// connection and could destroy the error we just told the peer.
#pragma once

#include "link/data_plane.h"
#include "router/deadline_queue.h"
#include "router/poller.h"
#include "router/unique_fd.h"

#include <cstddef>
#include <cstdint>
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
    /// Its turn is over before all was read: call read() again in the next one.
    virtual void unread(AmqpSocket& socket) = 0;
    /// The plane has forgotten the connection; its slot may be used again.
    virtual void detached(AmqpSocket& socket) = 0;
    /// The socket is closed and nobody needs it; it is not destroyed before the call returns.
    virtual void gone(AmqpSocket& socket) = 0;
};

class AmqpSocket {
  public:
    /// `host` is not owned and outlives the socket. `key` names it in the host's deadlines.
    AmqpSocket(UniqueFd socket, link::ConnectionId id, std::uint64_t key, SocketHost& host);

    void start();

    /// What the poller has seen.
    void on_event(const Poller::Event& event);

    /// One turn of reading.
    void read();

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

    bool is_touched = false;  ///< the host's marks
    bool is_unread = false;

  private:
    enum class State : std::uint8_t { kOpen, kLingering, kClosed };

    void read_burst();
    /// The bytes of one read took so long. False: its turn is over.
    bool fits_turn(std::size_t bytes, routing::Time took);
    void drop_input();
    void input_ends(const std::string& why);
    void maybe_finish();
    void tick();
    void linger();
    void close();

    UniqueFd socket_;
    const link::ConnectionId id_;
    const std::uint64_t key_;
    SocketHost& host_;
    State state_ = State::kOpen;
    bool readable_ = false;  ///< the kernel may have input
    bool all_sent_ = false;  ///< by the peer: after what the kernel has comes its end
    bool full_ = false;      ///< the kernel took not all; it tells when there is space
    bool peer_ended_ = false;
    bool moved_ = false;  ///< bytes came or went since the last tick
    routing::Time last_tick_ = 0;
    std::size_t dropped_ = 0;
    std::size_t read_bytes_;  ///< at a time: less while it takes long what the peer's bytes ask for
};

}  // namespace amqmesh::router
