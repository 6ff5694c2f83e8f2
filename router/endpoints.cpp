// The endpoints' life: bound, started, stopped; sockets in and what becomes of their connections.
// What management and a reload change is in endpoints_admin.cpp.
#include "router/endpoints.h"

#include "router/log.h"
#include "router/random_seed.h"
#include "router/tcp.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace amqmesh::router {

Endpoints::Endpoints(boost::asio::io_context& io, Configuration& configuration, EndpointHost& host)
    : io_(io), configuration_(configuration), host_(host), reloader_(configuration, *this) {}

bool Endpoints::open(std::string& why) {
    for (std::size_t i = 0; i < configuration_.listeners.size(); ++i) {
        const ListenerConfig& config = configuration_.listeners[i];
        std::string reason;
        if (!add_listener(config, configuration_.listener_rows[i], reason)) {
            why = "listener " + config.name + ": cannot listen on " + config.host + ':' +
                  config.port + ": " + reason;
            return false;
        }
    }
    return true;
}

void Endpoints::start_connectors() {
    for (std::size_t i = 0; i < configuration_.connectors.size(); ++i) {
        add_connector(configuration_.connectors[i], configuration_.connector_rows[i]);
    }
}

void Endpoints::start_listeners() {
    for (const auto& [owner, open] : listeners_) {
        start(*open.listener);
    }
}

void Endpoints::stop() {
    for (const auto& [owner, open] : listeners_) {
        open.listener->close();
    }
    for (const auto& [owner, open] : connectors_) {
        open.connector->stop();
    }
}

bool Endpoints::add_listener(const ListenerConfig& config, mgmt::Row row, std::string& why) {
    const std::uint64_t owner = ++last_owner_;
    auto listener =
        std::make_unique<Listener>(io_, config, [this, owner](UniqueFd fd, std::string peer) {
            accepted(owner, std::move(fd), std::move(peer));
        });
    std::vector<const Listener*> leaving;
    for (const std::uint64_t one : retiring_) {
        leaving.push_back(listeners_.at(one).listener.get());
    }
    if (!listener->open(leaving, why)) {
        return false;
    }
    row.set("port", std::to_string(listener->port()));
    row.set("name", config.name);
    listeners_.emplace(owner, OpenListener{std::move(listener), std::move(row), {}});
    return true;
}

void Endpoints::start(Listener& listener) {
    listener.start();
    const ListenerConfig& config = listener.config();
    const bool bare_v6 = config.host.find(':') != std::string::npos;
    // Port 0 is only known from here; scripts read this line.
    std::fprintf(stderr,
                 "listening on %s%s%s:%u name=%s\n",
                 bare_v6 ? "[" : "",
                 config.host.c_str(),
                 bare_v6 ? "]" : "",
                 unsigned{listener.port()},
                 config.name.c_str());
    log::emit(log::Module::kServer,
              log::Level::kNotice,
              "LISTENER_OPEN",
              "name={} host={} port={} role={}",
              config.name,
              config.host,
              listener.port(),
              link::to_string(config.role));
}

void Endpoints::add_connector(const ConnectorConfig& config, const mgmt::Row& given) {
    mgmt::Row row = given;
    const std::uint64_t owner = ++last_owner_;
    auto connector =
        std::make_unique<Connector>(io_, config, random_seed(), [this, owner](UniqueFd fd) {
            connected(owner, std::move(fd));
        });
    row.set("name", config.name);
    Connector& started = *connector;
    connectors_.emplace(owner, OpenConnector{std::move(connector), std::move(row), {}});
    started.start();
}

bool Endpoints::joins_mesh() const {
    return std::any_of(connectors_.begin(), connectors_.end(), [](const auto& entry) {
        return entry.second.connector->config().role == link::ConnectionRole::kInterRouter;
    });
}

// -- sockets in -----------------------------------------------------------------------------------

void Endpoints::accepted(std::uint64_t owner, UniqueFd fd, std::string peer) {
    const auto found = listeners_.find(owner);
    if (found == listeners_.end()) {
        return;
    }
    const ListenerConfig& known = found->second.listener->config();
    if (known.http) {
        host_.adopt_http(std::move(fd), owner, known.http_access);
    } else {
        adopt(std::move(fd), known, owner, false, std::move(peer));
    }
}

void Endpoints::adopt_stream(UniqueFd fd, const std::string& peer, std::uint64_t owner) {
    const auto found = listeners_.find(owner);
    if (found != listeners_.end()) {
        adopt(std::move(fd), found->second.listener->config(), owner, false, peer);
    }
}

void Endpoints::connected(std::uint64_t owner, UniqueFd fd) {
    const auto found = connectors_.find(owner);
    if (found != connectors_.end()) {
        const Connector& known = *found->second.connector;
        found->second.handed_over = true;
        adopt(std::move(fd), known.config(), owner, true, known.place());
    }
}

void Endpoints::adopt(UniqueFd fd,
                      const EndpointConfig& endpoint,
                      std::uint64_t owner,
                      bool initiator,
                      std::string host) {
    const bool inter_router = endpoint.role == link::ConnectionRole::kInterRouter;
    set_tcp_options(fd.get(),
                    inter_router ? configuration_.heartbeat_ms * configuration_.detect_mult : 0);
    NewSocket socket{std::move(fd), connection_options(configuration_, endpoint, initiator)};
    socket.options.owner = owner;
    socket.options.number = ++last_number_;
    socket.options.host = std::move(host);
    host_.adopt(std::move(socket));
}

// -- what workers report --------------------------------------------------------------------------

void Endpoints::opened(std::uint64_t owner, const link::report::ConnectionOpened& what) {
    if (dropped_connectors_.contains(owner)) {
        host_.command(what.id,
                      link::command::CloseConnection{
                          what.id, {"amqp:connection:forced", "the connector was deleted"}});
    } else if (const auto connector = connectors_.find(owner); connector != connectors_.end()) {
        connector->second.connection = what.id;
        connector->second.connector->on_opened(what.failover);
    } else if (const auto listener = listeners_.find(owner);
               listener != listeners_.end() && what.role == link::ConnectionRole::kInterRouter) {
        listener->second.routers.insert(what.id);
    }
}

void Endpoints::closed(std::uint64_t owner,
                       const link::report::ConnectionClosed& what,
                       std::uint32_t retry_after_ms) {
    dropped_connectors_.erase(owner);
    if (const auto listener = listeners_.find(owner); listener != listeners_.end()) {
        listener->second.routers.erase(what.id);
    }
    if (const auto connector = connectors_.find(owner); connector != connectors_.end()) {
        connector->second.connection.reset();
        connector->second.handed_over = false;
        const std::string why = what.condition.empty()               ? "connection closed"
                                : what.condition.description.empty() ? what.condition.name
                                                                     : what.condition.description;
        connector->second.connector->on_closed(why, retry_after_ms);
    }
}

std::string Endpoints::name(std::uint64_t owner) const {
    if (const auto found = listeners_.find(owner); found != listeners_.end()) {
        return found->second.listener->config().name;
    }
    const auto found = connectors_.find(owner);
    return found == connectors_.end() ? "-" : found->second.connector->config().name;
}

}  // namespace amqmesh::router
