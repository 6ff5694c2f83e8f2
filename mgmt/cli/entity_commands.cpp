#include "mgmt/cli/commands.h"
#include "mgmt/cli/entities.h"
#include "mgmt/cli/numbers.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

namespace amqmesh::cli {

namespace {

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
    added.command->add_flag("--stdin",
                            added.options->from_stdin,
                            "Read a JSON object of attributes first (create: or a list of such)");
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
        ->check(not_negative);
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
        ->check(not_negative);
    add_all_nodes(log);
    on_chosen(log, chosen, show_log);
}

}  // namespace amqmesh::cli
