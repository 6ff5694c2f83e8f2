// The entrance of the control-message fuzzer: what a neighbour could send to a node.
#pragma once

#include <cstddef>
#include <cstdint>

namespace amqmesh::fuzz {

/// The input is a sequence of (kind, length, bytes): raw control messages, or bodies of LSPs and
/// address steps that get a correct hash, so that mutations reach behind it. Anything goes, but the
/// node's invariants must hold after each.
void feed_control(const std::uint8_t* data, std::size_t size);

}  // namespace amqmesh::fuzz
