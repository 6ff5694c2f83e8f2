#include "mgmt/cli/commands.h"
#include "mgmt/cli/management_client.h"
#include "mgmt/cli/message_source.h"
#include "mgmt/cli/nodes.h"
#include "mgmt/cli/schema_view.h"
#include "mgmt/cli/views.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace amqmesh::cli {

namespace {

struct EntityOptions {
    NodeOptions node;
    std::string type;
    std::string name;
    std::string identity;
    std::vector<std::string> attributes;  ///< names for query, NAME=VALUE for create and update
    std::string body;                     ///< for call: JSON
    bool from_stdin = false;
    bool all_nodes = false;
    bool json = false;
    bool csv = false;
    std::size_t limit = 0;
};

/// VALUE as JSON when it is one (numbers, true, lists …), otherwise as text.
Json parse_value(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    return json.is_discarded() ? Json(text) : json;
}

Json read_attributes(const EntityOptions& options) {
    Json attributes = Json::object();
    if (options.from_stdin) {
        attributes = Json::parse(read_standard_input(), nullptr, false);
        if (!attributes.is_object()) {
            throw Failure(Exit::kUsage, "standard input is not a JSON object");
        }
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
    for (const auto& item : entity.items()) {
        fmt::print("{:<28} {}\n", item.key(), to_text(item.value()));
    }
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
        fmt::print("{}", rows_table(together).csv());
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

Exit create(const EntityOptions& options) {
    Request request = entity_request("CREATE", options);
    request.body = read_attributes(options);
    if (!options.name.empty()) {
        request.body["name"] = options.name;
    }
    print_entity(ManagementClient(options.node).call(request).body, options.json);
    return Exit::kOk;
}

/// GET-… of the management node itself; `type` narrows it to one entity type.
Exit ask(const char* operation, const EntityOptions& options) {
    Request request{.operation = operation, .properties = {{"type", "org.amqp.management"}}};
    if (!options.type.empty()) {
        request.properties.emplace_back("entityType", long_type(options.type));
    }
    print_entity(ManagementClient(options.node).call(request).body, options.json);
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

/// Any operation, also one that this tool does not know.
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

struct Added {
    CLI::App* command;
    std::shared_ptr<EntityOptions> options;
};

Added add(CLI::App& app, const char* name, const char* help) {
    CLI::App* command = app.add_subcommand(name, help);
    auto options = std::make_shared<EntityOptions>();
    add_node_options(*command, options->node, Reach::kAnyNode);
    command->add_flag("--json", options->json, "Print JSON");
    return {command, options};
}

void add_names(const Added& added) {
    added.command->add_option("--name", added.options->name, "Name of the entity");
    added.command->add_option("--identity", added.options->identity, "Identity of the entity");
}

void add_attributes(const Added& added, const char* help) {
    added.command->add_option("attributes", added.options->attributes, help);
    added.command->add_flag(
        "--stdin", added.options->from_stdin, "Read a JSON object of attributes first");
}

void add_all_nodes(const Added& added) {
    added.command->add_flag(
        "-a,--all-nodes", added.options->all_nodes, "Ask every node of the mesh");
}

template <typename Run>
void on_chosen(const Added& added, Action& chosen, Run run) {
    added.command->callback([options = added.options, &chosen, run] {
        chosen = [options, run] { return run(*options); };
    });
}

void add_query(CLI::App& app, Action& chosen) {
    const Added added = add(app, "query", "All entities of a type, as a table");
    added.command->add_option("type", added.options->type, "Entity type, e.g. listener; none: all");
    added.command->add_option("attributes", added.options->attributes, "Only these attributes");
    added.command->add_flag("--csv", added.options->csv, "Print comma-separated values")
        ->excludes("--json");
    added.command->add_option("--limit", added.options->limit, "Show at most so many rows")
        ->check(CLI::NonNegativeNumber);
    add_all_nodes(added);
    added.command->footer("On a terminal that is too narrow for a table: an attribute a line.");
    on_chosen(added, chosen, query);
}

void add_changes(CLI::App& app, Action& chosen) {
    const Added added = add(app, "create", "Create an entity while the node runs");
    added.command->add_option("type", added.options->type, "Entity type, e.g. listener")
        ->required();
    add_names(added);
    add_attributes(added, "NAME=VALUE …");
    on_chosen(added, chosen, create);

    const Added updated = add(app, "update", "Change attributes of an entity");
    updated.command->add_option("--type", updated.options->type, "Entity type");
    add_names(updated);
    add_attributes(updated, "[TYPE] NAME=VALUE …");
    on_chosen(updated, chosen, [](const EntityOptions& options) {
        return one_entity("UPDATE", options);
    });

    const Added deleted = add(app, "delete", "Delete an entity");
    deleted.command->add_option("type,--type", deleted.options->type, "Entity type");
    add_names(deleted);
    on_chosen(deleted, chosen, [](const EntityOptions& options) {
        return one_entity("DELETE", options);
    });
}

void add_call(CLI::App& app, Action& chosen) {
    const Added added = add(app, "call", "Any management operation, e.g. GET-OPERATIONS");
    auto operation = std::make_shared<std::string>();
    added.command->add_option("operation", *operation, "Name of the operation")->required();
    added.command->add_option("--type", added.options->type, "Entity type that it is for");
    add_names(added);
    added.command->add_option("properties",
                              added.options->attributes,
                              "Application properties of the request, NAME=VALUE");
    added.command->add_option("--body", added.options->body, "Body of the request, JSON");
    on_chosen(added, chosen, [operation](const EntityOptions& options) {
        return call(*operation, options);
    });
}

}  // namespace

void add_entity_commands(CLI::App& app, Action& chosen) {
    add_query(app, chosen);

    const Added read = add(app, "read", "One entity, by name or identity");
    read.command->add_option("type,--type", read.options->type, "Entity type");
    add_names(read);
    on_chosen(
        read, chosen, [](const EntityOptions& options) { return one_entity("READ", options); });

    add_changes(app, chosen);

    const Added types = add(app, "types", "Entity types and what they are based on");
    types.command->add_option("type", types.options->type, "Only this type");
    on_chosen(
        types, chosen, [](const EntityOptions& options) { return ask("GET-TYPES", options); });

    const Added schema = add(app, "schema", "The node's schema: types, attributes, defaults");
    schema.command->add_option("type", schema.options->type, "The attributes of this type");
    on_chosen(schema, chosen, show_schema);

    add_call(app, chosen);

    const Added log = add(app, "log", "The node's latest log lines");
    log.command->add_option("--limit", log.options->limit, "At most so many lines (of each node)")
        ->check(CLI::NonNegativeNumber);
    add_all_nodes(log);
    on_chosen(log, chosen, show_log);
}

}  // namespace amqmesh::cli
