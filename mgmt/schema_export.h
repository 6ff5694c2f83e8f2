// The schema table in the forms that others read.
#pragma once

#include "mgmt/schema.h"
#include "mgmt/value.h"

#include <string>
#include <vector>

namespace amqmesh::mgmt {

/// The form of GET-SCHEMA: {prefix, entityTypes: {name: {description, operations, attributes, …}}}.
Value schema_value();

/// Long names of the types that `type` extends, nearest first.
std::vector<std::string> bases_of(const EntityType& type);

/// Names of the operations that management offers for the type.
std::vector<std::string> operations_of(const EntityType& type);

/// The configuration reference as Markdown.
std::string schema_markdown();

}  // namespace amqmesh::mgmt
