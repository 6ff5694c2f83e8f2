// From an incoming delivery to its copies and back (DESIGN 2.1 step 5): the only place that pairs
// the two halves of a delivery, on one worker or across two.
//
// Every delivery gets exactly one outcome: from its consumer, or released when it was never sent,
// or modified(delivery-failed) when it was sent and its link was lost before an outcome came.
#pragma once

#include "link/connection.h"
#include "link/cross_worker.h"
#include "link/delivery.h"
#include "link/links.h"
#include "link/plane.h"
#include "link/tree_cache.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace amqmesh::link {

class Forwarder {
  public:
    explicit Forwarder(Plane& plane) : plane_(plane) {}

    // -- receiving side ---------------------------------------------------------------------------
    void on_transfer(Connection& connection, IncomingLink& link, Transfer& transfer);
    /// The message's sender settled (or gave a state for) a delivery.
    void on_sender_disposition(std::uint64_t context, bool settled);
    /// Deliveries being received on the link end: what is incomplete is aborted downstream.
    void on_incoming_gone(Connection& connection, LinkIndex index, IncomingLink& link);

    // -- sending side -----------------------------------------------------------------------------
    void on_consumer_disposition(Connection& connection,
                                 std::uint64_t context,
                                 const DeliveryState& state,
                                 bool settled);
    /// The link may be writable again.
    void pump(Connection& connection, LinkIndex index);
    void on_outgoing_gone(Connection& connection, LinkIndex index, OutgoingLink& link);
    void update_gauge(Connection& connection, LinkIndex index, OutgoingLink& link);

    // -- others -----------------------------------------------------------------------------------
    void on_record(const Record& record, std::span<const std::byte> payload);
    /// A new table is in force: parked deliveries look for a way again.
    void on_table_changed();
    /// A message of the node itself, pre-settled.
    void originate(std::string_view address, std::span<const std::byte> message);
    /// Parked deliveries whose time is over are released. When to call next.
    std::optional<Time> tick();
    /// Marks a part of the deliveries that have become stuck. When to call next.
    std::optional<Time> sweep();
    /// Links without credit for more than 10 s.
    [[nodiscard]] static std::uint64_t blocked_links(Connection& connection, Time now);

    static constexpr Time kParkTime = 100 * routing::kMillisecond;
    static constexpr std::size_t kParkedMax = 65536;
    static constexpr std::size_t kCollectMax = 1U
                                               << 20U;  ///< for the node itself; addresses in front
    static constexpr std::size_t kKeptMax = 16U << 10U;  ///< messages kept for another try
    static constexpr std::uint8_t kAttemptsMax = 4;

  private:
    struct Payload {
        std::span<const std::byte> bytes;
        const ChunkRef* owner = nullptr;
        bool more = false;
    };

    // receiving side
    void begin_from_client(Connection& connection,
                           IncomingLink& link,
                           std::uint32_t slot,
                           const Payload& payload);
    void begin_from_mesh(Connection& connection,
                         IncomingLink& link,
                         std::uint32_t slot,
                         const Payload& payload);
    void continue_delivery(std::uint32_t slot, Transfer& transfer);
    void route_anonymous(std::uint32_t slot, const Payload& payload);
    void forward(std::uint32_t slot, const ConnectionId& arrival, const Payload& payload);
    void deliver_in_process(std::uint32_t slot);
    void abort_copies(IncomingDelivery& in);
    void unroutable(std::uint32_t slot);
    void settle(std::uint32_t slot, const DeliveryState& state);
    void count_outcome(const IncomingLink& link, Outcome outcome);
    void count_settled(IncomingDelivery& in, IncomingLink* link);
    /// The copy leaves its link's lists.
    void count_left(OutgoingLink& link, const OutgoingDelivery& out) const;
    void maybe_release_slot(std::uint32_t slot);
    void on_copy_outcome(const DeliveryId& origin,
                         std::uint16_t copy,
                         const DeliveryState& state,
                         bool final);
    void hold(IncomingDelivery& in, std::size_t bytes);
    void unhold(IncomingDelivery& in, std::size_t bytes);
    IncomingLink* link_of(const IncomingDelivery& in, Connection*& connection);

    // choosing (link/choose.cpp)
    const IncomingLink::RouteCache& cached_route(const Connection& connection,
                                                 LinkIndex index,
                                                 IncomingLink& link);
    void choose_from_client(IncomingDelivery& in,
                            IncomingLink& link,
                            const routing::AddressRoute* route);
    void choose_by_key(IncomingDelivery& in,
                       const routing::AddressRoute& route,
                       std::uint32_t& cursor);
    void choose_from_mesh(IncomingDelivery& in, IncomingLink& link, const ConnectionId& arrival);
    void choose_multicast(const routing::AddressRoute& route,
                          const MeshLabel& label,
                          const ConnectionId* arrival);
    void add_branches(const routing::Topology& topology,
                      const routing::AddressRoute& route,
                      routing::RouterId origin,
                      const ConnectionId* arrival);
    void add_neighbour(routing::AdjacencyId adjacency, const ConnectionId* arrival);
    Target pick_local(const routing::AddressRoute& route, std::uint32_t& cursor) const;
    Target towards(routing::RouterId router, std::uint64_t flow) const;
    [[nodiscard]] bool gone(const routing::LocalConsumer& consumer) const;
    /// Another way for a copy that was not sent; kNone: not now.
    Target choose_again(const OutgoingDelivery& out);
    static std::uint32_t local_gauge(const routing::AddressRoute& route, const Target& target);
    void forget_balanced(const IncomingDelivery& in);

    // sending side
    void offer(std::uint32_t slot,
               const Target& target,
               const ConnectionId& arrival,
               const Payload& payload);
    void place(std::uint32_t out_slot, const Target& target, const Payload& payload);
    void push(Connection& connection,
              LinkIndex index,
              OutgoingLink& link,
              std::uint32_t out_slot,
              const Payload& payload);
    void extend(std::uint32_t out_slot, const Payload& payload);
    using TagBytes = MeshLabel::Bytes;  // the longest tag

    OutboundDelivery outbound(OutgoingLink& link, std::uint32_t out_slot, TagBytes& tag);
    void started(OutgoingLink& link, OutgoingDelivery& out);
    void start(Connection& connection, LinkIndex index, OutgoingLink& link, std::uint32_t out_slot);
    /// A whole message on an idle link, the usual case. False: nothing was done.
    bool send_at_once(Connection& connection,
                      LinkIndex index,
                      OutgoingLink& link,
                      std::uint32_t out_slot,
                      const Payload& payload);
    void finish_sending(Connection& connection,
                        LinkIndex index,
                        OutgoingLink& link,
                        std::uint32_t out_slot);
    void keep(OutgoingDelivery& out, const Payload& payload, std::size_t already);
    void consumed(OutgoingDelivery& out, std::size_t bytes);
    void abort_copy(std::uint32_t out_slot);
    void redispatch(std::uint32_t out_slot);
    void retry(std::uint32_t slot);
    void park(std::uint32_t out_slot);
    void conclude(std::uint32_t out_slot, const DeliveryState& state);
    void tell_origin(const OutgoingDelivery& out, const DeliveryState& state, bool final);
    void settle_downstream(OutgoingDelivery& out);
    void on_sender_settled_here(std::uint32_t out_slot);
    void free_outgoing(std::uint32_t out_slot);
    void append(DeliveryList& list, std::uint32_t out_slot);
    void remove(DeliveryList& list, std::uint32_t out_slot);
    Record record_for(RecordKind kind, const OutgoingDelivery& out) const;
    void post(std::uint16_t worker, const Record& record, std::span<const std::byte> payload);

    Plane& plane_;
    std::vector<Target> targets_;  // scratch of one forward()
    std::uint32_t sequence_ = 0;
    Time next_sweep_ = 0;
    std::uint32_t swept_incoming_ = 0, swept_outgoing_ = 0;  // slots looked at in this sweep
    TreeCache trees_;
    // `balanced`: deliveries outstanding towards a remote router, by address and router.
    std::unordered_map<std::uint64_t, std::uint32_t> balanced_;
    std::vector<std::uint32_t> parked_;  // slots; bounded by kParkedMax
    // Copies sent here for other workers that more records may come for, by (origin, copy).
    std::map<std::pair<DeliveryId, std::uint16_t>, std::uint32_t> remote_;
};

}  // namespace amqmesh::link
