// The routing data of a delivery between two of our nodes, carried as its delivery-tag
// (DESIGN 4.1).
//
// Fixed layout, big-endian, 32 bytes:
//   0      version (high nibble) and flags (low nibble)
//   1      hop limit
//   2..3   flow hash (anycast) or topology digest (multicast)
//   4..7   sequence of the ingress router
//   8..15  ingress router id
//   16..23 egress router id; 0: multicast
//   24..31 address hash
// The ingress node stamps it, transit lowers the hop limit, nobody touches the message.
#pragma once

#include "routing/types.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace amqmesh::link {

struct MeshLabel {
    static constexpr std::size_t kBytes = 32;
    static constexpr std::uint8_t kVersion = 1;
    using Bytes = std::array<std::byte, kBytes>;

    bool presettled = false;  ///< the sender wants no outcome: the egress node sends it on settled
    std::uint8_t hop_limit = 0;
    std::uint16_t flow = 0;
    std::uint32_t sequence = 0;
    routing::RouterId ingress = 0;
    routing::RouterId egress = 0;
    routing::AddressHash address = 0;

    [[nodiscard]] bool multicast() const { return egress == 0; }

    [[nodiscard]] Bytes encode() const;
    /// Nothing: not 32 bytes, another version, or no ingress or address.
    static std::optional<MeshLabel> decode(std::span<const std::byte> tag);
};

}  // namespace amqmesh::link
