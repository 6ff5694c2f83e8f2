// Control messages to bytes and back (routing/wire.proto), with every bound of ROUTING 1.11 that
// one message can break by itself. Total: any bytes give a value or a fault, never anything else.
#pragma once

#include "routing/messages.h"
#include "routing/node.h"

#include <string>
#include <string_view>

namespace amqmesh::routing {

enum class Fault : std::uint8_t { kNone, kMalformed, kOverLimit };

/// Highest order key that is believed: a wrong one must not push a router to the end of the range.
inline constexpr std::uint64_t kIncarnationMax = std::uint64_t{1} << 48U;
inline constexpr std::uint64_t kSequenceMax = std::uint64_t{1} << 48U;
/// 256 buckets per origin, by the top byte of hash_bytes(key).
inline constexpr std::uint32_t kBuckets = 256;

Fault decode(std::string_view bytes, const Limits& limits, Message& out);
Fault decode_lsp(std::string_view body, const Limits& limits, Lsp& out);
/// Whose LSP this is, told by the first bytes, as encode_lsp() writes them; 0: not told there.
RouterId leading_rid(std::string_view body);
Fault decode_delta(std::string_view body, const Limits& limits, AddressDelta& out);

std::string encode(const Hello& hello);
std::string encode(Flood flood);
std::string encode(const Summary& summary);
std::string encode(const Request& request);
std::string encode(const Goodbye& goodbye);
std::string encode_lsp(const Lsp& lsp);
std::string encode_delta(const AddressDelta& delta);

}  // namespace amqmesh::routing
