// The entrance of the management fuzzer: what anybody who may send to $management could send.
#pragma once

#include <cstddef>
#include <cstdint>

namespace amqmesh::fuzz {

/// The input is one message for the agent; input that begins with '/' is the target of an HTTP
/// request instead. Anything goes, but a request gets at most one response, and that is a message.
/// Aborts otherwise. Returns whether there was one.
bool feed_mgmt(const std::uint8_t* data, std::size_t size);

}  // namespace amqmesh::fuzz
