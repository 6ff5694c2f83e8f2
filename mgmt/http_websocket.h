// AMQP over WebSocket (OASIS binding draft 01; RFC 6455, sub-protocol "amqp"): each connection is
// turned into a byte stream that the node takes over like any other socket. Private to the HTTP
// server.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace amqmesh::mgmt {

/// What the handshake needs of the request (RFC 6455, 4.2.1).
struct UpgradeRequest {
    std::string target, host, key, version;
};

/// The sub-protocol to speak of those that the client offers; empty: none of ours.
std::string_view choose_subprotocol(std::string_view offered);

/// Copies between WebSockets and byte streams on a thread of its own, so that what clients send
/// cannot keep the control thread busy. Memory: two buffers of 64 KiB per connection; whoever does
/// not read is not read from.
class WebSocketBridge {
  public:
    explicit WebSocketBridge(std::size_t connections_max);
    /// Cuts all connections.
    ~WebSocketBridge();
    WebSocketBridge(const WebSocketBridge&) = delete;
    WebSocketBridge& operator=(const WebSocketBridge&) = delete;

    [[nodiscard]] bool full() const;

    /// Takes over a connected TCP socket and the request that came on it. Returns the descriptor of
    /// the other end (non-blocking, close-on-exec), or -1 when the system has none left.
    int adopt(int socket, const UpgradeRequest& request, std::string_view subprotocol);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace amqmesh::mgmt
