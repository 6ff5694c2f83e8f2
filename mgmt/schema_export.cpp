#include "mgmt/schema_export.h"

#include "mgmt/schema_convert.h"

namespace amqmesh::mgmt {

namespace {

Value type_value(const Attribute& attribute) {
    switch (attribute.type) {
        case AttributeType::kString:
            return "string";
        case AttributeType::kInteger:
            return "integer";
        case AttributeType::kNumber:
            return "float";
        case AttributeType::kBoolean:
            return "boolean";
        case AttributeType::kPath:
            return "path";
        case AttributeType::kList:
            return "list";
        case AttributeType::kMap:
            return "map";
        case AttributeType::kEnum:
            break;
    }
    List choices;
    for (const std::string_view choice : words_of(attribute.choices)) {
        choices.emplace_back(choice);
    }
    return choices;
}

Value attribute_value(const Attribute& attribute) {
    Map out{{"type", type_value(attribute)},
            {"description", attribute.description},
            {"required", attribute.required},
            {"create", attribute.access != Access::kReadOnly},
            {"update", attribute.access == Access::kUpdate}};
    if (!attribute.default_text.empty()) {
        out.emplace_back("default", convert(attribute, Value{attribute.default_text}).value);
    }
    if (!attribute.unit.empty()) {
        out.emplace_back("unit", attribute.unit);
    }
    if (attribute.hidden) {
        out.emplace_back("hidden", true);
    }
    if (attribute.support != Support::kSupported) {
        out.emplace_back("supported", false);
        out.emplace_back("advice", attribute.advice);
    }
    return out;
}

Value entity_value(const EntityType& type) {
    Map attributes;
    for (const Attribute& attribute : type.attributes) {
        attributes.emplace_back(attribute.name, attribute_value(attribute));
    }
    List operations;
    for (const std::string& name : operations_of(type)) {
        operations.emplace_back(name);
    }
    std::string base = bases_of(type).empty() ? std::string{} : bases_of(type).front();
    if (base.starts_with(kTypePrefix)) {
        base.erase(0, kTypePrefix.size());
    }
    Map out{{"description", type.description},
            {"extends", std::move(base)},
            {"singleton", type.singleton},
            {"operations", std::move(operations)},
            {"attributes", std::move(attributes)}};
    if (type.support != Support::kSupported) {
        out.emplace_back("supported", false);
        out.emplace_back("advice", type.advice);
    }
    return out;
}

}  // namespace

Value schema_value() {
    std::string_view prefix = kTypePrefix;
    prefix.remove_suffix(1);
    Map types;
    for (const EntityType& type : all_types()) {
        types.emplace_back(type.name, entity_value(type));
    }
    return Map{{"prefix", prefix}, {"annotations", Map{}}, {"entityTypes", std::move(types)}};
}

std::vector<std::string> bases_of(const EntityType& type) {
    std::vector<std::string> bases;
    if (type.name == "management") {
        bases.emplace_back("org.amqp.management");
    }
    const bool configured = type.base == Base::kConfiguration;
    for (const char* name : {configured ? "configurationEntity" : "operationalEntity", "entity"}) {
        bases.push_back(std::string{kTypePrefix} + name);
    }
    return bases;
}

std::vector<std::string> operations_of(const EntityType& type) {
    if (type.base == Base::kManagement) {
        std::vector<std::string> all{"QUERY",
                                     "READ",
                                     "GET-TYPES",
                                     "GET-ANNOTATIONS",
                                     "GET-ATTRIBUTES",
                                     "GET-OPERATIONS",
                                     "GET-MGMT-NODES"};
        if (type.name == "management") {
            all.insert(all.end(), {"GET-SCHEMA", "GET-JSON-SCHEMA", "GET-LOG", "RELOAD"});
        }
        return all;
    }
    std::vector<std::string> names;
    const auto add = [&](std::uint8_t bit, const char* name) {
        if ((type.operations & bit) != 0) {
            names.emplace_back(name);
        }
    };
    add(operation::kCreate, "CREATE");
    add(operation::kRead, "READ");
    add(operation::kUpdate, "UPDATE");
    add(operation::kDelete, "DELETE");
    return names;
}

}  // namespace amqmesh::mgmt
