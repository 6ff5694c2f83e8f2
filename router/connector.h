// Keeps one outgoing connection: looks the host up, connects, hands the socket over, and begins
// again when it is lost. What to do when is decided by ConnectorFsm. Control thread.
#pragma once

#include "router/configuration.h"
#include "router/connector_fsm.h"
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

class Connector {
  public:
    /// Called with each connected socket (non-blocking).
    using Connected = std::function<void(UniqueFd fd)>;

    /// `io` is not owned and outlives the connector. `seed` feeds jitter only.
    Connector(boost::asio::io_context& io,
              ConnectorConfig config,
              std::uint64_t seed,
              Connected connected);
    ~Connector();
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    void start();
    /// No further attempt; a connection that is up stays.
    void stop();

    // What the worker reported about the socket that was handed over.
    /// `others`: where else the peer says it can be found.
    void on_opened(const std::vector<link::FailoverServer>& others);
    void on_closed(const std::string& why, std::uint32_t retry_after_ms);

    [[nodiscard]] const ConnectorConfig& config() const;
    /// For the next connection.
    void change(ConnectorConfig config);
    [[nodiscard]] const ConnectorFsm& fsm() const;
    /// What the peer told last, and where the attempt or connection of now goes.
    [[nodiscard]] const std::vector<link::FailoverServer>& others() const;
    [[nodiscard]] std::string place() const;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace amqmesh::router
