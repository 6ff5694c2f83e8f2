#include "mgmt/agent_directory.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace amqmesh::mgmt {

namespace {

constexpr std::size_t kName = 0;  // the table's first columns (IsConsistent tests it)
constexpr std::size_t kIdentity = 1;

void complete(std::vector<Row>& rows) {
    for (Row& row : rows) {
        if (row[kName].is_null()) {
            row[kName] = row[kIdentity];
        } else if (row[kIdentity].is_null()) {
            row[kIdentity] = row[kName];
        }
    }
}

// The agent's own entities.
std::vector<Row> own_rows(const EntityType& type) {
    if (type.base == Base::kManagement) {
        Row row{type};
        row.set("name", "self").set("identity", "self");
        return {std::move(row)};
    }
    if (type.name == "policy") {
        // There is no policy, so nothing is ever denied. What is not counted is null, not zero.
        Row row{type};
        row.set("name", "policy/1").set("identity", "policy/1");
        row.set("enableVhostPolicy", false).set("enableVhostNamePatterns", false);
        row.set("policyDir", "").set("defaultVhost", "").set("maxMessageSize", 0U);
        row.set("connectionsDenied", 0U).set("linksDenied", 0U);
        row.set("maxMessageSizeDenied", 0U).set("totalDenials", 0U);
        return {std::move(row)};
    }
    return {};
}

bool matches(const EntityType& type, const Value& value, std::string_view wanted) {
    const std::string_view text = value.text();
    if (text == wanted) {
        return true;
    }
    return text.size() == type.name.size() + 1 + wanted.size() && text.ends_with(wanted) &&
           text.starts_with(type.name) && text[type.name.size()] == '/';
}

// The type that an identity such as "router.node/A" names, if any.
const EntityType* type_in_identity(std::string_view identity) {
    const std::size_t slash = identity.find('/');
    return slash == std::string_view::npos ? nullptr : find_type(identity.substr(0, slash));
}

struct Search {
    Wanted wanted;
    FoundDone done;
    std::vector<const EntityType*> types;
};

// Asks one type after the other, so that a find in an early one leaves the rest alone.
void search(Directory& directory,  // NOLINT(misc-no-recursion): once per type
            const std::shared_ptr<Search>& state,
            std::size_t index) {
    if (index == state->types.size()) {
        state->done(nullptr);
        return;
    }
    directory.rows(*state->types[index], [&directory, state, index](std::vector<Row>&& rows) {
        for (Row& row : rows) {
            if (fits(row, state->wanted)) {
                state->done(&row);
                return;
            }
        }
        search(directory, state, index + 1);
    });
}

struct Gathering {
    RowsDone done;
    std::vector<const EntityType*> types;
    std::vector<Row> rows;
};

void gather(Directory& directory,  // NOLINT(misc-no-recursion): once per type
            const std::shared_ptr<Gathering>& state,
            std::size_t index) {
    if (index == state->types.size()) {
        state->done(std::move(state->rows));
        return;
    }
    directory.rows(*state->types[index], [&directory, state, index](std::vector<Row>&& rows) {
        state->rows.insert(state->rows.end(),
                           std::make_move_iterator(rows.begin()),
                           std::make_move_iterator(rows.end()));
        gather(directory, state, index + 1);
    });
}

}  // namespace

std::vector<Row> cut(std::vector<Row> rows, Page page) {
    const auto first = static_cast<std::ptrdiff_t>(std::min(page.offset, rows.size()));
    rows.erase(rows.begin(), rows.begin() + first);
    if (rows.size() > page.count) {
        rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(page.count), rows.end());
    }
    return rows;
}

bool fits(const Row& row, const Wanted& wanted) {
    if (wanted.name.empty() && wanted.identity.empty()) {
        return row.type().singleton;
    }
    return (wanted.name.empty() || matches(row.type(), row[kName], wanted.name)) &&
           (wanted.identity.empty() || matches(row.type(), row[kIdentity], wanted.identity));
}

void Directory::rows(const EntityType& type, RowsDone done) {
    // The node may count for the policy entity although there is no policy.
    const bool asked = type.support == Support::kSupported || type.name == "policy";
    if (!asked || type.base == Base::kManagement) {
        done(own_rows(type));
        return;
    }
    source_.query(type, [&type, done = std::move(done)](std::vector<Row>&& rows) {
        if (rows.empty()) {
            rows = own_rows(type);
        }
        complete(rows);
        done(std::move(rows));
    });
}

void Directory::page(const EntityType& type, Page page, RowsDone done) {
    if (type.support != Support::kSupported || type.base == Base::kManagement) {
        rows(type, [page, done = std::move(done)](std::vector<Row>&& all) {
            done(cut(std::move(all), page));
        });
        return;
    }
    source_.query_page(type, page, [done = std::move(done)](std::vector<Row>&& some) {
        complete(some);
        done(std::move(some));
    });
}

void Directory::rows_of_all(std::vector<const EntityType*> types, RowsDone done) {
    auto state = std::make_shared<Gathering>();
    state->done = std::move(done);
    state->types = std::move(types);
    gather(*this, state, 0);
}

void Directory::find_one(Wanted wanted, FoundDone done) {
    auto state = std::make_shared<Search>();
    if (wanted.type == nullptr && wanted.name.empty()) {
        wanted.type = type_in_identity(wanted.identity);
    }
    if (wanted.type != nullptr) {
        state->types.push_back(wanted.type);
    } else {
        for (const EntityType& type : all_types()) {
            state->types.push_back(&type);
        }
    }
    state->wanted = std::move(wanted);
    state->done = std::move(done);
    search(*this, state, 0);
}

}  // namespace amqmesh::mgmt
