// UTF-8 (RFC 3629): text that leaves as an AMQP or JSON string must be well-formed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace amqmesh::mgmt {

/// Length of the well-formed sequence at the start of non-empty text, 0 if there is none.
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

/// Each byte that is no part of a well-formed sequence becomes U+FFFD.
std::string to_utf8(std::string_view text);

}  // namespace amqmesh::mgmt
