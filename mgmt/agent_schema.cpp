// The GET-… operations.
#include "mgmt/agent_operations.h"
#include "mgmt/schema_export.h"

#include <fmt/format.h>

#include <algorithm>

namespace amqmesh::mgmt {

namespace {

constexpr std::size_t kLogLinesMax = 1000;  // the reference's ring, and its default

List list_of(const std::vector<std::string>& texts) {
    List list;
    for (const std::string& text : texts) {
        list.emplace_back(text);
    }
    return list;
}

template <typename Describe>
void answer_by_type(const ExchangePtr& exchange, Describe&& describe) {
    const std::vector<const EntityType*> types = asked_types(exchange);
    if (types.empty()) {
        return;
    }
    Map body;
    for (const EntityType* type : types) {
        body.emplace_back(renamed(type->long_name(), exchange->dialect()), describe(*type));
    }
    exchange->reply(Code::kOk, "", Value{std::move(body)});
}

}  // namespace

void get_types(Context& /*context*/, const ExchangePtr& exchange) {
    answer_by_type(exchange, [&](const EntityType& type) {
        std::vector<std::string> bases = bases_of(type);
        for (std::string& base : bases) {
            base = renamed(std::move(base), exchange->dialect());
        }
        return list_of(bases);
    });
}

void get_attributes(Context& /*context*/, const ExchangePtr& exchange) {
    answer_by_type(exchange, [](const EntityType& type) {
        List names;
        for (const Attribute& attribute : type.attributes) {
            names.emplace_back(attribute.name);
        }
        return names;
    });
}

void get_operations(Context& /*context*/, const ExchangePtr& exchange) {
    answer_by_type(exchange, [](const EntityType& type) { return list_of(operations_of(type)); });
}

void get_annotations(Context& /*context*/, const ExchangePtr& exchange) {
    answer_by_type(exchange, [](const EntityType&) { return List{}; });
}

// The reference's tools cut these addresses up: their shape is part of the protocol.
void get_mgmt_nodes(Context& context, const ExchangePtr& exchange) {
    List nodes;
    for (const std::string& id : context.source.mesh_routers()) {
        nodes.emplace_back(fmt::format("amqp:/_topo/0/{}/$management", id));
    }
    exchange->reply(Code::kOk, "", Value{std::move(nodes)});
}

void get_schema(Context& /*context*/, const ExchangePtr& exchange) {
    exchange->reply(Code::kOk, "", schema_value());
}

void get_json_schema(Context& /*context*/, const ExchangePtr& exchange) {
    exchange->reply(Code::kOk, "", Value{to_json(schema_value())});
}

void get_log(Context& context, const ExchangePtr& exchange) {
    const auto limit = exchange->number("limit", kLogLinesMax);
    if (!limit) {
        exchange->fail(Code::kBadRequest, "limit must be a whole number, not negative");
        return;
    }
    // 0 is "no limit" to the reference's tool.
    const std::size_t count = *limit == 0 ? kLogLinesMax : std::min(*limit, kLogLinesMax);
    List lines;
    for (LogLine& line : context.source.log_lines(count)) {
        List columns{Value{std::move(line.module)},
                     Value{std::move(line.level)},
                     Value{std::move(line.text)},
                     line.file.empty() ? Value{} : Value{std::move(line.file)},
                     line.line == 0 ? Value{} : Value{line.line},
                     Value{line.time}};
        lines.emplace_back(std::move(columns));
    }
    exchange->reply(Code::kOk, "", Value{std::move(lines)});
}

// Our own: the reference has to be started again for a new configuration.
void reload(Context& context, const ExchangePtr& exchange) {
    const Reloaded result = context.source.reload();
    if (result.code >= Code::kBadRequest) {
        exchange->fail(result.code, result.text);
        return;
    }
    exchange->reply(Code::kOk,
                    result.changes.empty() ? "nothing has changed" : "",
                    Value{Map{{"changes", List(result.changes.begin(), result.changes.end())},
                              {"needsRestart",
                               List(result.needs_restart.begin(), result.needs_restart.end())}}});
}

}  // namespace amqmesh::mgmt
