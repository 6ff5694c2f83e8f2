// What the node is told to be: a configuration file, checked against the schema and typed.
#pragma once

#include "link/control_messages.h"
#include "link/data_plane.h"
#include "mgmt/failover_urls.h"
#include "mgmt/http_access.h"
#include "mgmt/schema.h"
#include "router/config_reader.h"
#include "router/log.h"
#include "routing/address_settings.h"
#include "routing/types.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::router {

/// Which IP versions a host name may resolve to.
enum class AddressFamily : std::uint8_t { kAny, kV4, kV6 };

/// What listeners and connectors have in common.
struct EndpointConfig {
    std::string name;
    std::string host;
    std::string port;  ///< number or service name; "0": the system chooses (listeners)
    AddressFamily family = AddressFamily::kAny;
    link::ConnectionRole role = link::ConnectionRole::kNormal;
    routing::Cost cost = 1;
    std::uint32_t max_frame_size = 16384;
    std::uint32_t channel_max = 32767;
    std::uint32_t idle_timeout_ms = 16000;
    std::uint32_t handshake_timeout_ms = 10000;
    std::uint32_t link_capacity = 250;
    std::string sasl_mechanisms, sasl_user, sasl_password;
    bool authenticate_peer = false;
    mgmt::Map open_properties;                ///< beside the router's own
    std::vector<mgmt::FailoverUrl> failover;  ///< told to clients
};

struct ListenerConfig : EndpointConfig {
    bool http = false;  ///< HTTP instead of AMQP
    mgmt::HttpAccess http_access;
};

struct ConnectorConfig : EndpointConfig {};

enum class RouterMode : std::uint8_t { kStandalone, kInterior };

struct Configuration {
    std::string file;    ///< where it was read from; empty: not from a file
    std::string record;  ///< file for the routing core's events; empty: none (command line only)
    std::string id;
    RouterMode mode = RouterMode::kStandalone;
    std::uint16_t workers = 1;
    std::uint32_t heartbeat_ms = 300;
    std::uint32_t detect_mult = 3;
    std::uint32_t max_paths = 4;
    std::size_t payload_bytes_max = std::size_t{512} << 20U;  ///< that waits, of all workers
    routing::Treatment default_treatment = routing::Treatment::kBalanced;
    std::vector<ListenerConfig> listeners;
    std::vector<ConnectorConfig> connectors;
    std::vector<routing::AddressRule> addresses;
    std::vector<log::Setting> logs;
    std::set<std::string> log_files;  ///< that the file names: management may not name others

    // The entities as validated, for management, in the order of the vectors above.
    std::vector<mgmt::Row> router_row;  ///< one, or none when the file has no router entity
    std::vector<mgmt::Row> listener_rows, connector_rows, address_rows, log_rows;
};

struct LoadedConfiguration {
    Configuration configuration;  ///< use it only when ok()
    std::vector<ConfigProblem> problems;

    [[nodiscard]] bool ok() const;
};

/// Reads and checks the text of a file: form, names, values and the rules between entities. All
/// problems are reported, not only the first. `cores` is the default for the number of workers.
LoadedConfiguration load_configuration(std::string_view text, unsigned cores);

/// The same for a file; a file that cannot be read is a problem of line 0.
LoadedConfiguration load_configuration_file(const std::string& path, unsigned cores);

// One validated entity as a typed value (also for management's CREATE). False with `why`: a secret
// is not where it is said to be.
bool to_listener(const mgmt::Row& row, ListenerConfig& listener, std::string& why);
bool to_connector(const mgmt::Row& row, ConnectorConfig& connector, std::string& why);
routing::AddressRule to_address_rule(const mgmt::Row& row);

/// Equal for patterns that match the same addresses: both separators mean the same.
std::string same_range(std::string_view pattern);

/// Names that the entities have.
std::set<std::string> names_of(const std::vector<mgmt::Row>& rows);

/// `wanted`, or with a number behind it when that is taken already.
std::string free_name(const std::string& wanted, const std::set<std::string>& taken);

/// How a connection of that endpoint is to be opened. `number` is its management identity.
link::ConnectionOptions connection_options(const Configuration& node,
                                           const EndpointConfig& endpoint,
                                           bool initiator);

}  // namespace amqmesh::router
