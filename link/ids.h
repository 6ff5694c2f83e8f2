// Names of objects that live on another worker. Nothing crosses threads but these.
#pragma once

#include "routing/forwarding_table.h"

#include <compare>
#include <cstdint>

namespace amqmesh::link {

using routing::ConnectionId;
using routing::ConsumerId;

/// A delivery being received, on the worker that receives it.
struct DeliveryId {
    std::uint16_t worker = 0;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;

    auto operator<=>(const DeliveryId&) const = default;
};

}  // namespace amqmesh::link
