// The configuration reference of the README, from the table.
#include "mgmt/schema_convert.h"
#include "mgmt/schema_export.h"

#include <fmt/format.h>

namespace amqmesh::mgmt {

namespace {

std::string type_text(const Attribute& attribute) {
    switch (attribute.type) {
        case AttributeType::kEnum: {
            std::string out;
            for (const std::string_view choice : words_of(attribute.choices)) {
                out += fmt::format("{}`{}`", out.empty() ? "" : ", ", choice);
            }
            return out;
        }
        case AttributeType::kInteger:
            if (attribute.max != INT64_MAX) {
                return fmt::format("{} to {}{}{}",
                                   attribute.min,
                                   attribute.max,
                                   attribute.unit.empty() ? "" : " ",
                                   attribute.unit);
            }
            return attribute.unit.empty() ? "number" : fmt::format("number of {}", attribute.unit);
        case AttributeType::kNumber:
            return "number";
        case AttributeType::kBoolean:
            return "`yes`, `no`";
        case AttributeType::kPath:
            return "file name";
        case AttributeType::kList:
            return "list";
        case AttributeType::kMap:
            return "map";
        case AttributeType::kString:
            break;
    }
    return "text";
}

// The table's descriptions are plain text: what Markdown would take for itself is escaped.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|' || c == '*' || c == '_' || c == '#') {
            out += '\\';
        }
        out += c;
    }
    return out;
}

bool is_shown(const Attribute& attribute) {
    return attribute.access != Access::kReadOnly && attribute.support == Support::kSupported;
}

void append_attributes(std::string& out, const EntityType& type) {
    out += "| attribute | values | default | meaning |\n| --- | --- | --- | --- |\n";
    for (const Attribute& attribute : type.attributes) {
        if (!is_shown(attribute)) {
            continue;
        }
        std::string standard =
            attribute.default_text.empty() ? "" : fmt::format("`{}`", attribute.default_text);
        if (attribute.required) {
            standard = "**required**";
        }
        out += fmt::format("| `{}` | {} | {} | {} |\n",
                           attribute.name,
                           type_text(attribute),
                           standard,
                           escaped(attribute.description));
    }
}

void append_others(std::string& out,
                   const EntityType& type,
                   Support support,
                   std::string_view heading) {
    std::string list;
    for (const Attribute& attribute : type.attributes) {
        if (attribute.access != Access::kReadOnly && attribute.support == support) {
            list += fmt::format("{}`{}`", list.empty() ? "" : ", ", attribute.name);
        }
    }
    if (!list.empty()) {
        out += fmt::format("\n{}: {}.\n", heading, list);
    }
}

}  // namespace

std::string schema_markdown() {
    std::string out;
    std::string unsupported;
    for (const EntityType& type : all_types()) {
        if (type.base != Base::kConfiguration) {
            continue;
        }
        if (type.support != Support::kSupported) {
            unsupported += fmt::format("- `{}`: {}.\n", type.config_name, escaped(type.advice));
            continue;
        }
        out += fmt::format("#### `{}`\n\n{}\n\n", type.config_name, escaped(type.description));
        append_attributes(out, type);
        append_others(out, type, Support::kIgnored, "Accepted without effect");
        append_others(out, type, Support::kUnsupported, "Refused with advice");
        out += '\n';
    }
    out += "#### Known, not offered\n\n" + unsupported;
    return out;
}

}  // namespace amqmesh::mgmt
