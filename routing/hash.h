// The 64-bit hash behind every digest of the control plane: SipHash-2-4 under a fixed, mesh-wide
// key. A plain checksum would let differing databases cancel out in the XOR of their records.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace amqmesh::routing {

std::uint64_t hash_bytes(std::string_view bytes);
std::uint64_t hash_words(std::initializer_list<std::uint64_t> words);

/// Folds values into one hash, in order.
class Hasher {
  public:
    Hasher& add(std::uint64_t value);

    [[nodiscard]] std::uint64_t value() const { return state_; }

  private:
    std::uint64_t state_ = 0x243f6a8885a308d3ULL;
};

}  // namespace amqmesh::routing
