// A node's schema (the body of GET-SCHEMA) as people read it.
#pragma once

#include "mgmt/cli/json.h"
#include "mgmt/cli/table.h"

#include <string>

namespace amqmesh::cli {

/// Types, what one may do with them, and what they are. `types`: the schema's entityTypes.
Table schema_types_table(const Json& types);

/// The key of `name` in `types`, which may have the long form or be that of configuration files
/// ("address"); empty: there is none.
std::string find_schema_type(const Json& types, const std::string& name);

/// Why there is none of a type that is known and not supported; empty: it is supported, or unknown.
std::string schema_advice(const Json& types, const std::string& name);

/// Attributes with type, default and meaning; what is known but not supported says so.
std::string schema_type_text(const std::string& name, const Json& type);

}  // namespace amqmesh::cli
