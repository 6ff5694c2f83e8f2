// The two halves of a delivery inside this node.
//
// IncomingDelivery lives on the worker that receives it, from its first frame until it is both
// wholly received and settled. It has one copy per destination (one for anycast); each copy is an
// OutgoingDelivery on the worker of the link that sends it. Copies on the same worker are known by
// slot; others by their number, through records (link/cross_worker.h).
#pragma once

#include "link/amqp_types.h"
#include "link/content.h"
#include "link/control_messages.h"
#include "link/engine.h"
#include "link/ids.h"
#include "link/mesh_label.h"
#include "link/slab.h"
#include "routing/address_settings.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::link {

/// Where a copy goes: to a local consumer's link, or to a neighbour over one of its lanes.
struct Target {
    enum class Kind : std::uint8_t { kNone, kConsumer, kNeighbour, kInProcess, kQueue, kHeld };

    Kind kind = Kind::kNone;
    ConsumerId consumer;           // kConsumer
    ConnectionId neighbour;        // kNeighbour
    routing::RouterId egress = 0;  // kNeighbour: stamped into the label; 0: multicast

    [[nodiscard]] std::uint16_t worker() const {
        return kind == Kind::kNeighbour ? neighbour.worker : consumer.connection.worker;
    }
};

/// An outcome kept beyond the call that brought it.
struct KeptState {
    Outcome outcome = Outcome::kNone;
    std::string raw;

    void set(const DeliveryState& state) {
        outcome = state.outcome;
        raw.assign(reinterpret_cast<const char*>(state.raw.data()), state.raw.size());
    }

    [[nodiscard]] DeliveryState view() const { return {outcome, std::as_bytes(std::span(raw))}; }
};

/// Encoded modified(delivery-failed=true), AMQP 3.4.5: what a sender is told when the consumer or
/// the way to it was lost after the message had been sent.
DeliveryState modified_failed();

/// What one of our nodes tells another when a delivery found no consumer: an outcome of our own, so
/// that it cannot be taken for a consumer's `released`. The node where the message entered the mesh
/// tries another consumer or tells its client `released` (DESIGN 4.1).
DeliveryState unreached();
[[nodiscard]] bool is_unreached(const DeliveryState& state);

/// The same for a delivery whose consumers were all busy while others may be free (link/demand.h).
DeliveryState busy();
[[nodiscard]] bool is_busy(const DeliveryState& state);

/// Encoded rejected outcome with an error (AMQP 3.4.3, 2.8.14). Texts of up to 200 bytes.
std::string encode_rejected(std::string_view condition, std::string_view description);

/// To the node where it entered the mesh: the consumers here released a delivery, and `left` other
/// ones may still be asked (link/forwarder_offers.cpp).
DeliveryState declined(std::uint8_t left);
/// Nothing: another state.
[[nodiscard]] std::optional<std::uint8_t> declined_left(const DeliveryState& state);

/// How many consumers a message may be offered to after the first one, by the address's rule.
[[nodiscard]] inline std::uint8_t offers_more(const routing::AddressRule& rule) {
    const auto more = std::max<unsigned>(rule.delivery_attempts, 1) - 1;
    return static_cast<std::uint8_t>(std::min(more, MeshLabel::kOffersMax));
}

/// Who has released a delivery.
struct Refusals {
    std::vector<ConsumerId> consumers;  ///< of this router
    std::vector<routing::RouterId> routers;

    [[nodiscard]] bool has(const ConsumerId& consumer) const {
        return std::ranges::find(consumers, consumer) != consumers.end();
    }

    [[nodiscard]] bool has(routing::RouterId router) const {
        return std::ranges::find(routers, router) != routers.end();
    }
};

struct Copy {
    std::uint16_t worker = 0;
    std::uint32_t slot = kNoSlot;  ///< on this worker only
    std::uint32_t generation = 0;
    bool done = false;
};

/// The copies of a delivery. The first is kept in place: nearly every delivery has just one.
class CopyList {
  public:
    [[nodiscard]] std::size_t size() const { return size_; }

    [[nodiscard]] const Copy& front() const { return first_; }

    Copy& operator[](std::size_t index) { return index == 0 ? first_ : rest_[index - 1]; }

    void push_back(const Copy& copy) {
        if (size_++ == 0) {
            first_ = copy;
        } else {
            rest_.push_back(copy);
        }
    }

    void clear() {
        size_ = 0;
        rest_.clear();
    }

  private:
    Copy first_;
    std::size_t size_ = 0;
    std::vector<Copy> rest_;
};

/// The part of IncomingDelivery that starts afresh with each delivery.
struct IncomingState {
    // Where it came in. Slots and generations: the link may be gone.
    std::uint32_t connection = kNoSlot;
    std::uint32_t connection_generation = 0;
    std::uint32_t link = 0;
    std::uint32_t link_generation = 0;
    SessionIndex session = 0;
    std::uint32_t delivery_id = 0;

    DeliveryId self;
    Time begun = 0;                      ///< when its first frame came
    AddressCounters* address = nullptr;  ///< where it is counted as outstanding, if it is

    bool stuck = false;           ///< counted as stuck
    bool sender_settled = false;  ///< no disposition is due on this hop
    bool presettled = false;      ///< the message's sender wants no outcome
    bool complete = false;        ///< last frame seen (or aborted)
    bool settled = false;         ///< our outcome is given; frames still to come are thrown away
    bool told = false;            ///< our outcome was told unsettled (second mode) ...
    bool awaits_sender = false;   ///< ... and the sender is to settle
    bool in_process = false;      ///< collected for the node itself in `collected`
    bool multicast = false;
    bool transit = false;       ///< came from a router and goes to one
    bool second_mode = false;   ///< the sender wants to settle last (AMQP 2.8.3)
    bool kept = false;          ///< all of it is in `collected`, for another try
    bool may_go_back = false;   ///< came over the mesh; the node it came from can try another one
    std::uint8_t attempts = 0;  ///< how often another consumer was looked for
    std::uint8_t offers_left = 0;  ///< how many consumers more may be asked if one releases it
    bool needs_address = false;    ///< anonymous: `collected` until properties.to is there
    std::uint32_t message_format = 0;
    bool left_behind = false;      ///< nobody waits for its outcome; counted so
    std::uint64_t held = 0;        ///< bytes counted by engine.hold(), of all copies
    std::uint32_t collecting = 0;  ///< bytes of `collected` counted in Plane::collecting
    std::uint32_t copies_open = 0;
    std::uint32_t newer = kNoSlot, older = kNoSlot;  // in the list of its link
    MeshLabel label;                                 // came over the mesh, or to be stamped
    routing::RouterId egress = 0;   ///< where `collected` was sent, if it is kept for another try
    Time kept_since = 0;            ///< when `collected` was kept for another try
    std::uint32_t outstanding = 0;  ///< slot of the OutstandingBook that counts it, or 0
    std::uint32_t originated = 0;   ///< bytes of a message of the node itself, as counted
    routing::RouterId pinned_egress = 0;  ///< under way there on a way that is no longer its flow's
};

struct IncomingDelivery : IncomingState {
    CopyList copies;    // these keep their storage when the slot is reused
    KeptState outcome;  // best so far
    /// Consumers and routers that have released it; none, usually. Bounded by its offers.
    std::unique_ptr<Refusals> refusals;
    /// Bytes kept here: up to the address of an anonymous message, a message for the node itself,
    /// or a copy of a short one on its way through the mesh, in case its consumer turns out to be
    /// gone.
    std::string collected;

    void reset() {
        static_cast<IncomingState&>(*this) = IncomingState{};
        copies.clear();
        outcome.outcome = Outcome::kNone;
        outcome.raw.clear();
        refusals.reset();
        collected.clear();
    }
};

/// The part of OutgoingDelivery that starts afresh with each delivery.
struct OutgoingState {
    enum class Stage : std::uint8_t {
        kParked,   ///< no link at the moment; waits for a route
        kQueued,   ///< waits for a free consumer of its address
        kWaiting,  ///< in its link's queue, nothing sent
        kSending,  ///< partly sent
        kSent      ///< wholly sent, unsettled
    };

    DeliveryId origin;
    std::uint32_t copy = 0;
    Stage stage = Stage::kParked;
    std::uint8_t tries = 0;      ///< targets that turned out to be gone, since the last table
    bool presettled = false;     ///< of the message
    bool send_settled = false;   ///< as transferred
    bool complete = false;       ///< all content has come
    bool streaming = false;      ///< came in several frames
    bool told_upstream = false;  ///< consumer's unsettled outcome was passed on (second mode)
    bool second_mode = false;    ///< the sender wants to settle last
    bool to_mesh = false;
    bool multicast = false;
    bool stuck = false;   ///< counted as stuck on its link
    bool pinned = false;  ///< kParked: on the list of its flow's pin
    Time begun = 0;       ///< when this worker got it
    std::uint32_t connection = kNoSlot;
    std::uint32_t link = 0;
    SessionIndex session = 0;
    std::uint32_t delivery_id = 0;
    std::uint32_t message_format = 0;
    std::uint32_t previous = kNoSlot, next = kNoSlot;  // in the link's list of its stage
    std::uint32_t progress = 0;  ///< bytes sent since the origin's worker was told
    ConnectionId arrival;        ///< neighbour it came from (bounce rule); generation 0: a client
    Time parked_until = 0;
    Time news_until = 0;          ///< parked on the way back: then it goes; 0: it did, or is not
    Time waiting_since = 0;       ///< 0: has not waited here
    Time expires_at = 0;          ///< by its header's ttl, once it waits; 0: never
    routing::RouterId avoid = 0;  ///< had no consumer just now; 0: none, or the table has changed
    MeshLabel label;              // address, and what is stamped when it goes to the mesh
};

struct OutgoingDelivery : OutgoingState {
    Content content;  // empty again when the slot is given back

    void reset() { static_cast<OutgoingState&>(*this) = OutgoingState{}; }
};

}  // namespace amqmesh::link
