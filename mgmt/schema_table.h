// How the tables of schema_config.cpp and schema_operational.cpp are put together. Private to the
// schema.
#pragma once

#include "mgmt/schema.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace amqmesh::mgmt::table {

/// The attributes that every entity starts with.
template <std::size_t count>
constexpr std::array<Attribute, count + 3> entity(Access name_access,
                                                  const std::array<Attribute, count>& own) {
    std::array<Attribute, count + 3> all{};
    all[0] = {.name = "name",
              .access = name_access,
              .description = "Unique among the entities of its type; the identity if not given."};
    all[1] = {.name = "identity", .description = "Chosen by the node; unique and stable."};
    all[2] = {.name = "type", .description = "Name of the entity type, long form."};
    std::copy(own.begin(), own.end(), all.begin() + 3);
    return all;
}

// Advice that several attributes share.
inline constexpr std::string_view kNoTls =
    "TLS is not offered yet: bind to a loopback or private address, or put a TLS proxy in front";
inline constexpr std::string_view kNoPolicy =
    "policy is not offered yet: limit access by the address that a listener binds to";

std::span<const EntityType> configuration_types();
std::span<const EntityType> unsupported_types();
std::span<const EntityType> operational_types();

}  // namespace amqmesh::mgmt::table
