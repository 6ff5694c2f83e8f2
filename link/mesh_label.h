// The routing data of a delivery between two of our nodes, carried as its delivery-tag
// (DESIGN 4.1).
//
// Fixed layout, big-endian, 32 bytes:
//   0      version (high nibble; 2: no delivery but a hint of demand, link/demand.h), pre-settled
//   (lowest bit), priority class exclusive-or the default
//          one (the three bits above)
//   1      hop limit
//   2..3   flow hash (anycast) or topology digest (multicast)
//   4..7   sequence of the ingress router; of an anycast delivery bits 23..25 say how many
//          consumers more it may be offered to, if the first one releases it; bit 22: one has
//   8..15  ingress router id
//   16..23 egress router id; 0: multicast
//   24..31 address hash
// The ingress node stamps it, transit lowers the hop limit, nobody touches the message.
#pragma once

#include "routing/types.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace amqmesh::link {

/// Eight classes of AMQP's ten priorities; both ends share one (AMQP 3.2.1): 0-1, 2, 3, … 7, 8-9.
constexpr std::uint8_t priority_class(std::uint8_t priority) {
    return static_cast<std::uint8_t>(std::clamp<unsigned>(priority, 1, 8) - 1);
}

struct MeshLabel {
    static constexpr std::size_t kPriorities = 8;
    static constexpr std::uint8_t kDefaultPriority = priority_class(4);
    static constexpr std::uint8_t kPriorityOfHeader = 0xff;  ///< not looked up yet
    static constexpr std::size_t kBytes = 32;
    static constexpr std::uint8_t kVersion = 1;
    static constexpr std::uint8_t kHintVersion = 2;
    using Bytes = std::array<std::byte, kBytes>;

    bool hint = false;        ///< `sequence` deliveries can be handed out at once at `ingress`
    bool presettled = false;  ///< the sender wants no outcome: the egress node sends it on settled
    std::uint8_t priority = kPriorityOfHeader;  ///< class; higher ones go first
    std::uint8_t hop_limit = 0;
    std::uint16_t flow = 0;
    std::uint32_t sequence = 0;
    routing::RouterId ingress = 0;
    routing::RouterId egress = 0;
    routing::AddressHash address = 0;

    [[nodiscard]] bool multicast() const { return egress == 0; }

    /// Sequence of an anycast delivery: worker, offers, number.
    static constexpr unsigned kOffersShift = 23;
    static constexpr unsigned kOffersMax = 7;
    static constexpr std::uint32_t kAgainBit = 1U << (kOffersShift - 1);
    static constexpr std::uint32_t kNumberMask = kAgainBit - 1;

    [[nodiscard]] std::uint8_t offers() const {
        return static_cast<std::uint8_t>(sequence >> kOffersShift & kOffersMax);
    }

    /// Of an anycast delivery: somebody has released it already. Only where it is known who may
    /// another one be sought.
    [[nodiscard]] bool again() const { return (sequence & kAgainBit) != 0; }

    void set_again() { sequence |= kAgainBit; }

    void set_offers(std::uint8_t offers) {
        sequence = (sequence & ~(kOffersMax << kOffersShift)) | std::uint32_t{offers}
                                                                    << kOffersShift;
    }

    [[nodiscard]] Bytes encode() const;
    /// Nothing: not 32 bytes, another version, or no ingress or address.
    static std::optional<MeshLabel> decode(std::span<const std::byte> tag);
};

}  // namespace amqmesh::link
