// What the fuzz target and the replay of its corpus have in common.
#pragma once

#include <cstddef>
#include <span>

namespace amqmesh::fuzz {

/// Runs a server engine over `input`; aborts when it breaks a promise.
void feed_engine(std::span<const std::byte> input);

}  // namespace amqmesh::fuzz
