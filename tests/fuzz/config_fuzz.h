// What the fuzz target and the replay of its corpus have in common.
#pragma once

#include <cstddef>
#include <span>

namespace amqmesh::fuzz {

/// Loads `input` as a configuration file; aborts when the result breaks a promise.
void feed_config(std::span<const std::byte> input);

}  // namespace amqmesh::fuzz
