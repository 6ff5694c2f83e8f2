// Flows whose way has changed while deliveries were under way on the old one (ROUTING 1.5).
//
// Problem: deliveries of one sender's link to one router keep their order while they share a way.
//          On another way later ones could overtake earlier ones.
// Model:   when a new table gives a flow another next hop, what is under way on the old one is
//          counted; what follows is held back until all of that is settled, and goes on in order.
// Back:    what the old next hop sends back (routing/detour.h) is older than all that is held, and
//          counted: it goes on at once.
// Ends:    with the last of those under way, or after a time in which they have arrived unless they
//          stand still, whichever comes first.
// Cost:    nothing while no flow is pinned; a new table that changes routes costs a look at every
//          delivery under way.
#pragma once

#include "link/ids.h"
#include "link/links.h"
#include "routing/types.h"

#include <compare>
#include <cstdint>

namespace amqmesh::link {

struct FlowKey {
    routing::RouterId ingress = 0;
    routing::RouterId egress = 0;
    std::uint16_t flow = 0;  ///< which sender's link at the ingress (MeshLabel)

    auto operator<=>(const FlowKey&) const = default;
};

struct FlowPin {
    std::uint32_t under_way = 0;  ///< on the old way
    ConnectionId was;             ///< the old next hop; of several, the last
    routing::Time until = 0;      ///< then what is held goes on in any case
    DeliveryList held;            ///< in order; bounded by Forwarder::kParkedMax
};

}  // namespace amqmesh::link
