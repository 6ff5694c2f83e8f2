#include "router/configuration.h"

#include "mgmt/amqp_value.h"
#include "router/config_reader.h"
#include "router/secret.h"
#include "router/tcp.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

namespace amqmesh::router {

namespace {

constexpr unsigned kWorkersDefaultMax = 8;

routing::Treatment to_treatment(std::string_view word) {
    using routing::Treatment;
    for (const Treatment treatment : {Treatment::kBalanced,
                                      Treatment::kClosest,
                                      Treatment::kMulticast,
                                      Treatment::kUnavailable}) {
        if (routing::to_string(treatment) == word) {
            return treatment;
        }
    }
    return Treatment::kBalanced;
}

link::ConnectionRole to_role(std::string_view word) {
    if (word == "inter-router") {
        return link::ConnectionRole::kInterRouter;
    }
    return word == "route-container" ? link::ConnectionRole::kRouteContainer
                                     : link::ConnectionRole::kNormal;
}

std::uint32_t to_u32(const mgmt::Row& row, std::string_view attribute) {
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(row.integer(attribute), 0, UINT32_MAX));
}

std::uint32_t seconds_as_ms(const mgmt::Row& row, std::string_view attribute) {
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(row.integer(attribute), 0, 1'000'000) * 1000);
}

void read_endpoint(const mgmt::Row& row, EndpointConfig& endpoint) {
    endpoint.host = row.text("host");
    endpoint.port = row.text("port");
    endpoint.name = row.text("name");
    if (endpoint.name.empty()) {
        endpoint.name = endpoint.host + ':' + endpoint.port;
    }
    const std::string_view family = row.text("socketAddressFamily");
    endpoint.family = family == "IPv4"   ? AddressFamily::kV4
                      : family == "IPv6" ? AddressFamily::kV6
                                         : AddressFamily::kAny;
    endpoint.role = to_role(row.text("role"));
    endpoint.cost = to_u32(row, "cost");
    endpoint.max_frame_size = to_u32(row, "maxFrameSize");
    endpoint.channel_max = to_u32(row, "maxSessions") - 1;
    endpoint.idle_timeout_ms = seconds_as_ms(row, "idleTimeoutSeconds");
    endpoint.link_capacity = to_u32(row, "linkCapacity");
    endpoint.sasl_mechanisms = row.text("saslMechanisms");
    if (const auto* map = row.at("openProperties").as<mgmt::Map>()) {
        endpoint.open_properties = *map;
    }
}

// Open properties of every kind as one encoded map (AMQP 2.7.1): the router's own, the list of
// other servers in the form that clients know (a list of maps), the configured ones.
std::string encoded_properties(const link::Properties& own, const EndpointConfig& endpoint) {
    std::string bytes;
    mgmt::ValueWriter writer(bytes);
    const std::size_t lists = endpoint.failover.empty() ? 0 : 1;
    const auto map = writer.open_map(2 * (own.size() + lists + endpoint.open_properties.size()));
    for (const auto& [key, value] : own) {
        writer.symbol(key);
        writer.string(std::get<std::string>(value));
    }
    if (lists != 0) {
        writer.symbol("failover-server-list");
        const auto list = writer.open_list(endpoint.failover.size());
        for (const auto& server : endpoint.failover) {
            const auto entry = writer.open_map(6);
            writer.symbol("network-host");
            writer.string(server.host);
            writer.symbol("port");
            writer.string(server.port);
            writer.symbol("scheme");
            writer.string(server.scheme);
            writer.close(entry);
        }
        writer.close(list);
    }
    for (const auto& [key, value] : endpoint.open_properties) {
        writer.symbol(key);
        writer.value(value);
    }
    writer.close(map);
    return bytes;
}

bool secret_of(const mgmt::Row& row,
               std::string_view attribute,
               std::string& secret,
               std::string& why) {
    if (read_secret(row.text(attribute), secret, why)) {
        return true;
    }
    why = std::string{attribute} + ": " + why;
    return false;
}

// As the system will find it when the port is opened.
std::optional<std::uint16_t> service_port(const std::string& port) {
    const std::string known = port_number(port);
    std::uint16_t number = 0;
    const auto read = std::from_chars(known.data(), known.data() + known.size(), number);
    if (read.ec == std::errc{} && read.ptr == known.data() + known.size()) {
        return number;
    }
    servent entry{};
    servent* found = nullptr;
    std::array<char, 1024> texts{};
    if (::getservbyname_r(known.c_str(), "tcp", &entry, texts.data(), texts.size(), &found) != 0 ||
        found == nullptr) {
        return std::nullopt;
    }
    return ntohs(static_cast<std::uint16_t>(found->s_port));
}

std::string random_id(RouterMode mode) {
    static constexpr std::string_view kLetters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    std::random_device device;
    std::string id = mode == RouterMode::kInterior ? "Interior_" : "Standalone_";
    for (int i = 0; i < 15; ++i) {
        id += kLetters[device() % kLetters.size()];
    }
    return id;
}

// Entities of the reference's early versions and of its successors. They are no part of the schema,
// but whoever has such a file is told what became of them.
struct ForeignEntity {
    std::string_view name;
    std::string_view hint;
};

constexpr std::string_view kOnlyAmqp = "only AMQP is carried: let the clients speak it";
constexpr auto kForeign = std::to_array<ForeignEntity>({
    {"container", "write its workerThreads, and its containerName as id, into router"},
    {"fixedAddress", "write address, with prefix and distribution"},
    {"waypoint", "waypoints are not offered yet: let the broker's clients use their own address"},
    {"linkRoutePattern", "link routes are not offered yet: use message routing (address)"},
    {"tcpListener", kOnlyAmqp},
    {"tcpConnector", kOnlyAmqp},
    {"httpListener", kOnlyAmqp},
    {"httpConnector", kOnlyAmqp},
    {"site", "delete it: sites mean nothing here"},
});

// What to say of an entity that the schema does not have: a message and a hint.
std::pair<std::string, std::string> unknown_entity(const std::string& name) {
    const std::string canonical = mgmt::canonical_name(name);
    for (const ForeignEntity& foreign : kForeign) {
        if (foreign.name == canonical) {
            return {canonical + " is not supported", std::string{foreign.hint}};
        }
    }
    const std::string near = mgmt::suggest_config_type(name);
    return {"unknown entity \"" + name + '"', near.empty() ? "" : "did you mean " + near + '?'};
}

// Turns raw entities into a Configuration, collecting problems on the way.
class Loader {
  public:
    explicit Loader(unsigned cores) : cores_(cores) {}

    LoadedConfiguration load(std::string_view text) {
        RawConfig raw = read_config(text);
        result_.problems = std::move(raw.problems);
        for (const RawEntity& entity : raw.entities) {
            add(entity);
        }
        finish();
        std::stable_sort(
            result_.problems.begin(),
            result_.problems.end(),
            [](const ConfigProblem& a, const ConfigProblem& b) { return a.line < b.line; });
        return std::move(result_);
    }

  private:
    void problem(unsigned line, std::string message, std::string hint = {}) {
        result_.problems.push_back({line, false, std::move(message), std::move(hint)});
    }

    void add(const RawEntity& entity) {
        const mgmt::EntityType* type = mgmt::find_type(mgmt::canonical_name(entity.type));
        if (type == nullptr || type->config_name.empty()) {
            if (!unknown_lines_.insert(entity.type_line).second) {
                return;  // a list of them: once is enough
            }
            auto [message, hint] = unknown_entity(entity.type);
            problem(entity.type_line, std::move(message), std::move(hint));
            return;
        }
        // Whoever comments out what is below a list's name does not ask for a default listener.
        if (entity.bare && !type->singleton && type->support == mgmt::Support::kSupported) {
            const std::string name{type->config_name};
            warning(entity.line,
                    name + ": nothing is below it, so there is none",
                    "write attributes, or {} for the defaults, or delete the line");
            return;
        }
        std::vector<mgmt::RawAttribute> raw;
        for (const RawConfigAttribute& attribute : entity.attributes) {
            raw.push_back({attribute.name, attribute.value});
        }
        mgmt::Validated validated = mgmt::validate(*type, raw, mgmt::Purpose::kFile);
        for (mgmt::Problem& found : validated.problems) {
            const bool whole = found.index >= entity.attributes.size();
            // Messages that speak about the whole entity begin with its type.
            std::string message = found.message.starts_with(std::string{type->config_name} + ' ')
                                      ? std::move(found.message)
                                      : std::string{type->config_name} + ": " + found.message;
            result_.problems.push_back({whole ? entity.line : entity.attributes[found.index].line,
                                        found.warning,
                                        std::move(message),
                                        std::move(found.hint)});
        }
        if (validated.ok()) {
            take(entity, *type, std::move(validated.row));
        }
    }

    void take(const RawEntity& entity, const mgmt::EntityType& type, mgmt::Row row) {
        Configuration& node = result_.configuration;
        if (type.config_name == "router") {
            take_router(entity, std::move(row));
        } else if (type.config_name == "listener") {
            read(entity, row, to_listener, node.listeners.emplace_back());
            named(entity, "listener", node.listeners.back());
            node.listener_rows.push_back(std::move(row));
        } else if (type.config_name == "connector") {
            read(entity, row, to_connector, node.connectors.emplace_back());
            named(entity, "connector", node.connectors.back());
            node.connector_rows.push_back(std::move(row));
        } else if (type.config_name == "address") {
            take_address(entity, std::move(row));
        } else if (type.config_name == "log") {
            take_log(entity, std::move(row));
        }
    }

    template <typename Endpoint>
    void read(const RawEntity& entity,
              const mgmt::Row& row,
              bool (*convert)(const mgmt::Row&, Endpoint&, std::string&),
              Endpoint& endpoint) {
        if (std::string why; !convert(row, endpoint, why)) {
            problem(entity.line, entity.type + ": " + why);
        }
    }

    void take_router(const RawEntity& entity, mgmt::Row row) {
        Configuration& node = result_.configuration;
        if (!node.router_row.empty()) {
            problem(entity.line, "router: there can be only one", "");
            return;
        }
        node_line_ = entity.line;
        node.id = row.text("id");
        node.mode =
            row.text("mode") == "interior" ? RouterMode::kInterior : RouterMode::kStandalone;
        node.workers = static_cast<std::uint16_t>(row.integer("workerThreads"));
        node.default_treatment = to_treatment(row.text("defaultDistribution"));
        node.heartbeat_ms = to_u32(row, "heartbeatMilliseconds");
        node.detect_mult = to_u32(row, "heartbeatMultiplier");
        node.max_paths = to_u32(row, "maxPaths");
        node.payload_bytes_max = std::size_t{to_u32(row, "payloadMemoryMebibytes")} << 20U;
        node.router_row.push_back(std::move(row));
    }

    void take_address(const RawEntity& entity, mgmt::Row row) {
        Configuration& node = result_.configuration;
        routing::AddressRule rule = to_address_rule(row);
        const auto [place, fresh] = patterns_.emplace(same_range(rule.pattern), entity.line);
        if (!fresh) {
            problem(entity.line,
                    "address: the same range as in line " + std::to_string(place->second),
                    "keep one of them");
        }
        own_name(entity, "address", row.text("name"));
        node.addresses.push_back(std::move(rule));
        node.address_rows.push_back(std::move(row));
    }

    void take_log(const RawEntity& entity, mgmt::Row row) {
        log::Setting setting;
        setting.module = row.text("module");
        const auto [place, fresh] = modules_.emplace(setting.module, entity.line);
        if (!fresh) {
            problem(entity.line,
                    "log: " + setting.module + " is set in line " + std::to_string(place->second) +
                        " already",
                    "keep one of them");
        }
        own_name(entity, "log", row.text("name"));
        setting.enable = row.text("enable");
        // Where it was not given, a module follows DEFAULT, whatever the schema's default is.
        for (const RawConfigAttribute& attribute : entity.attributes) {
            const std::size_t index = row.type().index_of(attribute.name);
            if (index == row.type().index_of("outputFile")) {
                setting.output = row.text("outputFile");
                result_.configuration.log_files.insert(setting.output);
            } else if (index == row.type().index_of("includeTimestamp")) {
                setting.timestamps = row.boolean("includeTimestamp");
            } else if (index == row.type().index_of("format")) {
                setting.json = row.text("format") == "json";
            }
        }
        result_.configuration.logs.push_back(std::move(setting));
        result_.configuration.log_rows.push_back(std::move(row));
    }

    void named(const RawEntity& entity, const char* kind, EndpointConfig& endpoint) {
        const bool automatic = std::none_of(
            entity.attributes.begin(), entity.attributes.end(), [](const RawConfigAttribute& a) {
                return mgmt::canonical_name(a.name) == "name";
            });
        const std::string base = endpoint.name;
        for (int i = 2; automatic && names_.contains({kind, endpoint.name}); ++i) {
            endpoint.name = base + '/' + std::to_string(i);
        }
        own_name(entity, kind, endpoint.name);
        if (endpoint.role == link::ConnectionRole::kInterRouter) {
            inter_router_lines_.emplace_back(entity.line, kind);
        }
        if (endpoint.port != "0") {
            placed(entity, kind, endpoint);
        }
    }

    // Management could not tell two of one name apart.
    void own_name(const RawEntity& entity, const char* kind, std::string_view name) {
        const auto [place, fresh] = names_.emplace(std::pair{kind, std::string{name}}, entity.line);
        if (!fresh && !name.empty()) {
            problem(entity.line,
                    std::string{kind} + ": name \"" + std::string{name} + "\" is taken in line " +
                        std::to_string(place->second),
                    "give each its own name");
        }
    }

    // Two listeners cannot have one port; a connector to a listener of this file meets itself.
    void placed(const RawEntity& entity, const std::string& kind, const EndpointConfig& endpoint) {
        const std::optional<std::uint16_t> number = service_port(endpoint.port);
        if (!number) {
            result_.problems.push_back(
                {entity.line,
                 kind == "connector",
                 kind + ": port: no service \"" + endpoint.port + "\" is known to this machine",
                 "write the number"});
        }
        const std::string place =
            endpoint.host + ':' + (number ? std::to_string(*number) : endpoint.port);
        if (kind == "connector") {
            connector_places_.emplace_back(entity.line, place);
            return;
        }
        const auto [known, fresh] =
            listener_places_.emplace(std::pair{place, endpoint.family}, entity.line);
        if (!fresh) {
            problem(entity.line,
                    "listener: " + place + " is taken in line " + std::to_string(known->second),
                    "give it another port");
        }
    }

    void warning(unsigned line, std::string message, std::string hint) {
        result_.problems.push_back({line, true, std::move(message), std::move(hint)});
    }

    // What is possible, and hardly meant.
    void warn() {
        const Configuration& node = result_.configuration;
        for (const auto& [line, place] : connector_places_) {
            for (const auto& [listener, known] : listener_places_) {
                if (listener.first == place) {
                    warning(line,
                            "connector: " + place + " is this router's own listener, in line " +
                                std::to_string(known),
                            "name another router's");
                }
            }
        }
        if (node.listeners.empty() && node.connectors.empty()) {
            warning(0, "has no listener: nobody can connect", "add one, see the README's example");
        } else if (node.mode == RouterMode::kInterior && inter_router_lines_.empty()) {
            warning(node_line_,
                    "router: it is alone in its mesh: no listener and no connector has the role "
                    "inter-router",
                    "add one, or leave out \"mode: interior\"");
        }
    }

    void finish() {
        Configuration& node = result_.configuration;
        if (node.workers == 0 || node.router_row.empty()) {
            node.workers = static_cast<std::uint16_t>(std::clamp(cores_, 1U, kWorkersDefaultMax));
        }
        if (node.id.empty()) {
            node.id = random_id(node.mode);
        }
        if (node.mode == RouterMode::kStandalone) {
            for (const auto& [line, kind] : inter_router_lines_) {
                problem(
                    line,
                    std::string{kind} + ": role: inter-router is not allowed in standalone mode",
                    "write \"mode: interior\" for the router");
            }
        }
        name_addresses();
        if (result_.ok()) {
            warn();
        }
    }

    // Management knows an entity by its name for as long as it lives. Given names come first: they
    // may stand below an entity without.
    void name_addresses() {
        Configuration& node = result_.configuration;
        std::set<std::string> taken = names_of(node.address_rows);
        for (std::size_t i = 0; i < node.address_rows.size(); ++i) {
            if (!node.address_rows[i].has("name")) {
                const std::string name = free_name(node.addresses[i].pattern, taken);
                taken.insert(name);
                node.address_rows[i].set("name", name);
            }
        }
    }

    const unsigned cores_;
    LoadedConfiguration result_;
    std::map<std::pair<std::string, std::string>, unsigned> names_;
    std::map<std::string, unsigned> patterns_;
    std::map<std::string, unsigned> modules_;
    std::map<std::pair<std::string, AddressFamily>, unsigned> listener_places_;
    std::vector<std::pair<unsigned, std::string>> connector_places_;
    std::set<unsigned> unknown_lines_;
    unsigned node_line_ = 0;
    std::vector<std::pair<unsigned, std::string>> inter_router_lines_;
};

}  // namespace

bool LoadedConfiguration::ok() const {
    return std::all_of(
        problems.begin(), problems.end(), [](const ConfigProblem& p) { return p.warning; });
}

LoadedConfiguration load_configuration(std::string_view text, unsigned cores) {
    return Loader(cores).load(text);
}

LoadedConfiguration load_configuration_file(const std::string& path, unsigned cores) {
    LoadedConfiguration failed;
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        failed.problems.push_back({0, false, "is a folder", "name a file"});
        return failed;
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        failed.problems.push_back(
            {0, false, "cannot be read: " + std::generic_category().message(errno), ""});
        return failed;
    }
    // One byte more than allowed is enough to tell.
    std::string text(kConfigBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    LoadedConfiguration loaded = load_configuration(text, cores);
    loaded.configuration.file = path;
    return loaded;
}

bool to_listener(const mgmt::Row& row, ListenerConfig& listener, std::string& why) {
    read_endpoint(row, listener);
    listener.handshake_timeout_ms = seconds_as_ms(row, "initialHandshakeTimeoutSeconds");
    listener.authenticate_peer = row.boolean("authenticatePeer");
    listener.http = row.boolean("http");
    listener.http_access.host = listener.host;
    listener.failover = mgmt::parse_failover_urls(row.text("failoverUrls")).urls;
    std::istringstream origins{std::string{row.text("httpOrigins")}};
    for (std::string origin; origins >> origin;) {
        listener.http_access.origins.push_back(origin);
    }
    const std::string_view root = row.text("httpRootDir");
    listener.http_access.console = root.empty() || root.starts_with('/');
    listener.http_access.health = row.boolean("healthz");
    listener.http_access.metrics = row.boolean("metrics");
    listener.http_access.web_sockets = row.boolean("websockets");
    listener.http_access.user = row.text("httpUsername");
    return secret_of(row, "httpPassword", listener.http_access.password, why);
}

bool to_connector(const mgmt::Row& row, ConnectorConfig& connector, std::string& why) {
    read_endpoint(row, connector);
    connector.sasl_user = row.text("saslUsername");
    return secret_of(row, "saslPassword", connector.sasl_password, why);
}

routing::AddressRule to_address_rule(const mgmt::Row& row) {
    routing::AddressRule rule;
    rule.name = row.text("name");
    rule.pattern = row.has("prefix") ? std::string{row.text("prefix")} + "/#"
                                     : std::string{row.text("pattern")};
    rule.treatment = to_treatment(row.text("distribution"));
    if (row.has("priority")) {
        rule.priority = static_cast<std::uint8_t>(row.integer("priority"));
    }
    rule.delivery_attempts = static_cast<std::uint8_t>(row.integer("maxDeliveryAttempts"));
    rule.multicast_patience_s = static_cast<std::uint16_t>(row.integer("multicastPatienceSeconds"));
    return rule;
}

std::string same_range(std::string_view pattern) {
    std::string text{pattern};
    std::ranges::replace(text, '.', '/');
    return text;
}

std::set<std::string> names_of(const std::vector<mgmt::Row>& rows) {
    std::set<std::string> names;
    for (const mgmt::Row& row : rows) {
        if (row.has("name")) {
            names.emplace(row.text("name"));
        }
    }
    return names;
}

std::string free_name(const std::string& wanted, const std::set<std::string>& taken) {
    std::string name = wanted;
    for (int i = 2; taken.contains(name); ++i) {
        name = wanted + '/' + std::to_string(i);
    }
    return name;
}

link::ConnectionOptions connection_options(const Configuration& node,
                                           const EndpointConfig& endpoint,
                                           bool initiator) {
    const bool inter_router = endpoint.role == link::ConnectionRole::kInterRouter;
    link::ConnectionOptions options;
    options.role = endpoint.role;
    options.link_capacity = endpoint.link_capacity;
    options.cost = endpoint.cost;
    options.heartbeat_ms = node.heartbeat_ms;
    options.detect_mult = node.detect_mult;
    link::EngineConfig& engine = options.engine;
    engine.container_id = node.id;
    engine.initiator = initiator;
    if (initiator) {
        engine.hostname = endpoint.host;
    }
    engine.max_frame_size = endpoint.max_frame_size;
    engine.channel_max = endpoint.channel_max;
    engine.idle_timeout_ms = endpoint.idle_timeout_ms;
    engine.heartbeat_ms = inter_router ? node.heartbeat_ms : 0;
    engine.handshake_timeout_ms = endpoint.handshake_timeout_ms;
    engine.offered_capabilities = {"ANONYMOUS-RELAY"};
    engine.properties = {{"product", std::string{"amqmesh"}},
                         {"version", std::string{AMQMESH_VERSION}}};
    if (!endpoint.open_properties.empty() || !endpoint.failover.empty()) {
        engine.encoded_properties = encoded_properties(engine.properties, endpoint);
    }
    engine.sasl_required = endpoint.authenticate_peer;
    engine.sasl_mechanisms = endpoint.sasl_mechanisms;
    engine.sasl_user = endpoint.sasl_user;
    engine.sasl_password = endpoint.sasl_password;
    // Brokers expect a SASL layer; between our own nodes it only costs round trips.
    engine.use_sasl = initiator && (!inter_router || !endpoint.sasl_mechanisms.empty() ||
                                    !endpoint.sasl_user.empty());
    return options;
}

}  // namespace amqmesh::router
