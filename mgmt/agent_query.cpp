// QUERY: rows of one type, of all that extend a base type, or of all; some columns or all; some
// rows or all.
#include "mgmt/agent_operations.h"
#include "mgmt/schema_export.h"

#include <fmt/format.h>

#include <algorithm>

namespace amqmesh::mgmt {

namespace {

constexpr std::size_t kRowsMax = 200'000;  // per response; more have to be asked for in pages
constexpr std::size_t kColumnsMax = 1000;
constexpr std::size_t kTypeColumn = 2;

struct Columns {
    std::vector<std::string> names;
    bool valid = true;
};

Columns asked_columns(const Value& body) {
    Columns columns;
    const auto* map = body.as<Map>();
    const Value* names = map != nullptr ? find(*map, "attributeNames") : nullptr;
    if (map == nullptr && !body.is_null()) {
        columns.valid = false;
    }
    if (names == nullptr || names->is_null()) {
        return columns;
    }
    const auto* list = names->as<List>();
    columns.valid = list != nullptr && list->size() <= kColumnsMax;
    for (std::size_t i = 0; columns.valid && i < list->size(); ++i) {
        columns.valid = (*list)[i].as<std::string>() != nullptr;
        columns.names.emplace_back((*list)[i].text());
    }
    return columns;
}

bool is_shown(const Attribute& attribute) {
    return !attribute.hidden;
}

// Every attribute of the types, each once, in order of appearance.
std::vector<std::string> all_columns(const std::vector<const EntityType*>& types) {
    std::vector<std::string> names;
    for (const EntityType* type : types) {
        for (const Attribute& attribute : type->attributes) {
            if (is_shown(attribute) && std::ranges::find(names, attribute.name) == names.end()) {
                names.emplace_back(attribute.name);
            }
        }
    }
    return names;
}

// Columns that some type has. One that none has is left out: the reference's tools take its absence
// for "not offered here", while a null would be a value to them.
std::vector<std::string> known_columns(const std::vector<std::string>& asked,
                                       const std::vector<const EntityType*>& types) {
    std::vector<std::string> names;
    for (const std::string& name : asked) {
        const bool known = std::ranges::any_of(types, [&](const EntityType* type) {
            const std::size_t index = type->index_of(name);
            return index != EntityType::npos && is_shown(type->attributes[index]);
        });
        if (known) {
            names.push_back(name);
        }
    }
    return names;
}

// Writes rows of mixed types; remembers where the columns are in the current type.
class RowWriter {
  public:
    RowWriter(ValueWriter& writer, const std::vector<std::string>& columns, Dialect dialect)
        : writer_(writer), columns_(columns), dialect_(dialect) {}

    void write(const Row& row) {
        if (type_ != &row.type()) {
            enter(row.type());
        }
        const std::size_t opened = writer_.open_list(columns_.size());
        for (const std::size_t index : indices_) {
            if (index == EntityType::npos) {
                writer_.null();
            } else if (index == kTypeColumn) {
                writer_.string(type_name_);
            } else if (dialect_ == Dialect::kReference) {
                writer_.value(row[index]);
            } else {
                writer_.value(told(row, index, dialect_));
            }
        }
        writer_.close(opened);
    }

  private:
    void enter(const EntityType& type) {
        type_ = &type;
        type_name_ = renamed(type.long_name(), dialect_);
        indices_.clear();
        for (const std::string& column : columns_) {
            const std::size_t index = type.index_of(column);
            const bool shown = index != EntityType::npos && is_shown(type.attributes[index]);
            indices_.push_back(shown ? index : EntityType::npos);
        }
    }

    ValueWriter& writer_;
    const std::vector<std::string>& columns_;
    const Dialect dialect_;
    const EntityType* type_ = nullptr;
    std::string type_name_;
    std::vector<std::size_t> indices_;
};

std::string encode_rows(const Request& request,
                        Dialect dialect,
                        const std::vector<std::string>& columns,
                        const std::vector<Row>& rows,
                        Page page) {
    std::string message = encode_response(request, Code::kOk, "OK");
    ValueWriter writer{message};
    const std::size_t body = writer.open_map(4);
    writer.string("attributeNames");
    const std::size_t names = writer.open_list(columns.size());
    for (const std::string& name : columns) {
        writer.string(name);
    }
    writer.close(names);
    writer.string("results");
    const std::size_t results = writer.open_list(page.count);
    RowWriter row_writer{writer, columns, dialect};
    for (std::size_t i = 0; i < page.count; ++i) {
        row_writer.write(rows[page.offset + i]);
    }
    writer.close(results);
    writer.close(body);
    return message;
}

void answer(Source& source,
            const ExchangePtr& exchange,
            const std::vector<std::string>& columns,
            std::vector<Row>&& rows,
            Page page) {
    const std::size_t first = std::min(page.offset, rows.size());
    const std::size_t count = std::min(page.count, rows.size() - first);
    if (count > kRowsMax) {
        exchange->fail(Code::kBadRequest,
                       fmt::format("{} rows are too many for one response: ask for them in pages "
                                   "with offset and count (at most {})",
                                   count,
                                   kRowsMax));
        return;
    }
    offload(
        source.background(),
        [exchange, columns, rows = std::move(rows), first, count]() mutable {
            const std::vector<Row> once = std::move(rows);  // to free many takes milliseconds, too
            return encode_rows(
                exchange->request(), exchange->dialect(), columns, once, {first, count});
        },
        [exchange](std::string&& message) { exchange->send(std::move(message)); });
}

}  // namespace

std::vector<const EntityType*> asked_types(const ExchangePtr& exchange) {
    std::string_view name = exchange->property("entityType");
    if (name.empty()) {
        // `type` is the management node's own with most clients, and says nothing then.
        const std::string_view target = exchange->property("type");
        const EntityType* type = find_type(target);
        name = type != nullptr && type->base == Base::kManagement ? "" : target;
    }
    std::vector<const EntityType*> types;
    const EntityType* one = name.empty() ? nullptr : find_type(name);
    std::string base = reference_name(name);
    if (!base.starts_with("org.")) {
        base.insert(0, kTypePrefix);
    }
    for (const EntityType& type : all_types()) {
        const std::vector<std::string> bases = bases_of(type);
        if (name.empty() || &type == one || std::ranges::find(bases, base) != bases.end()) {
            types.push_back(&type);
        }
    }
    if (types.empty()) {
        fail_unknown_type(exchange, name);
    }
    return types;
}

void query(Context& context, const ExchangePtr& exchange) {
    const Columns asked = asked_columns(exchange->request().body);
    if (!asked.valid) {
        exchange->fail(Code::kBadRequest,
                       "the body of QUERY must be a map whose attributeNames, if given, is a list "
                       "of names");
        return;
    }
    const auto offset = exchange->number("offset", 0);
    const auto count = exchange->number("count", SIZE_MAX);
    if (!offset || !count) {
        exchange->fail(Code::kBadRequest, "offset and count must be whole numbers, not negative");
        return;
    }
    std::vector<const EntityType*> types = asked_types(exchange);
    if (types.empty()) {
        return;
    }
    const bool typeless = types.size() > 1;
    std::vector<std::string> columns =
        asked.names.empty() ? all_columns(types) : known_columns(asked.names, types);
    // Asking for columns of one kind of entity is asking for that kind's rows only.
    if (typeless && !asked.names.empty()) {
        std::erase_if(types, [&](const EntityType* type) {
            return known_columns(asked.names, {type}).empty();
        });
    }
    const Page page{.offset = *offset, .count = *count, .asker = exchange->request().reply_to};
    Source& source = context.source;
    if (types.size() == 1) {
        // One row more than a response takes: enough to see that there are too many.
        Page some = page;
        some.count = std::min(page.count, kRowsMax + 1);
        context.directory.page(
            *types[0],
            some,
            [&source, exchange, columns = std::move(columns)](std::vector<Row>&& rows) {
                answer(source, exchange, columns, std::move(rows), {});
            });
        return;
    }
    context.directory.rows_of_all(
        std::move(types),
        [&source, exchange, columns = std::move(columns), page](std::vector<Row>&& rows) {
            answer(source, exchange, columns, std::move(rows), page);
        });
}

}  // namespace amqmesh::mgmt
