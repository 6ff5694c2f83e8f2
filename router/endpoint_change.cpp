#include "router/endpoint_change.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace amqmesh::router {

ConnectorChange connector_change(const ConnectorConfig& from, const ConnectorConfig& to) {
    ConnectorChange change;
    change.reconnect = from.host != to.host || from.port != to.port || from.family != to.family ||
                       from.role != to.role || from.sasl_mechanisms != to.sasl_mechanisms ||
                       from.sasl_user != to.sasl_user || from.sasl_password != to.sasl_password;
    change.cost = from.cost != to.cost;
    change.capacity = from.link_capacity != to.link_capacity;
    if (change.reconnect) {
        return change;  // a new connection knows it all
    }
    const auto note = [&](bool changed, const char* attribute) {
        if (changed) {
            change.next_time.emplace_back(attribute);
        }
    };
    note(from.max_frame_size != to.max_frame_size, "maxFrameSize");
    note(from.channel_max != to.channel_max, "maxSessions");
    note(from.idle_timeout_ms != to.idle_timeout_ms, "idleTimeoutSeconds");
    note(from.open_properties != to.open_properties, "openProperties");
    return change;
}

std::string describe(const ConnectorChange& change) {
    return change.next_time.empty()
               ? std::string{}
               : fmt::format("the connection goes on; in force with the next one: {}",
                             fmt::join(change.next_time, ", "));
}

}  // namespace amqmesh::router
