#include "mgmt/cli/schema_view.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

namespace amqmesh::cli {

namespace {

std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || !found->is_string() ? std::string{} : found->get<std::string>();
}

bool flag_of(const Json& object, const char* key, bool fallback) {
    const auto found = object.find(key);
    return found == object.end() || !found->is_boolean() ? fallback : found->get<bool>();
}

std::string not_supported(const Json& object) {
    const std::string advice = text_of(object, "advice");
    return fmt::format("known, not supported{}{}", advice.empty() ? "" : ": ", advice);
}

/// "integer in s, default 16, set at creation".
std::string attribute_facts(const Json& attribute) {
    const Json type = attribute.value("type", Json());
    std::string facts = type.is_array() ? "one of" : to_text(type);
    if (type.is_array()) {
        for (const Json& choice : type) {
            facts += ' ' + to_text(choice);
        }
    }
    if (const std::string unit = text_of(attribute, "unit"); !unit.empty()) {
        facts += " in " + unit;
    }
    if (flag_of(attribute, "required", false)) {
        facts += ", required";
    }
    if (attribute.contains("default")) {
        facts += ", default " + to_text(attribute["default"]);
    }
    if (flag_of(attribute, "update", false)) {
        facts += ", may be changed";
    } else if (!flag_of(attribute, "create", false)) {
        facts += ", read-only";
    }
    return facts;
}

}  // namespace

Table schema_types_table(const Json& types) {
    Table table({{"TYPE"}, {"MEANING"}, {"OPERATIONS"}});
    for (const auto& item : types.items()) {
        const bool supported = flag_of(item.value(), "supported", true);
        table.add({item.key(),
                   supported ? text_of(item.value(), "description") : not_supported(item.value()),
                   to_text(item.value().value("operations", Json::array()))});
    }
    return table;
}

std::string schema_advice(const Json& types, const std::string& name) {
    const std::string key = find_schema_type(types, name);
    return key.empty() || flag_of(types[key], "supported", true) ? std::string{}
                                                                 : not_supported(types[key]);
}

std::string find_schema_type(const Json& types, const std::string& name) {
    constexpr std::string_view kPrefix = "org.apache.qpid.dispatch.";
    const std::string shorter = name.rfind(kPrefix, 0) == 0 ? name.substr(kPrefix.size()) : name;
    for (const std::string& key : {shorter, "router." + shorter, "router.config." + shorter}) {
        if (types.contains(key)) {
            // In files `address` is what management calls router.config.address.
            const std::string configured = "router.config." + shorter;
            return key == "router." + shorter && types.contains(configured) ? configured : key;
        }
    }
    return {};
}

std::string schema_type_text(const std::string& name, const Json& type) {
    std::string out = fmt::format("{}: {}\n", name, text_of(type, "description"));
    if (!flag_of(type, "supported", true)) {
        out += fmt::format("({})\n", not_supported(type));
    }
    out += fmt::format("operations: {}\n", to_text(type.value("operations", Json::array())));
    const Json attributes = type.value("attributes", Json::object());
    for (const auto& item : attributes.items()) {
        out += fmt::format("\n  {}  ({})\n      {}\n",
                           item.key(),
                           attribute_facts(item.value()),
                           text_of(item.value(), "description"));
        if (!flag_of(item.value(), "supported", true)) {
            out += fmt::format("      {}\n", not_supported(item.value()));
        }
    }
    return out;
}

}  // namespace amqmesh::cli
