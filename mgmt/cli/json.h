// The tool's one data type for management values: JSON that keeps the order of map entries.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace proton {
class value;
}

namespace amqmesh::cli {

using Json = nlohmann::ordered_json;

/// AMQP value (1.0, section 1.6) as JSON. Binary and uuid become text, timestamps milliseconds,
/// map keys text; what JSON cannot say becomes null. Never throws; nesting beyond 32 is cut off.
Json to_json(const proton::value& value);

/// JSON as AMQP value: integers as long (ulong beyond its range), objects as maps, arrays as lists.
proton::value to_amqp(const Json& json);

/// `json` as people read it in a table: "-" for null, yes/no, lists joined by ", ".
std::string to_text(const Json& json);

}  // namespace amqmesh::cli
