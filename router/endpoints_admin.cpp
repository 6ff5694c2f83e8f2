// What management and a reload change about listeners and connectors of the running node.
#include "router/endpoint_change.h"
#include "router/endpoints.h"
#include "router/tcp.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace amqmesh::router {

namespace {

std::vector<mgmt::FailoverUrl> failover_urls(const std::vector<link::FailoverServer>& servers) {
    std::vector<mgmt::FailoverUrl> urls;
    for (const auto& server : servers) {
        urls.push_back({server.scheme.empty() ? "amqp" : server.scheme,
                        server.host,
                        server.port.empty() ? "5672" : server.port});
    }
    return urls;
}

}  // namespace

Endpoints::Listeners::iterator Endpoints::find_listener(const std::string& name) {
    return std::find_if(listeners_.begin(), listeners_.end(), [&name](const auto& entry) {
        return entry.second.listener->config().name == name;
    });
}

Endpoints::Connectors::iterator Endpoints::find_connector(const std::string& name) {
    return std::find_if(connectors_.begin(), connectors_.end(), [&name](const auto& entry) {
        return entry.second.connector->config().name == name;
    });
}

// -- EndpointAdmin --------------------------------------------------------------------------------

std::vector<mgmt::Row> Endpoints::listener_rows() {
    std::vector<mgmt::Row> rows;
    for (const auto& [owner, open] : listeners_) {
        rows.push_back(open.row);
    }
    return rows;
}

std::vector<mgmt::Row> Endpoints::connector_rows() {
    std::vector<mgmt::Row> rows;
    for (const auto& [owner, open] : connectors_) {
        const ConnectorFsm& fsm = open.connector->fsm();
        rows.push_back(open.row);
        rows.back()
            .set("failoverUrls", mgmt::to_text(failover_urls(open.connector->others())))
            .set("connectionStatus", to_string(fsm.state()))
            .set("connectionMsg", fsm.message());
    }
    return rows;
}

bool Endpoints::create(const mgmt::Row& row, std::string& why) {
    const bool is_listener = row.type().name == "listener";
    ListenerConfig as_listener;
    ConnectorConfig as_connector;
    if (!(is_listener ? to_listener(row, as_listener, why)
                      : to_connector(row, as_connector, why))) {
        return false;
    }
    const EndpointConfig& config =
        is_listener ? static_cast<const EndpointConfig&>(as_listener) : as_connector;
    if (config.role == link::ConnectionRole::kInterRouter &&
        configuration_.mode == RouterMode::kStandalone) {
        why = "role inter-router is not allowed in standalone mode";
        return false;
    }
    if (is_listener ? find_listener(config.name) != listeners_.end()
                    : find_connector(config.name) != connectors_.end()) {
        why = "the name \"" + config.name + "\" is taken";
        return false;
    }
    if (!is_listener) {
        add_connector(as_connector, row);
        return true;
    }
    if (!add_listener(as_listener, row, why)) {
        return false;
    }
    start(*std::prev(listeners_.end())->second.listener);
    return true;
}

bool Endpoints::remove(const mgmt::Row& row, std::string& why) {
    const std::string name{row.text("name")};
    if (row.type().name == "listener") {
        const auto found = find_listener(name);
        if (found != listeners_.end()) {
            listeners_.erase(found);
            return true;
        }
    } else if (drop_connector(name, "the connector was deleted")) {
        return true;
    }
    why = "there is no " + std::string{row.type().name} + " of that name";
    return false;
}

// False: there is none of that name.
bool Endpoints::drop_connector(const std::string& name, const char* why) {
    const auto found = find_connector(name);
    if (found == connectors_.end()) {
        return false;
    }
    if (const auto& open = found->second.connection) {
        host_.command(*open,
                      link::command::CloseConnection{*open, {"amqp:connection:forced", why}});
    } else if (found->second.handed_over) {
        dropped_connectors_.insert(found->first);  // closed as soon as it is open
    }
    connectors_.erase(found);
    return true;
}

bool Endpoints::change(const mgmt::Row& row, std::string& note) {
    const std::string name{row.text("name")};
    if (row.type().name == "listener") {
        ListenerConfig config;
        if (!to_listener(row, config, note)) {
            return false;
        }
        config.name = name;
        change_listener(config, row);
        return true;
    }
    ConnectorConfig config;
    if (!to_connector(row, config, note)) {
        return false;
    }
    config.name = name;
    if (const auto found = find_connector(name); found != connectors_.end()) {
        note = describe(connector_change(found->second.connector->config(), config));
    }
    put_connector(config, row);
    return true;
}

// -- ReloadTarget ---------------------------------------------------------------------------------

bool Endpoints::has_listener(const std::string& name) {
    return find_listener(name) != listeners_.end();
}

void Endpoints::retire_listener(const std::string& name) {
    if (const auto found = find_listener(name); found != listeners_.end()) {
        retiring_.insert(found->first);
    }
}

bool Endpoints::prepare_listener(const ListenerConfig& config,
                                 const mgmt::Row& row,
                                 std::string& why) {
    retire_listener(config.name);
    if (!add_listener(config, row, why)) {
        return false;
    }
    prepared_.insert(last_owner_);
    return true;
}

void Endpoints::abandon_listeners() {
    retiring_.clear();
    for (const std::uint64_t owner : std::exchange(prepared_, {})) {
        listeners_.erase(owner);
    }
}

void Endpoints::commit_listeners() {
    for (const std::uint64_t owner : std::exchange(retiring_, {})) {
        listeners_.erase(owner);
    }
    for (const std::uint64_t owner : std::exchange(prepared_, {})) {
        start(*listeners_.at(owner).listener);
    }
}

void Endpoints::change_listener(const ListenerConfig& config, const mgmt::Row& row) {
    const auto found = find_listener(config.name);
    if (found != listeners_.end()) {
        OpenListener& open = found->second;
        const bool cost = open.listener->config().cost != config.cost;
        open.listener->change(config);
        open.row = row;
        open.row.set("port", std::to_string(open.listener->port())).set("name", config.name);
        for (const link::ConnectionId& router : open.routers) {
            if (cost) {
                host_.set_cost(router, config.cost);
            }
        }
    }
}

void Endpoints::put_connector(const ConnectorConfig& config, const mgmt::Row& row) {
    const auto found = find_connector(config.name);
    if (found == connectors_.end()) {
        add_connector(config, row);
        return;
    }
    OpenConnector& open = found->second;
    const ConnectorChange change = connector_change(open.connector->config(), config);
    if (change.reconnect) {
        drop_connector(config.name, "the connector was changed");
        add_connector(config, row);
        return;
    }
    open.connector->change(config);
    open.row = row;
    open.row.set("name", config.name);
    if (open.connection && change.cost) {
        host_.set_cost(*open.connection, config.cost);
    }
    if (open.connection && change.capacity) {
        host_.command(*open.connection,
                      link::command::SetCapacity{*open.connection, config.link_capacity});
    }
}

void Endpoints::remove_connector(const std::string& name) {
    drop_connector(name, "the connector was deleted");
}

}  // namespace amqmesh::router
