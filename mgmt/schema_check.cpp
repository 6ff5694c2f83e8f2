// Validation of an entity as somebody wrote it, against the table.
//
// Each raw attribute is found (deprecated names and other spellings included), checked for being
// allowed, and converted to its type. What is missing gets its default. Every problem is reported.
#include "mgmt/failover_urls.h"
#include "mgmt/log_levels.h"
#include "mgmt/schema.h"
#include "mgmt/schema_convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace amqmesh::mgmt {

namespace {

class Checker {
  public:
    Checker(const EntityType& type, std::span<const RawAttribute> raw, Purpose purpose)
        : type_(type),
          raw_(raw),
          purpose_(purpose),
          result_{.row = Row{type}, .problems = {}},
          given_(type.attributes.size(), kNotGiven) {}

    /// `current`: rules are for it with the changes.
    Validated run(const Row* current = nullptr) {
        for (std::size_t i = 0; i < raw_.size(); ++i) {
            check_attribute(i);
        }
        if (purpose_ != Purpose::kUpdate) {
            check_missing();
            check_rules();
        } else if (current != nullptr && result_.ok()) {
            Row changes = result_.row;
            for (std::size_t i = 0; i < changes.size(); ++i) {
                if (changes[i].is_null()) {
                    result_.row[i] = (*current)[i];
                }
            }
            check_endpoint();
            result_.row = std::move(changes);
        }
        return std::move(result_);
    }

  private:
    static constexpr std::size_t kNotGiven = static_cast<std::size_t>(-1);

    void error(std::size_t index, std::string message, std::string hint) {
        result_.problems.push_back(
            {.index = index, .message = std::move(message), .hint = std::move(hint)});
    }

    void warning(std::size_t index, std::string message, std::string_view hint) {
        result_.problems.push_back({.index = index,
                                    .warning = true,
                                    .message = std::move(message),
                                    .hint = std::string{hint}});
    }

    void unknown(std::size_t i) {
        const std::string near = suggest_attribute(type_, raw_[i].name);
        error(i,
              fmt::format("{} has no attribute {}", type_name(), quoted(raw_[i].name)),
              near.empty() ? std::string{} : "did you mean " + near + "?");
    }

    [[nodiscard]] std::string_view type_name() const {
        return type_.config_name.empty() ? type_.name : type_.config_name;
    }

    // True if the attribute may be given for this purpose at all.
    bool check_access(std::size_t i, const Attribute& attribute) {
        const bool changing = purpose_ == Purpose::kUpdate;
        if (attribute.access == Access::kUpdate ||
            (attribute.access == Access::kCreate && !changing)) {
            return true;
        }
        result_.problems.push_back(
            {.index = i,
             .forbidden = true,
             .message =
                 fmt::format("{} cannot be {}", attribute.name, changing ? "changed" : "set"),
             .hint = attribute.access == Access::kReadOnly
                         ? "the router reports it"
                         : "it is fixed when the entity is made: delete and create it"});
        return false;
    }

    void check_support(std::size_t i, const Attribute& attribute, const Value& value) {
        if (attribute.support == Support::kSupported) {
            return;
        }
        const bool is_default = !attribute.default_text.empty() &&
                                convert(attribute, Value{attribute.default_text}).value == value;
        if (is_default) {
            return;
        }
        if (attribute.support == Support::kIgnored) {
            warning(i, fmt::format("{} has no effect", attribute.name), attribute.advice);
        } else {
            error(i,
                  fmt::format("{}: {} is not supported", attribute.name, quoted(raw_[i].value)),
                  std::string{attribute.advice});
        }
    }

    void check_attribute(std::size_t i) {
        const std::string_view name = raw_[i].name;
        const std::size_t index = type_.index_of(name);
        if (index == EntityType::npos) {
            unknown(i);
            return;
        }
        const Attribute& attribute = type_.attributes[index];
        if (given_[index] != kNotGiven) {
            error(i,
                  fmt::format("{} is given twice", attribute.name),
                  raw_[given_[index]].name == name
                      ? "keep one of them"
                      : fmt::format("{} and {} are the same", raw_[given_[index]].name, name));
            return;
        }
        given_[index] = i;
        if (echoes_type(index, raw_[i].value) || !check_access(i, attribute)) {
            return;
        }
        if (raw_[i].value.is_null()) {
            unset(i, index);
            return;
        }
        Converted converted = convert(attribute, raw_[i].value);
        if (!converted.error.empty()) {
            error(i, fmt::format("{}: {}", attribute.name, converted.error), converted.hint);
            return;
        }
        check_support(i, attribute, converted.value);
        note_alias(i, attribute);
        result_.row[index] = std::move(converted.value);
    }

    // As if not given: the default, when the entity is made and when it is changed.
    void unset(std::size_t i, std::size_t index) {
        const Attribute& attribute = type_.attributes[index];
        if (purpose_ != Purpose::kUpdate) {
            return;  // check_missing() will
        }
        if (attribute.default_text.empty()) {
            error(i,
                  fmt::format("{} has no default that it could go back to", attribute.name),
                  "give a value, or delete the entity and create it without");
            return;
        }
        result_.row[index] = convert(attribute, Value{attribute.default_text}).value;
    }

    // Clients send back what they read: a `type` or `identity` that says nothing new is fine.
    [[nodiscard]] bool echoes_type(std::size_t index, const Value& value) const {
        if (type_.attributes[index].name == "type") {
            return find_type(value.text()) == &type_;
        }
        return purpose_ != Purpose::kFile && type_.attributes[index].name == "identity";
    }

    void note_alias(std::size_t i, const Attribute& attribute) {
        if (canonical_name(raw_[i].name) != attribute.name) {
            warning(i,
                    fmt::format("{} is an old name", raw_[i].name),
                    fmt::format("write {}", attribute.name));
        }
    }

    void check_missing() {
        for (std::size_t index = 0; index < type_.attributes.size(); ++index) {
            const Attribute& attribute = type_.attributes[index];
            if (given_[index] != kNotGiven && !raw_[given_[index]].value.is_null()) {
                continue;
            }
            if (attribute.required) {
                error(Problem::kWholeEntity,
                      fmt::format("{} needs the attribute {}", type_name(), attribute.name),
                      std::string{attribute.description});
            } else if (!attribute.default_text.empty() && attribute.access != Access::kReadOnly) {
                result_.row[index] = convert(attribute, Value{attribute.default_text}).value;
            }
        }
    }

    void check_rules() {
        if (type_.support == Support::kUnsupported) {
            error(Problem::kWholeEntity,
                  fmt::format("{} is not supported", type_name()),
                  std::string{type_.advice});
        } else if (type_.support == Support::kIgnored) {
            warning(
                Problem::kWholeEntity, fmt::format("{} has no effect", type_name()), type_.advice);
        }
        if (type_.name == "router.config.address") {
            check_address();
        } else if (type_.name == "router") {
            check_router_id();
        } else if (type_.name == "log") {
            check_levels();
            check_log();
        }
        check_endpoint();
    }

    void check_endpoint() {
        if (type_.name == "listener" || type_.name == "connector") {
            check_port();
            check_http();
            check_open_properties();
        }
        if (type_.name == "listener") {
            check_failover_urls();
        }
    }

    [[nodiscard]] std::size_t given_at(std::string_view attribute) const {
        const std::size_t i = given_[type_.index_of(attribute)];
        return i != kNotGiven ? i : Problem::kWholeEntity;
    }

    void check_address() {
        const bool prefix = given_at("prefix") != Problem::kWholeEntity;
        const bool pattern = given_at("pattern") != Problem::kWholeEntity;
        if (prefix && pattern) {
            error(given_at("pattern"), "prefix and pattern exclude each other", "keep one of them");
        } else if (!prefix && !pattern) {
            error(Problem::kWholeEntity,
                  "address needs a prefix or a pattern",
                  "for all addresses set the router's defaultDistribution");
        }
        const std::string_view given = prefix ? "prefix" : "pattern";
        if (prefix != pattern && !has_token(result_.row.text(given))) {
            error(given_at(given),
                  fmt::format("{} has no token", given),
                  "write text between the separators . and /");
        }
    }

    static bool has_token(std::string_view text) {
        return text.find_first_not_of("./") != std::string_view::npos;
    }

    void check_port() {
        const std::string port{result_.row.text("port")};
        const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
        const auto is_letter = [](unsigned char c) { return std::isalpha(c) != 0; };
        const auto is_name = [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '-' || c == '_';
        };
        if (std::ranges::all_of(port, is_digit)) {
            const bool fits = !port.empty() && port.size() <= 5 && std::stol(port) <= 65535;
            if (!fits) {
                error(given_at("port"), "port: " + quoted(port) + " is no port", "0 to 65535");
            }
        } else if (!std::ranges::all_of(port, is_name) || !std::ranges::any_of(port, is_letter)) {
            error(given_at("port"),
                  "port: " + quoted(port) + " is no port",
                  "a number, or a service name such as amqp");
        }
        if (result_.row.text("host").empty()) {
            error(given_at("host"), "host is empty", "write 0.0.0.0 for all addresses");
        }
    }

    void check_http() {
        const bool http = type_.name == "listener" && result_.row.boolean("http");
        if (http && result_.row.text("role") == "inter-router") {
            error(given_at("role"), "role: an HTTP listener is not for routers", "use normal");
        }
        if (type_.name == "listener") {
            check_http_access(http);
        }
    }

    void check_open_properties() {
        constexpr auto kReserved = std::to_array<std::string_view>({"product",
                                                                    "version",
                                                                    "failover-server-list",
                                                                    "network-host",
                                                                    "port",
                                                                    "scheme",
                                                                    "hostname"});
        constexpr std::size_t kBytesMax = 4096;
        const auto* map = result_.row.at("openProperties").as<Map>();
        if (map == nullptr || map->empty()) {
            return;
        }
        const auto at = given_at("openProperties");
        if (result_.row.text("role") == "inter-router") {
            error(at, "openProperties: not between routers", "remove it");
        }
        for (const auto& [key, value] : *map) {
            if (std::ranges::find(kReserved, key) != kReserved.end() || key.starts_with("qd.") ||
                key.starts_with("x-opt-qd.")) {
                error(at,
                      fmt::format("openProperties: {} is the router's own", quoted(Value{key})),
                      "take another name");
            }
            const auto is_symbol = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
            if (key.empty() || !std::ranges::all_of(key, is_symbol)) {
                error(at,
                      fmt::format("openProperties: {} is no symbol", quoted(Value{key})),
                      "ASCII without blanks");
            }
        }
        if (to_json(result_.row.at("openProperties")).size() > kBytesMax) {
            error(at,
                  fmt::format("openProperties: more than {} bytes", kBytesMax),
                  "AMQP allows an open of 512 bytes (2.4.1); some clients take more");
        }
    }

    void check_failover_urls() {
        const auto parsed = parse_failover_urls(result_.row.text("failoverUrls"));
        if (!parsed.error.empty()) {
            error(given_at("failoverUrls"),
                  "failoverUrls: " + parsed.error,
                  "for example amqp://b.example:5672, amqp://c.example");
        } else if (!parsed.urls.empty() && result_.row.text("role") == "inter-router") {
            error(given_at("failoverUrls"), "failoverUrls: not for routers", "remove it");
        }
    }

    void check_router_id() {
        const std::string_view id = result_.row.text("id");
        constexpr std::size_t kIdBytesMax = 64;
        if (id.size() > kIdBytesMax) {
            error(given_at("id"), "id is too long", fmt::format("at most {} bytes", kIdBytesMax));
        } else if (id.find_first_of(" /") != std::string_view::npos) {
            error(given_at("id"), "id has a blank or slash", "letters, digits, - and . are best");
        }
    }

    void check_http_access(bool http) {
        const bool user = result_.row.has("httpUsername");
        for (const char* name : {"httpOrigins", "httpUsername", "httpPassword"}) {
            if (!http && given_at(name) != Problem::kWholeEntity) {
                error(given_at(name), fmt::format("{} needs an HTTP listener", name), "http: yes");
            }
        }
        if (user != result_.row.has("httpPassword")) {
            error(given_at(user ? "httpUsername" : "httpPassword"),
                  "httpUsername and httpPassword go together",
                  "give both");
        }
        if (result_.row.text("httpUsername").find(':') != std::string_view::npos) {
            error(given_at("httpUsername"), "httpUsername has a colon", "RFC 7617 forbids it");
        }
        check_origins();
        const bool files = result_.row.text("httpRootDir").starts_with('/');
        if (files) {
            warning(given_at("httpRootDir"),
                    "httpRootDir has no effect: files are not served, the console is built in",
                    "delete the line, or write disabled to be without a console");
        }
        const bool console = files || result_.row.text("httpRootDir").empty();
        const bool open = console || result_.row.boolean("websockets");
        if (http && open && !user && !is_loopback(result_.row.text("host"))) {
            warning(given_at("host"),
                    "everyone who reaches this HTTP listener can read all of management",
                    "bind it to 127.0.0.1, or set httpUsername and httpPassword");
        }
    }

    // An origin that no browser ever sends lets nobody in, and its author wonders why.
    void check_origins() {
        const std::string origins{result_.row.text("httpOrigins")};
        for (const std::string_view origin : words_of(origins)) {
            const std::size_t scheme = origin.find("://");
            const bool whole = scheme != std::string_view::npos && scheme != 0 &&
                               scheme + 3 < origin.size() &&
                               origin.find('/', scheme + 3) == std::string_view::npos;
            if (origin != "*" && !whole) {
                warning(given_at("httpOrigins"),
                        fmt::format("httpOrigins: {} is no origin, no page has it",
                                    quoted(Value{origin})),
                        "SCHEME://HOST[:PORT] without a path, as browsers send it");
            }
        }
    }

    static bool is_loopback(std::string_view host) {
        return host == "localhost" || host == "::1" || host.starts_with("127.");
    }

    void check_log() {
        constexpr auto kSilent = std::to_array<std::string_view>({"ROUTER_CORE",
                                                                  "ROUTER_HELLO",
                                                                  "ROUTER_MA",
                                                                  "AUTHSERVICE",
                                                                  "CONTAINER",
                                                                  "ERROR",
                                                                  "POLICY",
                                                                  "HTTP",
                                                                  "PYTHON"});
        const std::string_view module = result_.row.text("module");
        if (std::ranges::find(kSilent, module) != kSilent.end()) {
            warning(given_at("module"),
                    fmt::format("module: {} has no lines here", module),
                    "ROUTER_LS tells of routes and neighbours, SERVER of connections");
        }
        if (result_.row.text("outputFile") == "syslog") {
            error(given_at("outputFile"),
                  "outputFile: syslog is not offered",
                  "stderr is what systemd's journal and container engines take");
        }
    }

    void check_levels() {
        std::string why;
        if (!parse_log_levels(result_.row.text("enable"), why)) {
            std::string names;
            for (const std::string_view name : kLogLevelNames) {
                names += std::string{name} + ", ";
            }
            error(given_at("enable"),
                  "enable: " + why,
                  "of " + names + "with + for and above; or none, or default");
        }
    }

    const EntityType& type_;
    std::span<const RawAttribute> raw_;
    Purpose purpose_;
    Validated result_;
    std::vector<std::size_t> given_;  // by attribute: index into raw_
};

}  // namespace

bool Validated::ok() const {
    return std::ranges::all_of(problems, [](const Problem& problem) { return problem.warning; });
}

Validated validate(const EntityType& type, std::span<const RawAttribute> raw, Purpose purpose) {
    return Checker{type, raw, purpose}.run();
}

Validated validate_change(const Row& current, std::span<const RawAttribute> raw) {
    return Checker{current.type(), raw, Purpose::kUpdate}.run(&current);
}

}  // namespace amqmesh::mgmt
