// How an answer names types and addresses. The successor of the reference, skupper-router, renamed
// the prefix of all types and dropped the phase from the keys of addresses; its tools (skstat,
// skmanage) ask by the new names and are answered with them. Private to the agent.
#pragma once

#include "mgmt/schema.h"
#include "mgmt/value.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace amqmesh::mgmt {

enum class Dialect : std::uint8_t { kReference, kSuccessor };

/// By the prefix of the type that a request names; the reference's if it names none.
Dialect dialect_of(std::string_view type_name);

/// "org.apache.qpid.dispatch.listener" -> "io.skupper.router.listener"; other names stay.
std::string renamed(std::string name, Dialect dialect);
/// The other way.
std::string reference_name(std::string_view name);

/// An attribute of an entity as it is told, also its `type`, which rows do not have.
Value told(const Row& row, std::size_t attribute, Dialect dialect);

/// The key by which we know an address that the asker calls `key` ("Mnews" -> "M0news").
std::string known_key(std::string_view key, Dialect dialect);

}  // namespace amqmesh::mgmt
