#include "mgmt/agent_dialect.h"

namespace amqmesh::mgmt {

namespace {

constexpr std::string_view kMobile = "M0";  // class and the only phase there is here

bool holds_key(const EntityType& type, std::string_view attribute) {
    if (type.name == "router.address") {
        return attribute == "name" || attribute == "identity" || attribute == "key";
    }
    return type.name == "router.link" && attribute == "owningAddr";
}

}  // namespace

Dialect dialect_of(std::string_view type_name) {
    return type_name.starts_with(kSuccessorPrefix) ? Dialect::kSuccessor : Dialect::kReference;
}

std::string renamed(std::string name, Dialect dialect) {
    if (dialect == Dialect::kSuccessor && name.starts_with(kTypePrefix)) {
        name.replace(0, kTypePrefix.size(), kSuccessorPrefix);
    }
    return name;
}

std::string reference_name(std::string_view name) {
    std::string out{name};
    if (name.starts_with(kSuccessorPrefix)) {
        out.replace(0, kSuccessorPrefix.size(), kTypePrefix);
    }
    return out;
}

Value told(const Row& row, std::size_t attribute, Dialect dialect) {
    const EntityType& type = row.type();
    const std::string_view name = type.attributes[attribute].name;
    if (name == "type") {
        return Value{renamed(type.long_name(), dialect)};
    }
    const std::string_view text = row[attribute].text();
    if (dialect == Dialect::kSuccessor && text.starts_with(kMobile) && holds_key(type, name)) {
        return Value{std::string{text}.erase(1, 1)};
    }
    return row[attribute];
}

std::string known_key(std::string_view key, Dialect dialect) {
    std::string out{key};
    if (dialect == Dialect::kSuccessor && key.starts_with(kMobile.front())) {
        out.insert(1, kMobile.substr(1));
    }
    return out;
}

}  // namespace amqmesh::mgmt
