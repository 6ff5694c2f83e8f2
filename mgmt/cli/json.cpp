#include "mgmt/cli/json.h"

#include <fmt/format.h>
#include <proton/binary.hpp>
#include <proton/codec/map.hpp>
#include <proton/codec/vector.hpp>
#include <proton/symbol.hpp>
#include <proton/timestamp.hpp>
#include <proton/type_id.hpp>
#include <proton/uuid.hpp>
#include <proton/value.hpp>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace amqmesh::cli {

namespace {

constexpr int kNestingMax = 32;

Json to_json(const proton::value& value, int depth);

std::string utf8_or_hex(const std::string& bytes) {
    // dump() of invalid UTF-8 throws, so text that is none is shown by its bytes.
    try {
        static_cast<void>(Json(bytes).dump());
        return bytes;
    } catch (const Json::exception&) {
        std::string hex = "0x";
        for (char byte : bytes) {
            hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
        }
        return hex;
    }
}

Json map_to_json(const proton::value& value, int depth) {
    Json object = Json::object();
    std::vector<std::pair<proton::value, proton::value>> entries;
    proton::get(value, entries);
    for (const auto& entry : entries) {
        Json key = to_json(entry.first, depth + 1);
        object[key.is_string() ? key.get<std::string>() : key.dump()] =
            to_json(entry.second, depth + 1);
    }
    return object;
}

Json list_to_json(const proton::value& value, int depth) {
    Json array = Json::array();
    std::vector<proton::value> items;
    proton::get(value, items);
    for (const proton::value& item : items) {
        array.push_back(to_json(item, depth + 1));
    }
    return array;
}

Json to_json(const proton::value& value, int depth) {
    if (depth > kNestingMax) {
        return nullptr;
    }
    switch (value.type()) {
        case proton::BOOLEAN:
            return proton::get<bool>(value);
        case proton::UBYTE:
        case proton::USHORT:
        case proton::UINT:
        case proton::ULONG:
            return proton::coerce<std::uint64_t>(value);
        case proton::BYTE:
        case proton::SHORT:
        case proton::INT:
        case proton::LONG:
            return proton::coerce<std::int64_t>(value);
        case proton::FLOAT:
        case proton::DOUBLE:
            return proton::coerce<double>(value);
        case proton::TIMESTAMP:
            return proton::get<proton::timestamp>(value).milliseconds();
        case proton::STRING:
            return utf8_or_hex(proton::get<std::string>(value));
        case proton::SYMBOL:
            return utf8_or_hex(proton::get<proton::symbol>(value));
        case proton::BINARY:
            return utf8_or_hex(std::string(proton::get<proton::binary>(value)));
        case proton::UUID:
            return proton::get<proton::uuid>(value).str();
        case proton::MAP:
            return map_to_json(value, depth);
        case proton::LIST:
        case proton::ARRAY:
            return list_to_json(value, depth);
        case proton::NULL_TYPE:
        case proton::CHAR:
        case proton::DECIMAL32:
        case proton::DECIMAL64:
        case proton::DECIMAL128:
        case proton::DESCRIBED:
            break;
    }
    return nullptr;
}

}  // namespace

Json to_json(const proton::value& value) {
    try {
        return to_json(value, 0);
    } catch (const proton::error&) {
        return nullptr;  // a value of a shape that the binding cannot decode
    }
}

proton::value to_amqp(const Json& json) {
    proton::value value;
    if (json.is_object()) {
        std::vector<std::pair<std::string, proton::value>> entries;
        for (const auto& item : json.items()) {
            entries.emplace_back(item.key(), to_amqp(item.value()));
        }
        value = entries;
    } else if (json.is_array()) {
        std::vector<proton::value> items;
        for (const Json& item : json) {
            items.push_back(to_amqp(item));
        }
        value = items;
    } else if (json.is_boolean()) {
        value = json.get<bool>();
    } else if (json.is_number_unsigned() &&
               json.get<std::uint64_t>() >
                   static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        value = json.get<std::uint64_t>();
    } else if (json.is_number_integer()) {
        value = json.get<std::int64_t>();
    } else if (json.is_number_float()) {
        value = json.get<double>();
    } else if (json.is_string()) {
        value = json.get<std::string>();
    }
    return value;  // still null for null
}

std::string to_text(const Json& json) {
    if (json.is_null()) {
        return "-";
    }
    if (json.is_boolean()) {
        return json.get<bool>() ? "yes" : "no";
    }
    if (json.is_string()) {
        return json.get<std::string>();
    }
    if (json.is_array()) {
        std::string text;
        for (const Json& item : json) {
            text += (text.empty() ? "" : ", ") + to_text(item);
        }
        return text;
    }
    return json.dump();
}

}  // namespace amqmesh::cli
