// What this node knows about each AMQP link beyond the engine's own state.
#pragma once

#include "link/amqp_types.h"
#include "link/control_messages.h"
#include "link/delivery.h"
#include "link/origin_counts.h"
#include "link/settle_figures.h"
#include "routing/address_key.h"
#include "routing/forwarding_table.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace amqmesh::link {

/// What a link is for.
enum class LinkPurpose : std::uint8_t {
    kNone,
    kEndpoint,   ///< a client's, with an address
    kAnonymous,  ///< a client's sender without target address: `to` of each message decides
    kControl,    ///< routing protocol with a neighbour
    kShortLane,  ///< neighbour's single-frame deliveries
    kStreamLane  ///< neighbour's multi-frame deliveries, one at a time
};

struct LinkCounters {
    std::uint64_t deliveries = 0, presettled = 0, dropped_presettled = 0;
    std::uint64_t accepted = 0, rejected = 0, released = 0, modified = 0;
    AgeCounters ages;
    SettleRate rate;

    void count(Outcome outcome);

    void settled(Time now, Time begun, bool was_stuck) {
        ages.settled(now - begun, was_stuck);
        rate.count(now);
    }
};

/// Deliveries in one of an outgoing link's stages, in order (indices into the plane's slab).
struct DeliveryList {
    std::uint32_t head = kNoSlot, tail = kNoSlot;
    std::uint32_t size = 0;
};

/// Where in a lane's waiting list each priority class ends; what is being sent has left its class.
struct PriorityTails {
    PriorityTails() { last.fill(kNoSlot); }

    std::array<std::uint32_t, MeshLabel::kPriorities> last;
};

/// Peer sends, we receive.
struct IncomingLink {
    std::uint32_t generation = 0;
    LinkPurpose purpose = LinkPurpose::kNone;
    std::string name;
    std::string key;  ///< canonical; empty for anonymous and lanes
    routing::AddressHash hash = 0;
    routing::RouterId router = 0;  ///< address names another router (kTopological)
    routing::Treatment treatment = routing::Treatment::kBalanced;
    ReceiverSettleMode receiver_settle_mode = ReceiverSettleMode::kFirst;
    std::uint8_t priority = MeshLabel::kPriorityOfHeader;  ///< or the configured one's class
    std::uint8_t offers_more =
        0;  ///< consumers that its messages may be offered to after the first
    std::uint32_t capacity = 0;
    std::uint32_t outstanding = 0;       ///< deliveries that have not left the mesh
    std::uint32_t watched_at = kNoSlot;  ///< place among Plane::watchers of its address
    std::uint32_t newest = kNoSlot;  ///< of its deliveries that are not forgotten (slots, a list)
    bool blocked = false;            ///< told so
    bool stuck_told = false;         ///< of its deliveries
    bool starved = false;            ///< waits for memory: in StarvedLinks
    std::size_t mean_bytes = 0;      ///< of the first frames of its deliveries, exponential
    bool routable = false;           ///< as of routable_generation's table
    std::uint64_t routable_generation = 0;
    bool credit_queued = false;  ///< on the plane's list of links to renew
    std::uint32_t cursor = 0;    ///< round robin
    std::uint32_t sequence = 0;  ///< of the mesh label
    std::uint32_t lane = 0;      ///< stream lane in use, sticky while deliveries are open
    Time attached_at = 0;
    Time zero_credit_since = 0;
    LinkCounters counters;
    std::uint64_t container_deliveries = 0;  ///< of counters: in the sums for route containers

    /// Valid for one table generation.
    struct RouteCache {
        std::uint64_t generation = 0;
        const routing::AddressRoute* route = nullptr;
        MeshLabel label;               ///< what all deliveries of the link have in common
        routing::RouterId router = 0;  ///< the only one that they can go to over the mesh, or 0 ...
        ConnectionId next_hop;         ///< ... and the way there
        std::uint32_t outstanding = 0;  ///< its slot in the OutstandingBook, if that counts
    };

    RouteCache cache;
    AddressCounters* address_counters = nullptr;  // the plane's; lanes: of the last address
};

/// We send, peer receives.
struct OutgoingLink {
    std::uint32_t generation = 0;
    LinkPurpose purpose = LinkPurpose::kNone;
    std::string name;
    std::string key;
    routing::AddressHash hash = 0;
    routing::Treatment treatment = routing::Treatment::kBalanced;
    SenderSettleMode settle_mode = SenderSettleMode::kMixed;
    std::uint32_t gauge = 0;
    std::uint32_t lane = 0;  ///< number of a stream lane
    bool attached = false;   ///< answered (lanes: usable)
    bool drain = false;
    bool blocked = false;                  ///< told so
    bool stuck_told = false;               ///< of its deliveries
    bool stall_watched = false;            ///< multicast copies wait ...
    bool stalled = false;                  ///< ... or are given up (link/forwarder_stalls.cpp)
    bool silence_watched = false;          ///< many multicast copies have no answer ...
    bool silent = false;                   ///< ... and are not waited for (forwarder_silence.cpp)
    std::uint32_t tag = 0;                 ///< of the next delivery
    DeliveryList waiting;                  ///< kWaiting and kSending (first only)
    std::unique_ptr<PriorityTails> tails;  ///< lanes only: their waiting list is by priority
    DeliveryList sent;                     ///< kSent
    Time attached_at = 0;
    Time zero_credit_since = 0;                   ///< 0: it has credit
    Time moved_at = 0;                            ///< stall_watched: when bytes last went out
    AddressCounters* address_counters = nullptr;  // the plane's
    LinkCounters counters;
    std::uint64_t container_deliveries = 0;  ///< of counters: in the sums for route containers
    OriginCounts origins;                    ///< of those that came from other routers
};

}  // namespace amqmesh::link
