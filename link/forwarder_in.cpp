// The receiving half: a transfer arrives, becomes copies, and its outcome goes back. [data path 4,
// 5]
#include "link/forwarder.h"
#include "link/message_scan.h"
#include "routing/address_key.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

namespace amqmesh::link {

namespace {

/// Rank of an outcome among the copies of a multicast delivery (DESIGN 4): the best one wins.
int rank(Outcome outcome) {
    switch (outcome) {
        case Outcome::kRejected:
            return 4;
        case Outcome::kAccepted:
            return 3;
        case Outcome::kModified:
            return 2;
        case Outcome::kReleased:
            return 1;
        case Outcome::kNone:
        case Outcome::kReceived:
        case Outcome::kOther:
            return 0;
    }
    return 0;
}

/// A transfer that belongs to a transaction (AMQP 4.5.8), by its descriptor in any of its forms.
bool is_transactional(const DeliveryState& state) {
    constexpr std::string_view kShort("\x00\x53\x34", 3);
    constexpr std::string_view kLong("\x00\x80\x00\x00\x00\x00\x00\x00\x00\x34", 10);
    constexpr std::string_view kSymbol(
        "\x00\xa3\x1d"
        "amqp:transactional-state:list",
        32);
    const std::string_view raw(reinterpret_cast<const char*>(state.raw.data()), state.raw.size());
    return state.outcome == Outcome::kOther &&
           (raw.starts_with(kShort) || raw.starts_with(kLong) || raw.starts_with(kSymbol));
}

void count_ingress(IncomingDelivery& in, AddressCounters& counters) {
    ++counters.ingress;
    ++counters.outstanding;
    in.address = &counters;
}

}  // namespace

IncomingLink* Forwarder::link_of(const IncomingDelivery& in, Connection*& connection) {
    connection = plane_.connection(in.connection, in.connection_generation);
    if (connection == nullptr) {
        return nullptr;
    }
    auto* link = connection->incoming(in.link);
    return link != nullptr && link->generation == in.link_generation ? link : nullptr;
}

void Forwarder::hold(IncomingDelivery& in, std::size_t bytes) {
    Connection* connection = nullptr;
    const auto* link = link_of(in, connection);
    // A short lane is bounded by its senders' credit; holding it would block other addresses.
    if (bytes == 0 || link == nullptr || link->purpose == LinkPurpose::kShortLane) {
        return;
    }
    in.held += bytes;
    connection->engine().hold(in.session, bytes);
}

void Forwarder::unhold(IncomingDelivery& in, std::size_t bytes) {
    const auto part = std::min<std::uint64_t>(bytes, in.held);
    if (part == 0) {
        return;
    }
    in.held -= part;
    if (Connection* connection = nullptr; link_of(in, connection) != nullptr) {
        connection->engine().unhold(in.session, part);
        plane_.touch(*connection);
    }
}

/// The link's list names all that has to be looked at when the link ends: going through all
/// deliveries of the worker for each of a lost connection's links would take it minutes.
void Forwarder::join_link(IncomingLink& link, std::uint32_t slot, IncomingDelivery& in) {
    in.older = std::exchange(link.newest, slot);
    if (in.older != kNoSlot) {
        plane_.incoming.at(in.older).newer = slot;
    }
}

void Forwarder::leave_link(IncomingDelivery& in) {
    if (in.older != kNoSlot) {
        plane_.incoming.at(in.older).newer = in.newer;
    }
    if (in.newer != kNoSlot) {
        plane_.incoming.at(in.newer).older = in.older;
    } else if (Connection* connection = nullptr; auto* link = link_of(in, connection)) {
        link->newest = in.older;
    }
}

void Forwarder::on_transfer(Connection& connection, IncomingLink& link, Transfer& transfer) {
    if (!transfer.first) {
        const auto slot = context_slot(transfer.context);
        if (plane_.incoming.find(slot, context_generation(transfer.context)) != nullptr) {
            continue_delivery(slot, transfer);
        }
        return;
    }
    const auto slot = plane_.incoming.take();
    auto& in = plane_.incoming.at(slot);
    in.reset();
    transfer.context = pack_context(slot, plane_.incoming.generation(slot));
    in.connection = connection.id().slot;
    in.connection_generation = connection.id().generation;
    in.link = transfer.link;
    in.link_generation = link.generation;
    in.session = transfer.session;
    in.delivery_id = transfer.delivery_id;
    in.self = {plane_.config.worker, slot, plane_.incoming.generation(slot)};
    in.sender_settled = transfer.settled;
    in.message_format = transfer.message_format;
    in.complete = !transfer.more;
    in.begun = plane_.now;
    in.second_mode = link.receiver_settle_mode == ReceiverSettleMode::kSecond;
    join_link(link, slot, in);
    ++link.counters.deliveries;
    ++link.outstanding;
    link.mean_bytes += transfer.payload.size() / 8 - link.mean_bytes / 8;
    const Payload payload{transfer.payload, transfer.chunk, transfer.more};
    if (link.purpose == LinkPurpose::kShortLane || link.purpose == LinkPurpose::kStreamLane) {
        const auto label = MeshLabel::decode(transfer.tag);
        if (!label) {
            in.label.address = 0;
            unroutable(slot);
            return;
        }
        in.label = *label;
        in.presettled = label->presettled;
        begin_from_mesh(connection, link, slot, payload);
    } else {
        in.presettled = transfer.settled;
        link.counters.presettled += transfer.settled ? 1U : 0U;
        if (is_transactional(transfer.state)) {
            // No coordinator is here, so it is of no transaction that we know; it must not arrive
            // as if it were of none.
            in.label.ingress = plane_.table->self();
            const auto raw = encode_rejected("amqp:transaction:unknown-id",
                                             "the router coordinates no transactions");
            settle(slot, {Outcome::kRejected, std::as_bytes(std::span(raw))});
            return;
        }
        begin_from_client(connection, link, slot, payload);
    }
}

void Forwarder::begin_from_client(Connection& connection,
                                  IncomingLink& link,
                                  std::uint32_t slot,
                                  const Payload& payload) {
    auto& in = plane_.incoming.at(slot);
    if (connection.engine().credit(in.link) <= link.capacity / 4) {
        plane_.queue_credit(connection, in.link, link);
    }
    ++plane_.counters.ingress;
    plane_.counters.presettled += in.presettled ? 1U : 0U;
    const auto& route = cached_route(connection, in.link, link);
    in.label = route.label;
    in.label.presettled = in.presettled;
    in.label.sequence =
        std::uint32_t{plane_.config.worker} << 26U | (++sequence_ & MeshLabel::kNumberMask);
    in.offers_left = link.offers_more;
    if (in.presettled && payload.bytes.empty() && !payload.more) {
        // Some clients send an empty transfer in place of a message that expired: nothing to
        // forward.
        settle(slot, {Outcome::kAccepted, {}});
        return;
    }
    if (link.purpose == LinkPurpose::kAnonymous) {
        in.needs_address = true;
        route_anonymous(slot, payload);
        return;
    }
    count_ingress(in,
                  link.address_counters != nullptr ? *link.address_counters : counters_of(link));
    const auto turn = link.cursor;
    if (go_straight(slot, plain_way(link, route), {}, payload)) {
        return;
    }
    link.cursor = turn;
    reset_choice();
    choose_from_client(in, link, route.route);
    forward(slot, {}, payload);
}

/// Adds to `collected`, and counts it if more is to come: a client may begin a message on each of
/// very many links and end none. False: there is no room, and the delivery has its outcome.
bool Forwarder::collect(std::uint32_t slot, const Payload& payload) {
    auto& in = plane_.incoming.at(slot);
    const auto bytes = payload.bytes.size();
    if (payload.more && plane_.collecting + bytes > plane_.collecting_max()) {
        const auto raw = encode_rejected("amqp:resource-limit-exceeded",
                                         "the router waits for the rest of too many messages");
        settle(slot, {Outcome::kRejected, std::as_bytes(std::span(raw))});
        return false;
    }
    in.collected.append(reinterpret_cast<const char*>(payload.bytes.data()), bytes);
    if (payload.more) {
        in.collecting += static_cast<std::uint32_t>(bytes);
        plane_.collecting += bytes;
    }
    return true;
}

/// What was collected is of no use any more, or goes on.
void Forwarder::collect_no_more(IncomingDelivery& in) {
    if (in.collecting != 0) {
        plane_.collecting -= std::exchange(in.collecting, 0);
        std::string().swap(in.collected);  // large: not for the slot's next lives
    }
}

void Forwarder::route_anonymous(std::uint32_t slot, const Payload& payload) {
    auto& in = plane_.incoming.at(slot);
    if (!collect(slot, payload)) {
        return;
    }
    const auto scan = scan_message(std::as_bytes(std::span(in.collected)));
    if (scan.status == MessageScan::Status::kNeedsMore && payload.more &&
        in.collected.size() < kCollectMax) {
        return;
    }
    in.needs_address = false;
    Connection* connection = nullptr;
    auto* link = link_of(in, connection);
    const auto& table = *plane_.table;
    const auto key = scan.to && link != nullptr
                         ? routing::parse_address(*scan.to, table.self_name())
                         : std::nullopt;
    if (!key) {
        unroutable(slot);
        return;
    }
    const auto text = key->key();
    in.label.address = routing::hash_key(text);
    const auto* rule =
        key->kind == routing::AddressClass::kMobile ? table.settings().match(key->text) : nullptr;
    if (rule != nullptr && rule->priority) {
        in.label.priority = priority_class(*rule->priority);
    }
    in.offers_left = rule != nullptr ? offers_more(*rule) : std::uint8_t{0};
    auto& counters =
        plane_.address_counters(is_temporary(text) ? Plane::kSharedCounters : in.label.address);
    counters.container_ingress +=
        connection->options().role == ConnectionRole::kRouteContainer ? 1U : 0U;
    count_ingress(in, counters);
    reset_choice();
    if (key->kind == routing::AddressClass::kTopological) {
        if (const auto target = towards(routing::router_id(key->router), in.label.flow);
            target.kind != Target::Kind::kNone) {
            targets_.push_back(target);
        }
    } else if (key->kind == routing::AddressClass::kMobile &&
               table.settings().treatment(key->text) == routing::Treatment::kUnavailable) {
        const auto raw = encode_rejected("amqp:not-found", "the address is configured unavailable");
        settle(slot, {Outcome::kRejected, std::as_bytes(std::span(raw))});
        return;
    } else if (const auto* route = table.find(in.label.address); route != nullptr) {
        choose_by_key(in, *route, link->cursor);
    }
    const auto all = std::move(in.collected);
    in.collected.clear();
    collect_no_more(in);
    forward(slot, {}, {std::as_bytes(std::span(all)), nullptr, payload.more});
}

void Forwarder::count_transit(IncomingLink& link, IncomingDelivery& in) {
    in.transit = true;
    ++plane_.counters.transit;
    if (link.address_counters == nullptr || link.address_counters->hash != in.label.address) {
        link.address_counters = &plane_.address_counters(in.label.address);
    }
    ++link.address_counters->transit;
}

void Forwarder::begin_from_mesh(Connection& connection,
                                IncomingLink& link,
                                std::uint32_t slot,
                                const Payload& payload) {
    auto& in = plane_.incoming.at(slot);
    plane_.queue_credit(connection, in.link, link);
    const bool ends_here = in.label.egress == plane_.table->self();
    if (in.label.hint && ends_here) {
        on_hint(in.label);
        settle(slot, {Outcome::kAccepted, {}});
        return;
    }
    if (!ends_here) {
        if (!in.label.multicast()) {
            count_transit(link, in);
        }
        if (in.label.hop_limit == 0) {
            ++plane_.counters.hop_limit_drops;
            unroutable(slot);
            return;
        }
        --in.label.hop_limit;
    }
    in.offers_left = ends_here ? in.label.offers() : std::uint8_t{0};
    const auto turn = link.cursor;
    const auto way = plain_way_on(link, in.label, connection.id());
    const auto has_arrived = [&] {
        in.may_go_back = link.purpose == LinkPurpose::kShortLane && !payload.more &&
                         payload.bytes.size() <= kKeptMax;
        demand_.refresh(in.label.address, in.label.ingress, plane_.now);
    };
    if (ends_here && way.crosses) {
        has_arrived();  // by the time it gets there the consumer may be busy
    }
    if (go_straight(slot, way, connection.id(), payload)) {
        return;
    }
    link.cursor = turn;
    reset_choice();
    choose_from_mesh(in, link, connection.id());
    // The label of a multicast message does not say whether it goes on from here.
    if (in.label.multicast() && std::ranges::any_of(targets_, [](const Target& target) {
            return target.kind == Target::Kind::kNeighbour;
        })) {
        count_transit(link, in);
    }
    if (ends_here) {
        has_arrived();
        if (none_free_ && give_back(in)) {
            settle(slot, busy());
            return;
        }
    }
    if (!pins_.empty() && !ends_here && hold_back(in, payload)) {
        forward(slot, connection.id(), payload);
        return;
    }
    bool bounce = !in.multicast && targets_.size() == 1 &&
                  targets_.front().kind == Target::Kind::kNeighbour &&
                  plane_.table->same_neighbour(targets_.front().neighbour, connection.id());
    if (bounce) {
        ++plane_.counters.bounced;
        targets_.front() = way_round(in.label, connection.id(), false);
        bounce = targets_.front().kind == Target::Kind::kNone;
    }
    if (in.multicast || (!bounce && !targets_.empty())) {
        forward(slot, connection.id(), payload);
        return;
    }
    // No way now, or only back: tables are changing. Park the copy; it goes on with the next table.
    in.copies_open = 1;
    offer(slot, {}, connection.id(), payload);
}

void Forwarder::forward(std::uint32_t slot, const ConnectionId& arrival, const Payload& payload) {
    auto& in = plane_.incoming.at(slot);
    if (targets_.empty()) {
        if (arrival.generation == 0 && consumer_may_come(in)) {
            in.copies_open = 1;
            offer(slot, {}, arrival, payload);
        } else {
            unroutable(slot);
        }
        return;
    }
    if (targets_.front().kind == Target::Kind::kInProcess) {
        in.in_process = true;
        in.collected.clear();
        if (collect(slot, payload) && in.complete) {
            deliver_in_process(slot);
        }
        return;
    }
    if (in.offers_left != 0) {
        prepare_offers(in, payload);
    }
    if (must_queue(in, arrival, payload)) {
        targets_.front() = {Target::Kind::kQueue, {}, {}, 0};
    } else if (!pins_.empty() && targets_.front().kind == Target::Kind::kNeighbour) {
        hold_back(in, payload);
    }
    const auto generation = plane_.incoming.generation(slot);
    const auto count = targets_.size();
    in.copies_open = static_cast<std::uint32_t>(count);  // none concludes the delivery early
    share_payload();
    for (std::size_t i = 0; i < count; ++i) {
        const Target target = targets_[i];
        offer(slot, target, arrival, payload);
        if (plane_.incoming.find(slot, generation) == nullptr) {
            break;
        }
    }
    share_payload();  // whoever was in the middle of it does so anew
}

void Forwarder::deliver_in_process(std::uint32_t slot) {
    auto& in = plane_.incoming.at(slot);
    ++plane_.address_counters(in.label.address).in_process;
    plane_.outlet.report(report::ManagementRequest{std::move(in.collected)});
    in.collected.clear();
    settle(slot, {Outcome::kAccepted, {}});
}

void Forwarder::continue_delivery(std::uint32_t slot, Transfer& transfer) {
    auto& in = plane_.incoming.at(slot);
    in.sender_settled = in.sender_settled || transfer.settled || transfer.aborted;
    in.complete = !transfer.more || transfer.aborted;
    const Payload payload{transfer.payload, transfer.chunk, !in.complete};
    if (in.settled) {
        maybe_release_slot(slot);
        return;
    }
    if (transfer.aborted) {
        abort_copies(in);
        settle(slot, {Outcome::kNone, {}});
        return;
    }
    if (in.needs_address) {
        route_anonymous(slot, payload);
        return;
    }
    if (in.in_process) {
        if (!collect(slot, payload)) {
            return;
        }
        if (in.collected.size() > kCollectMax) {
            const auto raw = encode_rejected("amqp:link:message-size-exceeded",
                                             "messages for the router itself may have 1 MiB");
            settle(slot, {Outcome::kRejected, std::as_bytes(std::span(raw))});
        } else if (in.complete) {
            deliver_in_process(slot);
        }
        return;
    }
    const auto generation = plane_.incoming.generation(slot);
    share_payload();
    for (std::size_t i = 0; i < in.copies.size(); ++i) {
        const auto copy = in.copies[i];
        if (copy.done) {
            continue;
        }
        if (copy.worker == plane_.config.worker) {
            if (plane_.outgoing.find(copy.slot, copy.generation) != nullptr) {
                extend(copy.slot, payload);
            }
        } else {
            Record record;
            record.kind = RecordKind::kContinue;
            record.origin = in.self;
            record.copy = static_cast<std::uint32_t>(i);
            record.more = payload.more;
            record.multicast = in.multicast;
            post_copy(copy.worker, record, payload.bytes);
            hold(in, payload.bytes.size());
        }
        if (plane_.incoming.find(slot, generation) == nullptr) {
            break;
        }
    }
    share_payload();
}

void Forwarder::abort_copies(IncomingDelivery& in) {
    for (std::size_t i = 0; i < in.copies.size(); ++i) {
        const auto copy = in.copies[i];
        if (copy.done) {
            continue;
        }
        in.copies[i].done = true;
        if (copy.worker == plane_.config.worker) {
            if (plane_.outgoing.find(copy.slot, copy.generation) != nullptr) {
                abort_copy(copy.slot);
            }
        } else {
            Record record;
            record.kind = RecordKind::kContinue;
            record.aborted = true;
            record.copy = static_cast<std::uint32_t>(i);
            record.origin = in.self;
            post(copy.worker, record, {});
        }
    }
    in.copies_open = 0;
}

void Forwarder::unroutable(std::uint32_t slot) {
    auto& in = plane_.incoming.at(slot);
    // A multicast copy that finds nobody below this router says nothing about the delivery.
    const bool silent = in.multicast && in.label.ingress != plane_.table->self();
    settle(slot, silent ? DeliveryState{} : unreached());
}

void Forwarder::settle(std::uint32_t slot, const DeliveryState& given) {
    auto& in = plane_.incoming.at(slot);
    if (in.settled) {
        return;
    }
    Connection* connection = nullptr;
    auto* link = link_of(in, connection);
    if (in.presettled && given.outcome != Outcome::kAccepted) {
        count_dropped(in, link, given.outcome);
    }
    const bool to_client = link != nullptr && (link->purpose == LinkPurpose::kEndpoint ||
                                               link->purpose == LinkPurpose::kAnonymous);
    // Words of our own are of no standard kind; a client's sender is told `released`.
    const bool nobody =
        given.outcome == Outcome::kNone ? in.multicast
        : given.outcome == Outcome::kOther
            ? is_unreached(given) || is_busy(given) || declined_left(given).has_value()
            : false;
    const auto state = to_client && nobody ? DeliveryState{Outcome::kReleased, {}} : given;
    forget_balanced(in);
    collect_no_more(in);
    in.settled = true;
    if (in.pinned_egress != 0) {
        unpin(in);
    }
    count_settled(in, link);
    if (link == nullptr) {
        forget_originated(in);
        in.awaits_sender = false;
        maybe_release_slot(slot);
        return;
    }
    if (in.held != 0) {
        unhold(in, in.held);
    }
    if (!in.presettled) {
        link->counters.count(state.outcome);
        count_outcome(*link, state.outcome);
    }
    // Second mode: the sender settles last (AMQP 2.6.12), and until then it has not got its credit
    // back.
    in.awaits_sender =
        !in.sender_settled && link->receiver_settle_mode == ReceiverSettleMode::kSecond;
    if (!in.awaits_sender) {
        --link->outstanding;
        plane_.queue_credit(*connection, in.link, *link);
    }
    if (!in.sender_settled && !in.told) {
        connection->engine().dispose(in.session, in.delivery_id, state, !in.awaits_sender);
        plane_.touch(*connection);
    }
    maybe_release_slot(slot);
}

/// A settled message that no consumer has taken is counted once: where it entered the mesh. Copies
/// of a multicast message are counted where they are lost (conclude()).
void Forwarder::count_dropped(const IncomingDelivery& in, IncomingLink* link, Outcome outcome) {
    if (outcome == Outcome::kNone || in.multicast || in.label.hint ||
        in.label.ingress != plane_.table->self()) {
        return;
    }
    ++plane_.counters.dropped_presettled;
    if (link != nullptr) {
        ++link->counters.dropped_presettled;
    }
}

void Forwarder::count_outcome(const IncomingLink& link, Outcome outcome) {
    if (link.purpose != LinkPurpose::kEndpoint && link.purpose != LinkPurpose::kAnonymous) {
        return;  // counted where the message entered the mesh
    }
    auto& counters = plane_.counters;
    counters.accepted += outcome == Outcome::kAccepted ? 1U : 0U;
    counters.rejected += outcome == Outcome::kRejected ? 1U : 0U;
    counters.released += outcome == Outcome::kReleased ? 1U : 0U;
    counters.modified += outcome == Outcome::kModified ? 1U : 0U;
}

void Forwarder::maybe_release_slot(std::uint32_t slot) {
    auto& in = plane_.incoming.at(slot);
    if (!in.settled || !in.complete || in.awaits_sender || in.copies_open != 0) {
        return;
    }
    if (in.kept) {
        plane_.budget.held -= in.collected.size();
        if (slot >= kSlotsWithBuffer) {
            std::string().swap(in.collected);  // an assignment would keep the buffer
        }
    }
    left_behind_ -= in.left_behind ? 1U : 0U;
    leave_link(in);
    plane_.incoming.give_back(slot);
}

void Forwarder::on_copy_outcome(const DeliveryId& origin,
                                std::uint32_t copy,
                                const DeliveryState& state,
                                bool final,
                                const ConsumerId& consumer) {
    auto* in = plane_.incoming.find(origin.slot, origin.generation);
    if (in == nullptr || copy >= in->copies.size() || in->copies[copy].done) {
        return;
    }
    if (!final) {
        Connection* connection = nullptr;
        if (const auto* link = link_of(*in, connection);
            link != nullptr && !in->settled && !in->sender_settled && !in->multicast) {
            connection->engine().dispose(in->session, in->delivery_id, state, false);
            plane_.touch(*connection);
            in->outcome.set(state);
            in->told = in->awaits_sender =
                link->receiver_settle_mode == ReceiverSettleMode::kSecond;
        }
        return;
    }
    in->copies[copy].done = true;
    --in->copies_open;
    if (in->settled) {
        maybe_release_slot(origin.slot);
        return;
    }
    if (!in->multicast && is_busy(state) && on_busy(origin.slot)) {
        return;
    }
    if (in->egress != 0 && !is_busy(state) &&
        demand_.took(in->label.address, in->egress, plane_.now)) {
        look_at(in->label.address);
    }
    if (!in->multicast && in->egress != 0 && is_unreached(state) && in->attempts < kAttemptsMax) {
        retry(origin.slot);
        return;
    }
    if (in->offers_left != 0 && offer_to_another(origin.slot, state, consumer)) {
        return;
    }
    if (!in->multicast) {
        settle(origin.slot,
               in->told       ? DeliveryState{in->outcome.outcome, {}}
               : in->refusals ? after_refusals(*in, state)
                              : state);
        return;
    }
    if (in->outcome.outcome == Outcome::kNone || rank(state.outcome) > rank(in->outcome.outcome)) {
        in->outcome.set(state);
    }
    if (in->copies_open == 0) {
        const auto kept = in->outcome;
        settle(origin.slot, kept.view());
    }
}

void Forwarder::on_sender_disposition(std::uint64_t context, bool settled) {
    const auto slot = context_slot(context);
    auto* in = plane_.incoming.find(slot, context_generation(context));
    if (in == nullptr || !settled) {
        return;
    }
    in->sender_settled = true;
    if (std::exchange(in->awaits_sender, false) && in->settled) {
        if (Connection* connection = nullptr; auto* link = link_of(*in, connection)) {
            --link->outstanding;
            plane_.queue_credit(*connection, in->link);
        }
    }
    for (std::size_t i = 0; i < in->copies.size(); ++i) {
        const auto copy = in->copies[i];
        if (copy.done) {
            continue;
        }
        if (copy.worker != plane_.config.worker) {
            Record record;
            record.kind = RecordKind::kSettle;
            record.origin = in->self;
            record.copy = static_cast<std::uint32_t>(i);
            post(copy.worker, record, {});
        } else if (auto* out = plane_.outgoing.find(copy.slot, copy.generation);
                   out != nullptr && out->told_upstream) {
            on_sender_settled_here(copy.slot);
            if (plane_.incoming.find(slot, context_generation(context)) == nullptr) {
                return;
            }
        }
    }
    Connection* connection = nullptr;
    const auto* link = link_of(*in, connection);
    const bool from_mesh = link != nullptr && (link->purpose == LinkPurpose::kShortLane ||
                                               link->purpose == LinkPurpose::kStreamLane);
    const bool is_told = !in->multicast && in->outcome.outcome != Outcome::kNone;
    if (from_mesh && !in->settled && !is_told) {
        give_up_delivery(slot);  // the neighbour has: else it would wait for the outcome
    } else {
        maybe_release_slot(slot);
    }
}

}  // namespace amqmesh::link
