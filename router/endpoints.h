// Listeners and connectors of the running node, and which of them a connection belongs to. Control
// thread only.
//
//   a socket accepted or connected -> Host::adopt -> a worker -> opened() ... closed()
//
// A connection knows its endpoint by a number (ConnectionOptions::owner) that is never used twice,
// so what a worker reports of an endpoint that is gone meets nobody.
#pragma once

#include "router/configuration.h"
#include "router/connector.h"
#include "router/listener.h"
#include "router/management_source.h"
#include "router/reload.h"
#include "router/unique_fd.h"
#include "router/worker.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace amqmesh::router {

/// The daemon, as far as its endpoints need it.
class EndpointHost {
  public:
    virtual ~EndpointHost() = default;
    /// A connected socket for some worker.
    virtual void adopt(NewSocket&& socket) = 0;
    /// One that speaks HTTP.
    virtual void adopt_http(UniqueFd fd, std::uint64_t owner, const mgmt::HttpAccess& access) = 0;
    virtual void command(const link::ConnectionId& connection, link::Command&& command) = 0;
    virtual void set_cost(const link::ConnectionId& connection, routing::Cost cost) = 0;
    /// The address rules or the default distribution of the configuration are others now.
    virtual void addresses_changed() = 0;
};

class Endpoints final : public EndpointAdmin, public ReloadTarget {
  public:
    /// None is owned; all outlive this. `configuration` is the one in use, as it was loaded.
    Endpoints(boost::asio::io_context& io, Configuration& configuration, EndpointHost& host);

    // The node's life.
    /// Binds the configuration's listeners. False with `why`: one of them cannot be bound.
    bool open(std::string& why);
    void start_connectors();
    /// REQUIRES: everything else is in force: accepted connections find it so.
    void start_listeners();
    /// Nothing new comes in and nothing is tried again; connections that are up stay.
    void stop();

    // What workers report of connections.
    void opened(std::uint64_t owner, const link::report::ConnectionOpened& what);
    /// `retry_after_ms`: when a connector should try again; 0: no wish.
    void closed(std::uint64_t owner,
                const link::report::ConnectionClosed& what,
                std::uint32_t retry_after_ms);
    /// The endpoint's name; "-" when it is gone.
    [[nodiscard]] std::string name(std::uint64_t owner) const;

    /// A connector leads to another router.
    [[nodiscard]] bool joins_mesh() const;

    /// AMQP over WebSocket, on a connection that the HTTP listener `owner` accepted from `peer`.
    void adopt_stream(UniqueFd fd, const std::string& peer, std::uint64_t owner);

    // EndpointAdmin
    std::vector<mgmt::Row> listener_rows() override;
    std::vector<mgmt::Row> connector_rows() override;
    bool create(const mgmt::Row& row, std::string& why) override;
    bool remove(const mgmt::Row& row, std::string& why) override;
    bool change(const mgmt::Row& row, std::string& note) override;

    [[nodiscard]] std::uint64_t connections_ever() const override { return last_number_; }

    mgmt::Reloaded reload() override { return reloader_.reload(); }

    // ReloadTarget
    bool has_listener(const std::string& name) override;
    void retire_listener(const std::string& name) override;
    bool prepare_listener(const ListenerConfig& config,
                          const mgmt::Row& row,
                          std::string& why) override;
    void abandon_listeners() override;
    void commit_listeners() override;
    void change_listener(const ListenerConfig& config, const mgmt::Row& row) override;
    void put_connector(const ConnectorConfig& config, const mgmt::Row& row) override;
    void remove_connector(const std::string& name) override;

    void addresses_changed() override { host_.addresses_changed(); }

  private:
    struct OpenListener {
        std::unique_ptr<Listener> listener;
        mgmt::Row row;
        std::set<link::ConnectionId> routers;  ///< connections of routers that came in here
    };

    struct OpenConnector {
        std::unique_ptr<Connector> connector;
        mgmt::Row row;
        std::optional<link::ConnectionId> connection;  ///< while it is open
        bool handed_over = false;                      ///< a worker has its socket
    };

    using Listeners = std::map<std::uint64_t, OpenListener>;
    using Connectors = std::map<std::uint64_t, OpenConnector>;

    Listeners::iterator find_listener(const std::string& name);
    Connectors::iterator find_connector(const std::string& name);
    bool add_listener(const ListenerConfig& config, mgmt::Row row, std::string& why);
    void add_connector(const ConnectorConfig& config, const mgmt::Row& given);
    static void start(Listener& listener);
    void accepted(std::uint64_t owner, UniqueFd fd, std::string peer);
    void connected(std::uint64_t owner, UniqueFd fd);
    bool drop_connector(const std::string& name, const char* why);
    void adopt(UniqueFd fd,
               const EndpointConfig& endpoint,
               std::uint64_t owner,
               bool initiator,
               std::string host);

    boost::asio::io_context& io_;
    Configuration& configuration_;
    EndpointHost& host_;
    Listeners listeners_;                         // by owner number, in order of creation
    Connectors connectors_;                       // the same numbers
    std::set<std::uint64_t> dropped_connectors_;  // gone before their connection was open
    // Of a reload under way: listeners that are bound, not started, and those that go for them.
    std::set<std::uint64_t> prepared_, retiring_;
    std::uint64_t last_owner_ = 0;
    std::uint64_t last_number_ = 0;
    Reloader reloader_;
};

}  // namespace amqmesh::router
