#include "mgmt/cli/commands.h"
#include "mgmt/cli/management_client.h"
#include "mgmt/cli/message_source.h"
#include "mgmt/cli/views.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>

namespace amqmesh::cli {

namespace {

struct EntityOptions {
    NodeOptions node;
    std::string type;
    std::string name;
    std::string identity;
    std::vector<std::string> attributes;  ///< names for query, NAME=VALUE for create and update
    bool from_stdin = false;
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

Exit query(const EntityOptions& options) {
    ManagementClient client(options.node);
    const Rows rows =
        client.query(options.type, options.attributes, options.node.router, options.limit);
    if (options.json) {
        fmt::print("{}\n", rows_json(rows).dump(2));
    } else if (options.csv) {
        fmt::print("{}", rows_table(rows).csv());
    } else {
        fmt::print("{}", shown(rows_table(rows)));
    }
    return Exit::kOk;
}

Exit one_entity(const char* operation, const EntityOptions& options) {
    if (options.name.empty() && options.identity.empty()) {
        throw Failure(Exit::kUsage, "give the entity's --name or --identity");
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

Exit show_log(const EntityOptions& options) {
    Request request{.operation = "GET-LOG", .properties = {{"type", "org.amqp.management"}}};
    if (options.limit != 0) {
        request.properties.emplace_back("limit", options.limit);
    }
    const Reply reply = ManagementClient(options.node).call(request);
    if (options.json) {
        fmt::print("{}\n", reply.body.dump(2));
        return Exit::kOk;
    }
    for (const Json& line : reply.body) {  // [module, level, text, file, line, timestamp]
        const Json blank;
        const auto part = [&](std::size_t index) {
            return to_text(line.is_array() && index < line.size() ? line[index] : blank);
        };
        fmt::print("{} {} ({}) {}\n", part(5), part(0), part(1), part(2));
    }
    return Exit::kOk;
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

void add_attributes(const Added& added) {
    added.command->add_option("attributes", added.options->attributes, "NAME=VALUE …");
    added.command->add_flag(
        "--stdin", added.options->from_stdin, "Read a JSON object of attributes first");
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
    added.command->add_option("--limit", added.options->limit, "Show at most so many rows");
    on_chosen(added, chosen, query);
}

void add_changes(CLI::App& app, Action& chosen) {
    const Added added = add(app, "create", "Create an entity while the node runs");
    added.command->add_option("type", added.options->type, "Entity type, e.g. listener")
        ->required();
    add_names(added);
    add_attributes(added);
    on_chosen(added, chosen, create);

    const Added updated = add(app, "update", "Change attributes of an entity");
    updated.command->add_option("--type", updated.options->type, "Entity type");
    add_names(updated);
    add_attributes(updated);
    on_chosen(updated, chosen, [](const EntityOptions& options) {
        return one_entity("UPDATE", options);
    });

    const Added deleted = add(app, "delete", "Delete an entity");
    deleted.command->add_option("--type", deleted.options->type, "Entity type");
    add_names(deleted);
    on_chosen(deleted, chosen, [](const EntityOptions& options) {
        return one_entity("DELETE", options);
    });
}

}  // namespace

void add_entity_commands(CLI::App& app, Action& chosen) {
    add_query(app, chosen);

    const Added read = add(app, "read", "One entity, by name or identity");
    read.command->add_option("--type", read.options->type, "Entity type");
    add_names(read);
    on_chosen(
        read, chosen, [](const EntityOptions& options) { return one_entity("READ", options); });

    add_changes(app, chosen);

    const Added types = add(app, "types", "Entity types and what they are based on");
    types.command->add_option("type", types.options->type, "Only this type");
    on_chosen(
        types, chosen, [](const EntityOptions& options) { return ask("GET-TYPES", options); });

    const Added schema = add(app, "schema", "The node's schema: types, attributes, defaults");
    on_chosen(
        schema, chosen, [](const EntityOptions& options) { return ask("GET-SCHEMA", options); });

    const Added log = add(app, "log", "The node's latest log lines");
    log.command->add_option("--limit", log.options->limit, "At most so many lines");
    on_chosen(log, chosen, show_log);
}

}  // namespace amqmesh::cli
