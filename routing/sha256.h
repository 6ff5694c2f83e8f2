// SHA-256 (FIPS 180-4), for router identities: a few dozen bytes per router, so plain and small.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace amqmesh::routing {

std::array<std::uint8_t, 32> sha256(std::string_view bytes);

}  // namespace amqmesh::routing
