#include "mgmt/cli/entities.h"

#include "mgmt/cli/management_client.h"
#include "mgmt/cli/message_source.h"
#include "mgmt/cli/nodes.h"
#include "mgmt/cli/schema_view.h"
#include "mgmt/cli/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace amqmesh::cli {

namespace {

/// VALUE as JSON when it is one (numbers, true, lists …), otherwise as text.
Json parse_value(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    return json.is_discarded() ? Json(text) : json;
}

Json read_json(const EntityOptions& options) {
    return options.from_stdin ? Json::parse(read_standard_input(), nullptr, false) : Json::object();
}

Json with_attributes(const EntityOptions& options, Json attributes) {
    if (!attributes.is_object()) {
        throw Failure(Exit::kUsage, "standard input is not a JSON object");
    }
    for (const std::string& item : options.attributes) {
        const std::size_t equals = item.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw Failure(Exit::kUsage, fmt::format("'{}': expected NAME=VALUE", item));
        }
        attributes[item.substr(0, equals)] = parse_value(item.substr(equals + 1));
    }
    return attributes;
}

Json read_attributes(const EntityOptions& options) {
    return with_attributes(options, read_json(options));
}

Request entity_request(const char* operation, const EntityOptions& options) {
    Request request{.operation = operation, .properties = {}};
    if (!options.type.empty()) {
        request.properties.emplace_back("type", long_type(options.type));
    }
    if (!options.name.empty()) {
        request.properties.emplace_back("name", options.name);
    }
    if (!options.identity.empty()) {
        request.properties.emplace_back("identity", options.identity);
    }
    return request;
}

void print_entity(const Json& entity, bool json) {
    if (json || !entity.is_object()) {
        fmt::print("{}\n", entity.dump(2));
        return;
    }
    std::size_t width = 28;  // so that most entities look alike
    for (const auto& item : entity.items()) {
        width = std::max(width, item.key().size());
    }
    for (const auto& item : entity.items()) {
        fmt::print("{:<{}} {}\n", item.key(), width, to_text(item.value()));
    }
}

/// Of a map from types to names: types as they are written here, without the common prefix.
Json with_short_names(const Json& types) {
    const auto shorter = [](std::string name) {
        const std::string prefix = long_type("x").substr(0, long_type("x").size() - 1);
        return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
    };
    Json out = Json::object();
    for (const auto& item : types.items()) {
        Json names = Json::array();
        for (const Json& name : item.value()) {
            names.push_back(name.is_string() ? Json(shorter(name.get<std::string>())) : name);
        }
        out[shorter(item.key())] = std::move(names);
    }
    return out;
}

/// What the node leaves out of its answer it does not know.
void check_attributes(const EntityOptions& options, const Rows& rows) {
    for (const std::string& name : options.attributes) {
        if (std::find(rows.columns.begin(), rows.columns.end(), name) == rows.columns.end()) {
            const std::string type = options.type.empty() ? "no entity" : options.type;
            throw Failure(Exit::kFailed,
                          fmt::format("{} has {} attribute {}; `amqmesh schema{}{}` lists them",
                                      type,
                                      options.type.empty() ? "an" : "no",
                                      name,
                                      options.type.empty() ? "" : " ",
                                      options.type));
        }
    }
}

/// Of all types together only what every entity has; there are too many attributes for a line.
std::vector<std::string> asked_attributes(const EntityOptions& options) {
    const bool everything = options.type.empty() && options.attributes.empty() && !options.json;
    return everything ? std::vector<std::string>{"type", "identity", "name"} : options.attributes;
}

/// What to say where there is nothing to show.
std::string no_rows(ManagementClient& client, const EntityOptions& options) {
    try {
        const Reply schema = client.call(
            {.operation = "GET-SCHEMA", .properties = {{"type", "org.amqp.management"}}});
        const std::string advice =
            schema_advice(schema.body.value("entityTypes", Json::object()), options.type);
        return advice.empty() ? "none" : options.type + ": " + advice;
    } catch (const Failure&) {
        return "none";  // the rows were asked for, and there are none
    }
}

}  // namespace

Exit query(const EntityOptions& options) {
    ManagementClient client(options.node);
    const std::vector<std::string> nodes =
        options.all_nodes ? mesh_nodes(client) : std::vector<std::string>{options.node.router};
    Json per_node = Json::object();
    Rows together;
    const Exit exit = for_each_node(nodes, [&](const std::string& id) {
        Rows rows = client.query(options.type, asked_attributes(options), id, options.limit);
        check_attributes(options, rows);
        if (options.json) {
            per_node[id] = rows_json(rows);
            return;
        }
        if (options.all_nodes) {
            add_column(rows, "node", id);
        }
        append_rows(together, std::move(rows));
    });
    if (options.json) {
        fmt::print("{}\n", (options.all_nodes ? per_node : per_node.front()).dump(2));
    } else if (options.csv) {
        fmt::print("{}", rows_table(together, {.csv = true}).csv());
    } else if (together.rows.empty() && exit == Exit::kOk) {
        fmt::print("{}\n", no_rows(client, options));
    } else {
        fmt::print("{}", shown(together));
    }
    return exit;
}

Exit one_entity(const char* operation, EntityOptions options) {
    // The type may stand in front, as with create.
    if (options.type.empty() && !options.attributes.empty() &&
        options.attributes.front().find('=') == std::string::npos) {
        options.type = options.attributes.front();
        options.attributes.erase(options.attributes.begin());
    }
    // The one router needs no name; the node knows of which types there is only one.
    if (options.name.empty() && options.identity.empty() && options.type.empty()) {
        throw Failure(Exit::kUsage, "give the entity's --name or --identity, or its type");
    }
    Request request = entity_request(operation, options);
    request.body = read_attributes(options);
    const Reply reply = ManagementClient(options.node).call(request);
    if (request.operation != "DELETE") {
        print_entity(reply.body, options.json);
    }
    return Exit::kOk;
}

namespace {

/// The entities of a JSON list, one after the other; each may name its type.
Exit create_all(const EntityOptions& options, const Json& entities) {
    if (!options.attributes.empty() || !options.name.empty()) {
        throw Failure(Exit::kUsage, "a list on standard input has all that there is to say");
    }
    ManagementClient client(options.node);
    Json created = Json::array();
    for (const Json& entity : entities) {
        EntityOptions one = options;
        if (!entity.is_object()) {
            throw Failure(Exit::kUsage, "standard input is a list of something else than objects");
        }
        one.type = entity.contains("type") ? to_text(entity["type"]) : options.type;
        one.name = entity.contains("name") ? to_text(entity["name"]) : "";
        Request request = entity_request("CREATE", one);
        request.body = entity;
        request.body.erase("type");
        created.push_back(client.call(request).body);
        if (!options.json) {
            fmt::print("{}", created.size() == 1 ? "" : "\n");
            print_entity(created.back(), false);
        }
    }
    if (options.json) {
        print_entity(created, true);
    }
    return Exit::kOk;
}

}  // namespace

Exit create(const EntityOptions& options) {
    Json given = read_json(options);
    if (given.is_array()) {
        return create_all(options, given);
    }
    Request request = entity_request("CREATE", options);
    request.body = with_attributes(options, std::move(given));
    if (!options.name.empty()) {
        request.body["name"] = options.name;
    }
    print_entity(ManagementClient(options.node).call(request).body, options.json);
    return Exit::kOk;
}

Exit ask(const char* operation, const EntityOptions& options) {
    Request request{.operation = operation, .properties = {{"type", "org.amqp.management"}}};
    if (!options.type.empty()) {
        request.properties.emplace_back("entityType", long_type(options.type));
    }
    const Reply reply = ManagementClient(options.node).call(request);
    print_entity(options.json ? reply.body : with_short_names(reply.body), options.json);
    return Exit::kOk;
}

Exit show_schema(const EntityOptions& options) {
    const Reply reply =
        ManagementClient(options.node)
            .call({.operation = "GET-SCHEMA", .properties = {{"type", "org.amqp.management"}}});
    const Json types = reply.body.value("entityTypes", Json::object());
    if (options.type.empty()) {
        fmt::print("{}",
                   options.json ? reply.body.dump(2) + "\n" : shown(schema_types_table(types)));
        return Exit::kOk;
    }
    const std::string name = find_schema_type(types, options.type);
    if (name.empty()) {
        throw Failure(
            Exit::kFailed,
            fmt::format("there is no entity type {}; `amqmesh schema` lists them", options.type));
    }
    fmt::print("{}",
               options.json ? types[name].dump(2) + "\n" : schema_type_text(name, types[name]));
    return Exit::kOk;
}

Exit call(const std::string& operation, const EntityOptions& options) {
    Request request = entity_request(operation.c_str(), options);
    if (options.type.empty()) {
        request.properties.emplace_back("type", "org.amqp.management");
    }
    const Json properties = read_attributes(options);
    for (const auto& item : properties.items()) {
        request.properties.emplace_back(item.key(), item.value());
    }
    if (!options.body.empty()) {
        request.body = Json::parse(options.body, nullptr, false);
        if (request.body.is_discarded()) {
            throw Failure(Exit::kUsage, "--body is not JSON");
        }
    }
    print_entity(ManagementClient(options.node).call(request).body, options.json);
    return Exit::kOk;
}

namespace {

struct LoggedLine {
    double time = 0;
    std::string text;
};

/// Lines of GET-LOG: [module, level, text, file, line, timestamp].
void read_log(const Json& body, const std::string& node, std::vector<LoggedLine>& lines) {
    for (const Json& line : body) {
        const Json blank;
        const auto part = [&](std::size_t index) -> const Json& {
            return line.is_array() && index < line.size() ? line[index] : blank;
        };
        const double time = part(5).is_number() ? part(5).get<double>() : 0;
        lines.push_back({time,
                         fmt::format("{} {}{}{} ({}) {}",
                                     time_text(time),
                                     node,
                                     node.empty() ? "" : " ",
                                     to_text(part(0)),
                                     to_text(part(1)),
                                     to_text(part(2)))});
    }
}

}  // namespace

Exit show_log(const EntityOptions& options) {
    Request request{.operation = "GET-LOG", .properties = {{"type", "org.amqp.management"}}};
    if (options.limit != 0) {
        request.properties.emplace_back("limit", options.limit);
    }
    ManagementClient client(options.node);
    const std::vector<std::string> nodes =
        options.all_nodes ? mesh_nodes(client) : std::vector<std::string>{options.node.router};
    Json per_node = Json::object();
    std::vector<LoggedLine> lines;
    const Exit exit = for_each_node(nodes, [&](const std::string& id) {
        Reply reply = client.call(request, id);
        read_log(reply.body, options.all_nodes ? id : "", lines);
        per_node[id] = std::move(reply.body);
    });
    if (options.json) {
        fmt::print("{}\n", (options.all_nodes ? per_node : per_node.front()).dump(2));
        return exit;
    }
    std::stable_sort(lines.begin(), lines.end(), [](const LoggedLine& a, const LoggedLine& b) {
        return a.time < b.time;
    });
    for (const LoggedLine& line : lines) {
        fmt::print("{}\n", line.text);
    }
    return exit;
}

}  // namespace amqmesh::cli
