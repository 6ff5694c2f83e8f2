// From an incoming delivery to its copies and back (DESIGN 2.1 step 5): the only place that pairs
// the two halves of a delivery, on one worker or across two.
//
// Every delivery gets exactly one outcome: from its consumer, or released when it was never sent,
// or modified(delivery-failed) when it was sent and its link was lost before an outcome came.
#pragma once

#include "link/connection.h"
#include "link/cross_worker.h"
#include "link/delivery.h"
#include "link/demand.h"
#include "link/flow_pins.h"
#include "link/links.h"
#include "link/outstanding_book.h"
#include "link/plane.h"
#include "link/tree_cache.h"
#include "routing/detour.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace amqmesh::link {

class Forwarder {
  public:
    explicit Forwarder(Plane& plane) : plane_(plane), demand_(plane.shared->interest) {}

    // -- receiving side ---------------------------------------------------------------------------
    void on_transfer(Connection& connection, IncomingLink& link, Transfer& transfer);
    /// The message's sender settled (or gave a state for) a delivery.
    void on_sender_disposition(std::uint64_t context, bool settled);
    /// Deliveries being received on the link end: what is incomplete is aborted downstream.
    void on_incoming_gone(Connection& connection, IncomingLink& link);

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
    /// `owner`: who keeps the payload alive, or nullptr when it ends with the call.
    void on_record(const Record& record, std::span<const std::byte> payload, const ChunkRef* owner);
    /// The consumers of an address have changed: what waits behind one of them, unsent, may go to
    /// another.
    void reclaim(routing::AddressHash address);
    /// The same for all addresses: there may be new ways to consumers elsewhere.
    void reclaim_all();
    /// A new table is in force: parked deliveries look for a way again. `before`: the old one, when
    /// routes to routers have changed; else nullptr.
    void on_table_changed(const routing::ForwardingTable* before);
    /// End of a burst: what waits for consumers that have become free goes to them.
    void serve_demand();

    [[nodiscard]] bool demand_due() const { return !freed_.empty(); }

    /// End of a burst: flows whose old way is empty go on.
    void release_pins();

    [[nodiscard]] bool pins_due() const { return !unpinned_.empty(); }

    /// A message of the node itself, pre-settled. Dropped and counted when too many before it have
    /// not been taken (kOriginatedMax).
    void originate(std::string_view address, std::string&& message);
    /// Parked deliveries whose time is over are released. When to call next.
    std::optional<Time> tick();
    /// Marks a part of the deliveries that have become stuck. When to call next.
    std::optional<Time> sweep();
    /// Looks for links that have become blocked, some at a time. When to call next.
    std::optional<Time> watch_links();
    /// A link without credit for more than 10 s.
    [[nodiscard]] static bool is_blocked(Connection& connection, LinkIndex index, Time now);

    // For management.
    /// Adds what links of a route container have carried since the last time to the sums.
    void count_container(Connection& connection);
    void count_container(const Connection& connection, IncomingLink& link);
    void count_container(const Connection& connection, OutgoingLink& link);
    /// Deliveries that no link was found for yet, by the link (link_number) they came in on. Of
    /// very many only the first kUndeliveredSeen are counted.
    using CountsByLink = std::unordered_map<std::uint64_t, std::uint32_t>;
    [[nodiscard]] CountsByLink undelivered();

    [[nodiscard]] std::vector<Towards> towards_routers() const { return outstanding_.all(); }

    static std::uint64_t link_number(std::uint32_t connection, LinkIndex link) {
        return std::uint64_t{connection} << 32U | link;
    }

    static constexpr std::size_t kUndeliveredSeen = 65536;

    /// Deliveries of this worker whose sender has gone; further ones are given up.
    static constexpr std::size_t kLeftBehindMax = std::size_t{1} << 17U;

    static constexpr Time kNever = UINT64_MAX;
    static constexpr Time kExpiryStep = 10 * routing::kMillisecond;
    static constexpr Time kProbeInterval = 50 * routing::kMillisecond;
    static constexpr Time kParkTime = 100 * routing::kMillisecond;
    static_assert(routing::kNewsTime < kParkTime);
    static constexpr std::size_t kParkedMax = 65536;
    static constexpr std::size_t kCollectMax = 1U
                                               << 20U;  ///< for the node itself; addresses in front
    static constexpr std::size_t kKeptMax = 16U << 10U;  ///< messages kept for another try
    static constexpr std::uint8_t kAttemptsMax = 4;
    /// Messages of the node itself that may wait for the consumers of one address: so many, or so
    /// many bytes and one more. Of all addresses together, by worker: Plane::collecting_max().
    static constexpr std::uint32_t kOriginatedMax = 1000;
    static constexpr std::size_t kOriginatedBytesMax = 16U << 20U;
    /// Slots beyond keep no buffer for messages kept for another try while nobody uses them.
    static constexpr std::uint32_t kSlotsWithBuffer = 512;

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
    void count_transit(IncomingLink& link, IncomingDelivery& in);
    void continue_delivery(std::uint32_t slot, Transfer& transfer);
    void route_anonymous(std::uint32_t slot, const Payload& payload);
    void forward(std::uint32_t slot, const ConnectionId& arrival, const Payload& payload);
    void deliver_in_process(std::uint32_t slot);
    bool collect(std::uint32_t slot, const Payload& payload);
    void collect_no_more(IncomingDelivery& in);
    void abort_copies(IncomingDelivery& in);
    void unroutable(std::uint32_t slot);
    [[nodiscard]] bool may_originate(routing::AddressHash address) const;
    void count_originated(IncomingDelivery& in, std::size_t bytes);
    [[gnu::noinline]] void forget_originated(IncomingDelivery& in);
    void settle(std::uint32_t slot, const DeliveryState& state);
    void count_outcome(const IncomingLink& link, Outcome outcome);
    void count_dropped(const IncomingDelivery& in, IncomingLink* link, Outcome outcome);
    void count_settled(IncomingDelivery& in, IncomingLink* link);
    /// Remembered by the link once they are the address's own.
    AddressCounters& counters_of(IncomingLink& link);

    static bool is_temporary(std::string_view key) { return key.starts_with("Ltemp."); }

    /// The copy leaves its link's lists.
    void count_left(OutgoingLink& link, const OutgoingDelivery& out) const;
    void maybe_release_slot(std::uint32_t slot);
    void join_link(IncomingLink& link, std::uint32_t slot, IncomingDelivery& in);
    void leave_link(IncomingDelivery& in);
    void on_copy_outcome(const DeliveryId& origin,
                         std::uint32_t copy,
                         const DeliveryState& state,
                         bool final,
                         const ConsumerId& consumer);
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
    Target pick_local(const routing::AddressRoute& route, std::uint32_t& cursor);

    /// The remote router of the lowest value, and whether all of them are busy.
    struct RemoteChoice {
        routing::RouterId router = 0;
        std::uint64_t value = 0;
        std::uint32_t index = 0;
        std::uint32_t candidates = 0;
        bool busy = false;
    };

    RemoteChoice pick_remote(const routing::AddressRoute& route, std::uint32_t cursor) const;

    Target towards(routing::RouterId router, std::uint64_t flow) const {
        return towards(*plane_.table, router, flow);
    }

    static Target towards(const routing::ForwardingTable& table,
                          routing::RouterId router,
                          std::uint64_t flow);
    [[nodiscard]] bool gone(const routing::LocalConsumer& consumer) const;
    /// Another way for a copy that was not sent; kNone: not now.
    Target choose_again(const OutgoingDelivery& out);
    Target choose_for(const OutgoingDelivery& out);
    static std::uint32_t local_gauge(const routing::AddressRoute& route, const Target& target);
    void count_balanced(IncomingDelivery& in, routing::RouterId router);
    void forget_balanced(IncomingDelivery& in);

    // the usual case (link/forwarder_straight.cpp)
    struct Way {
        Connection* connection = nullptr;
        OutgoingLink* link = nullptr;  ///< nullptr: not plain to see
        LinkIndex index = 0;
        routing::RouterId egress = 0;  ///< 0: a consumer here
        bool crosses = false;          ///< to `far_`, over a connection of another worker
        /// Where it counts as outstanding towards `egress` (distribution balanced)
        OutstandingBook::Slot outstanding = OutstandingBook::kNone;
    };

    [[nodiscard]] Way way_to(const ConsumerId& consumer);
    [[nodiscard]] Way way_to_consumer(const routing::AddressRoute& route, std::uint32_t& cursor);
    [[nodiscard]] Way way_over(const ConnectionId& next_hop,
                               routing::RouterId router,
                               MeshLabel label);
    [[nodiscard]] Way plain_way(IncomingLink& link, const IncomingLink::RouteCache& cache);
    [[nodiscard]] Way plain_way_on(IncomingLink& lane,
                                   const MeshLabel& label,
                                   const ConnectionId& arrival);
    bool go_straight(std::uint32_t slot,
                     const Way& way,
                     const ConnectionId& arrival,
                     const Payload& payload);
    bool settle_straight(Connection& connection,
                         std::uint32_t out_slot,
                         OutgoingDelivery& out,
                         const DeliveryState& state);
    bool send_on(const Way& way,
                 std::uint32_t out_slot,
                 OutgoingDelivery& out,
                 const Payload& payload);
    void entered_mesh(IncomingDelivery& in,
                      routing::RouterId egress,
                      OutstandingBook::Slot outstanding,
                      const Payload& payload);
    static bool has_one_plain_copy(const IncomingDelivery& in);
    OutgoingDelivery& new_copy(const IncomingDelivery& in,
                               std::uint32_t out_slot,
                               std::uint32_t copy,
                               const ConnectionId& arrival);

    // the usual case across workers (link/forwarder_crossing.cpp)
    bool cross(std::uint32_t slot,
               const Way& way,
               const ConnectionId& arrival,
               const Payload& payload);
    bool take_straight(const Record& record, std::span<const std::byte> bytes);
    bool settle_across(Connection& connection,
                       std::uint32_t out_slot,
                       OutgoingDelivery& out,
                       const DeliveryState& state);
    bool take_outcome(const Record& record, std::span<const std::byte> raw);
    OutgoingDelivery& new_copy(const Record& record, std::uint32_t out_slot);
    void on_bytes_gone(const Record& record);

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

    static bool sends_settled(const OutgoingLink& link, const OutgoingDelivery& out);
    static std::span<const std::byte> tag_of(const OutgoingLink& link,
                                             const OutgoingDelivery& out,
                                             TagBytes& bytes);
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
    void go_on(std::uint32_t out_slot, const Target& target);
    void retry(std::uint32_t slot);
    /// Keeps the whole of a message that may have to be sent again from here.
    void keep_copy(IncomingDelivery& in, std::span<const std::byte> bytes);
    void park(std::uint32_t out_slot);
    /// Other routers may have consumers that the table does not name yet.
    [[nodiscard]] bool in_mesh() const;
    /// It was sent on credit that its address's last consumer left behind: another router's new
    /// one, whose attach is answered, may be on its way to this router's table (kParkTime).
    [[nodiscard]] bool consumer_may_come(const IncomingDelivery& in);
    [[gnu::noinline]] void conclude(std::uint32_t out_slot, const DeliveryState& state);
    void tell_origin(const OutgoingDelivery& out, const DeliveryState& state, bool final);
    void settle_downstream(OutgoingDelivery& out);
    void on_sender_settled_here(std::uint32_t out_slot);
    void free_outgoing(std::uint32_t out_slot);

    // waiting for free consumers (link/forwarder_demand.cpp)
    bool must_queue(const IncomingDelivery& in,
                    const ConnectionId& arrival,
                    const Payload& payload);
    /// True: its consumers here are busy and others' may be not; it goes back to where it came
    /// from.
    bool give_back(const IncomingDelivery& in);
    [[nodiscard]] bool can_go_back(const IncomingDelivery& in) const;
    [[nodiscard]] bool others_reachable(const routing::AddressRoute& route) const;
    void join_queue(std::uint32_t out_slot);
    void leave_queue(std::uint32_t out_slot);
    /// At the end of the burst: is somebody free for what waits?
    [[gnu::noinline]] void look_at(routing::AddressHash address);
    void compact_freed();
    /// When the consumers reserved for other routers are no longer.
    void look_again_later(routing::AddressHash address, DemandBook::Entry& entry);
    /// A consumer of this worker has become free: tells those who wait for that.
    [[gnu::noinline]] void note_free(routing::AddressHash address);
    void serve(routing::AddressHash address);
    /// At most so many to consumers of this router.
    void serve_queue(routing::AddressHash address, std::uint32_t local_max);
    [[nodiscard]] std::uint32_t free_places(routing::AddressHash address) const;
    void send_hint(routing::AddressHash address, routing::RouterId router, std::uint32_t free);
    void on_hint(const MeshLabel& label);
    void take_hint(const MeshLabel& label);
    /// A copy came back because its consumers were busy. False: it is to be settled so.
    bool on_busy(std::uint32_t slot);
    void try_again(std::uint32_t slot);
    /// To the worker where it came in, for somebody else.
    void send_back(const Record& offer, std::span<const std::byte> payload);
    void on_return(const Record& record, std::span<const std::byte> payload);
    /// The consumer of an offer from another worker has credit.
    [[nodiscard]] bool has_room(const Target& target);
    std::optional<Time> tick_demand();

    // a consumer's drain (link/forwarder_drain.cpp)
    [[gnu::noinline]] void on_drain(Connection& connection, LinkIndex index, OutgoingLink& link);
    void end_drain(Connection& connection, LinkIndex index, OutgoingLink& link);
    std::optional<Time> answer_drains();
    void reset_choice();

    // other consumers for what one has released (link/forwarder_offers.cpp)
    void prepare_offers(IncomingDelivery& in, const Payload& payload);
    /// True: it was released and somebody else is asked, or whoever can do that is told.
    bool offer_to_another(std::uint32_t slot,
                          const DeliveryState& state,
                          const ConsumerId& consumer);
    [[nodiscard]] bool another_exists(const IncomingDelivery& in) const;
    /// The word on a delivery that somebody has released and nobody else could be found for.
    [[nodiscard]] DeliveryState after_refusals(const IncomingDelivery& in,
                                               const DeliveryState& state) const;
    [[nodiscard]] ConsumerId consumer_of(const OutgoingDelivery& out);

    [[nodiscard]] bool refused(const routing::LocalConsumer& consumer) const {
        return refusals_ != nullptr && refusals_->has(consumer.id);
    }

    // order across a change of the table (link/forwarder_pins.cpp)
    [[nodiscard]] Target way_of(const IncomingDelivery& in,
                                const routing::ForwardingTable& before) const;
    void pin_flows(const routing::ForwardingTable& before);
    [[gnu::noinline]] void unpin(IncomingDelivery& in);
    /// Its flow is pinned: the target becomes kHeld.
    bool hold_back(const IncomingDelivery& in, const Payload& payload);
    [[nodiscard]] bool waits_for(const FlowKey& key, const ConnectionId& arrival) const;
    void join_pin(std::uint32_t out_slot);
    /// Parked, or held back: off the list.
    void leave_parked(std::uint32_t out_slot);
    /// Those whose flows are pinned join them; returned are the others.
    DeliveryList join_pins(const DeliveryList& parked);
    void release_pin(const FlowKey& key);
    std::optional<Time> tick_parked();
    std::optional<Time> tick_pins();
    /// For what its route leads back to where it came from: another way, or in fact back. No kind:
    /// it has to wait. `news_over`: it has waited for news.
    Target way_round(const MeshLabel& label, const ConnectionId& arrival, bool news_over);

    // time to live (link/forwarder_time.cpp)
    /// The copy begins to wait here, or goes on waiting somewhere else.
    void note_waiting(std::uint32_t out_slot);
    /// Before it goes on. False: no time is left.
    bool take_off_ttl(OutgoingDelivery& out);
    /// Ends a copy that is on no list.
    void expire(std::uint32_t out_slot);
    std::optional<Time> expire_due();

    // consumers that take nothing (link/forwarder_stalls.cpp)
    [[nodiscard]] Time patience_of(const OutgoingLink& link) const;
    /// A multicast copy waits at the link.
    void watch_stall(const Connection& connection, LinkIndex index, OutgoingLink& link);
    [[nodiscard]] bool may_stall(const OutgoingLink& link) const;
    std::optional<Time> tick_stalls();
    void give_up_waiting(Connection& connection, LinkIndex index, OutgoingLink& link);
    /// Ends a copy that is on no list.
    void give_up(std::uint32_t out_slot, bool begun);

    // consumers that answer nothing (link/forwarder_silence.cpp)
    /// As many as that have no answer: looks whether one comes.
    [[gnu::noinline]] void watch_silence(const OutgoingDelivery& out);
    std::optional<Time> tick_silence();
    void give_up_unanswered(Connection& connection, OutgoingLink& link);
    /// Of a link that is silent: the copy's answer is waited for, to see whether one comes.
    static bool probes(const OutgoingLink& link, const OutgoingDelivery& out);
    /// The copy is not for it.
    static bool passes_over(const OutgoingLink& link, const OutgoingDelivery& out);

    void append(DeliveryList& list, std::uint32_t out_slot);
    /// Into and out of the link's waiting list.
    void enqueue(OutgoingLink& link, std::uint32_t out_slot);
    void dequeue(OutgoingLink& link, std::uint32_t out_slot);
    void leave_priority(OutgoingLink& link, std::uint32_t out_slot);
    void remove(DeliveryList& list, std::uint32_t out_slot);
    /// The multicast copies that are on the list now; what is done to one may end others, which are
    /// then left out.
    void for_each_multicast(const DeliveryList& list,
                            const std::function<void(std::uint32_t, OutgoingDelivery&)>& visit);
    Record record_for(RecordKind kind, const OutgoingDelivery& out) const;
    [[gnu::noinline]] void post(std::uint16_t worker,
                                const Record& record,
                                std::span<const std::byte> payload);
    /// One of several copies of a payload: it crosses once. REQUIRES: share_payload() before the
    /// first one, and nothing but copies of it until the last.
    void post_copy(std::uint16_t worker, Record& record, std::span<const std::byte> payload);
    void share_payload();
    static void put_apart(CrossBatch& batch,
                          std::size_t record_at,
                          std::span<const std::byte> payload);

    // what its sender has left behind (link/forwarder_left.cpp)
    /// Nobody waits for the delivery's outcome any more; it may end thereby.
    [[gnu::noinline]] void leave_behind(std::uint32_t slot);
    void give_up_delivery(std::uint32_t slot);
    void take_given_up(const Record& record);
    void end_given_up();

    Plane& plane_;
    std::vector<Target> targets_;         // scratch of one forward()
    bool none_free_ = false;              // all destinations were busy when targets_ was filled ...
    bool choice_ = false;                 // ... and there was more than one
    Target far_;                          // of a Way that crosses
    const Refusals* refusals_ = nullptr;  // of the delivery being chosen for
    DemandBook demand_;
    // To be served at the end of the burst. Made unique whenever it has doubled: at most twice the
    // different addresses of the burst, and kFreedMin.
    std::vector<routing::AddressHash> freed_;
    static constexpr std::size_t kFreedMin = 1024;
    std::size_t freed_compact_at_ = kFreedMin;
    Time next_probe_ = 0;

    struct Drain {
        ConsumerId consumer;
        Time until = 0;
    };

    std::vector<Drain> draining_;  // consumers whose drain is not answered yet
    // When free places that waiters were told of are looked at again: ascending, one per address
    // that is being waited for, at most DemandBook::kAddressesMax (beyond, the probe looks).
    std::deque<std::pair<Time, routing::AddressHash>> rechecks_;
    std::uint32_t sequence_ = 0;
    void note_trouble(report::LinkTrouble::Kind kind, const LinkKey& key, bool incoming);
    void tell_troubles();

    struct Trouble {
        report::LinkTrouble::Kind kind;
        LinkKey key;
        bool incoming;
    };

    static constexpr std::size_t kTroublesTold = 8;  // per turn
    std::vector<Trouble> troubles_;                  // of this turn; that many at most
    std::uint64_t troubles_more_ = 0;
    Time next_watch_ = 0;
    std::uint32_t watched_ = 0;  // connections looked at in this round
    Time next_sweep_ = 0;
    std::uint32_t swept_incoming_ = 0, swept_outgoing_ = 0;  // slots looked at in this sweep
    TreeCache trees_;
    OutstandingBook outstanding_;

    struct Expiry {
        Time at;
        std::uint32_t slot, generation;

        /// For heaps that have the first to expire in front.
        bool operator<(const Expiry& other) const { return at > other.at; }
    };

    [[nodiscard]] bool waits(const Expiry& expiry) const;
    // A heap. Those that have gone on stay until it has twice as many entries as there are
    // deliveries, and kExpiriesMin.
    std::vector<Expiry> expiries_;
    static constexpr std::size_t kExpiriesMin = 1024;
    Time next_expiry_ = 0;  // looked at then at the earliest

    struct WatchedStall {
        LinkKey key;
        Time patience;
    };

    std::vector<WatchedStall> watched_stalls_;  // links; each at most once (stall_watched)
    Time next_stall_ = kNever;

    struct WatchedSilence {
        LinkKey key;
        Time patience;
        Time due;
        std::uint64_t answers;  // of the link, when it was looked at last
    };

    /// Without an answer a link may have so many multicast copies: what a sender may have by
    /// default.
    static constexpr std::uint32_t kUnansweredMax = kDefaultLinkCapacity;
    std::vector<WatchedSilence> watched_silences_;  // links; each at most once (silence_watched)
    Time next_silence_ = kNever;
    DeliveryList parked_;              // bounded by kParkedMax
    std::map<FlowKey, FlowPin> pins_;  // bounded by the deliveries under way
    std::size_t held_back_ = 0;        // slots in all pins; bounded by kParkedMax
    std::vector<FlowKey> unpinned_;    // have nothing under way any more
    routing::Detours detours_;
    std::uint64_t graph_ = 0;  // its digest
    Time graph_changed_at_ = 0;
    std::vector<bool> has_payload_;  // workers, of the payload that copies are made of
    std::size_t left_behind_ = 0;    // deliveries

    using CopyId = std::pair<DeliveryId, std::uint32_t>;
    static constexpr std::size_t kGivenUpMax = 8192;
    std::vector<CopyId> given_up_;  // copies for other workers, to be looked for

    struct Originated {
        std::uint32_t messages = 0;
        std::size_t bytes = 0;
    };

    // Messages of the node itself that are under way, by address: those that have some.
    std::unordered_map<routing::AddressHash, Originated> originated_;
    std::size_t originated_bytes_ = 0;  // of all of them
    // Copies sent here for other workers that more records may come for, by (origin, copy).
    std::map<CopyId, std::uint32_t> remote_;
};

}  // namespace amqmesh::link
