// READ, CREATE, UPDATE and DELETE of one entity.
#include "mgmt/agent_operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace amqmesh::mgmt {

namespace {

constexpr std::size_t kAttributesMax = 1000;  // in one CREATE or UPDATE

// All attributes of an entity; what is not set is null. Secrets stay here.
Value row_value(const Row& row, Dialect dialect) {
    Map out;
    for (std::size_t i = 0; i < row.size(); ++i) {
        const Attribute& attribute = row.type().attributes[i];
        if (!attribute.hidden) {
            out.emplace_back(attribute.name, told(row, i, dialect));
        }
    }
    return out;
}

// True and `type` set if the request names a type that there is; answers otherwise.
bool find_asked_type(const ExchangePtr& exchange, const EntityType*& type) {
    const std::string_view name = exchange->property("type");
    type = find_type(name);
    if (!name.empty() && type == nullptr) {
        fail_unknown_type(exchange, name);
        return false;
    }
    return true;
}

std::string describe(const Wanted& wanted) {
    std::string out = wanted.type != nullptr ? std::string{wanted.type->name} : "entity";
    if (!wanted.name.empty()) {
        out += " with name " + wanted.name;
    }
    if (!wanted.identity.empty()) {
        out += (wanted.name.empty() ? " with identity " : " and identity ") + wanted.identity;
    }
    return out;
}

// Finds the one entity that the request is for and goes on with it, or answers.
void with_entity(Context& context,
                 const ExchangePtr& exchange,
                 const std::function<void(Row&&)>& next) {
    Wanted wanted{.type = nullptr,
                  .name = std::string{exchange->property("name")},
                  .identity = std::string{exchange->property("identity")}};
    if (!find_asked_type(exchange, wanted.type)) {
        return;
    }
    if (wanted.type != nullptr && wanted.type->name == "router.address") {
        wanted.name = known_key(wanted.name, exchange->dialect());
        wanted.identity = known_key(wanted.identity, exchange->dialect());
    }
    const bool singleton = wanted.type != nullptr && wanted.type->singleton;
    if (wanted.name.empty() && wanted.identity.empty() && !singleton) {
        exchange->fail(Code::kBadRequest, "say which entity: its name or its identity, as text");
        return;
    }
    context.directory.find_one(wanted, [exchange, wanted, next](Row* row) {
        if (row == nullptr) {
            exchange->fail(Code::kNotFound, "there is no " + describe(wanted));
            return;
        }
        next(std::move(*row));
    });
}

void fail_not_offered(const ExchangePtr& exchange,
                      const EntityType& type,
                      std::string_view operation) {
    std::string text = fmt::format("{} is not offered for {}", operation, type.name);
    if (!type.advice.empty()) {
        text += fmt::format(": {}", type.advice);
    }
    exchange->fail(Code::kNotImplemented, text);
}

// Problems (or only warnings) as one sentence.
std::string sentence_of(const std::vector<Problem>& problems, bool warnings) {
    std::string text;
    for (const Problem& problem : problems) {
        if (problem.warning != warnings) {
            continue;
        }
        text += text.empty() ? "" : "; ";
        text += problem.message;
        if (!problem.hint.empty()) {
            text += " (" + problem.hint + ")";
        }
    }
    return text;
}

bool answer_problems(const ExchangePtr& exchange, const Validated& validated) {
    if (validated.ok()) {
        return false;
    }
    const bool forbidden = std::ranges::all_of(validated.problems, [](const Problem& problem) {
        return problem.warning || problem.forbidden;
    });
    exchange->fail(forbidden ? Code::kForbidden : Code::kBadRequest,
                   sentence_of(validated.problems, false));
    return true;
}

// Attributes of the body; `name` may stand in the properties instead. Answers if they are
// malformed.
bool raw_attributes(const ExchangePtr& exchange, std::vector<RawAttribute>& raw) {
    const Value& body = exchange->request().body;
    const auto* map = body.as<Map>();
    if ((map == nullptr && !body.is_null()) || (map != nullptr && map->size() > kAttributesMax)) {
        exchange->fail(Code::kBadRequest, "the body must be a map of attributes");
        return false;
    }
    if (map != nullptr) {
        for (const auto& entry : *map) {
            raw.push_back({entry.first, entry.second});
        }
    }
    return true;
}

void add_name(const ExchangePtr& exchange, std::vector<RawAttribute>& raw) {
    const std::string_view name = exchange->property("name");
    const bool named =
        std::ranges::any_of(raw, [](const RawAttribute& item) { return item.name == "name"; });
    if (!named && !name.empty()) {
        raw.push_back({"name", Value{name}});
    }
}

void finish(const ExchangePtr& exchange, Code success, Result&& result, std::string_view notes) {
    if (result.code >= Code::kBadRequest) {
        exchange->fail(result.code, result.text);
    } else {
        exchange->reply(success,
                        notes,
                        result.row ? row_value(*result.row, exchange->dialect()) : Value{Map{}});
    }
}

void create_unique(Context& context,
                   const ExchangePtr& exchange,
                   Validated&& validated,
                   const std::vector<Row>& existing) {
    const std::string_view name = validated.row.text("name");
    const bool taken = !name.empty() && std::ranges::any_of(existing, [&](const Row& row) {
        return row.text("name") == name;
    });
    if (taken) {
        exchange->fail(
            Code::kBadRequest,
            fmt::format("there is a {} with the name {} already", validated.row.type().name, name));
        return;
    }
    std::string notes = sentence_of(validated.problems, true);
    if (!notes.empty()) {
        notes.insert(0, "Created, but: ");
    }
    const EntityType& type = validated.row.type();
    context.source.create(type, std::move(validated.row), [exchange, notes](Result&& result) {
        finish(exchange, Code::kCreated, std::move(result), notes);
    });
}

}  // namespace

void fail_unknown_type(const ExchangePtr& exchange, std::string_view name) {
    std::vector<std::string_view> names;
    for (const EntityType& type : all_types()) {
        names.push_back(type.name);
    }
    const std::string near = suggest(short_type_name(name), names);
    exchange->fail(Code::kBadRequest,
                   fmt::format("there is no entity type {}{}",
                               name,
                               near.empty() ? "" : "; did you mean " + near + "?"));
}

void read(Context& context, const ExchangePtr& exchange) {
    with_entity(context, exchange, [exchange](Row&& row) {
        exchange->reply(Code::kOk, "", row_value(row, exchange->dialect()));
    });
}

void create(Context& context, const ExchangePtr& exchange) {
    const EntityType* type = nullptr;
    std::vector<RawAttribute> raw;
    if (!find_asked_type(exchange, type) || !raw_attributes(exchange, raw)) {
        return;
    }
    if (type == nullptr) {
        exchange->fail(Code::kBadRequest, "say which type to create");
        return;
    }
    if ((type->operations & operation::kCreate) == 0) {
        fail_not_offered(exchange, *type, "CREATE");
        return;
    }
    add_name(exchange, raw);
    Validated validated = validate(*type, raw, Purpose::kCreate);
    if (answer_problems(exchange, validated)) {
        return;
    }
    context.directory.rows(
        *type,
        [&context, exchange, checked = std::move(validated)](std::vector<Row>&& existing) mutable {
            create_unique(context, exchange, std::move(checked), existing);
        });
}

void update(Context& context, const ExchangePtr& exchange) {
    with_entity(context, exchange, [&context, exchange](Row&& row) {
        const EntityType& type = row.type();
        if ((type.operations & operation::kUpdate) == 0) {
            fail_not_offered(exchange, type, "UPDATE");
            return;
        }
        std::vector<RawAttribute> raw;
        if (!raw_attributes(exchange, raw)) {
            return;
        }
        // Clients read an entity, change something and send all of it back.
        std::erase_if(raw, [&](const RawAttribute& item) {
            const std::size_t index = type.index_of(item.name);
            return index != EntityType::npos && item.value == row[index];
        });
        Validated validated = validate_change(row, raw);
        if (answer_problems(exchange, validated)) {
            return;
        }
        context.source.update(
            type, std::move(row), std::move(validated.row), [exchange](Result&& result) {
                const std::string notes = result.text;
                finish(exchange, Code::kOk, std::move(result), notes);
            });
    });
}

void remove(Context& context, const ExchangePtr& exchange) {
    with_entity(context, exchange, [&context, exchange](Row&& row) {
        const EntityType& type = row.type();
        if ((type.operations & operation::kDelete) == 0) {
            fail_not_offered(exchange, type, "DELETE");
            return;
        }
        context.source.remove(type, std::move(row), [exchange](Result&& result) {
            result.row.reset();
            finish(exchange, Code::kNoContent, std::move(result), "");
        });
    });
}

}  // namespace amqmesh::mgmt
