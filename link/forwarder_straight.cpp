// The straight line that nearly every delivery takes [data path 4 to 8]: a whole message whose way
// is plain to see, to a consumer or a neighbour on this worker that has credit, goes out in the
// step in which it came in, and its settlement goes back the same way.
//
// Nothing happens here that the general way (choose.cpp, forwarder_out.cpp, forwarder_in.cpp) would
// not do with such a delivery; what is unusual in any respect is left to it.
#include "link/forwarder.h"
#include "link/message_scan.h"

namespace amqmesh::link {

namespace {

bool is_anycast(const routing::AddressRoute& route) {
    return route.treatment != routing::Treatment::kMulticast &&
           route.in_process == routing::InProcess::kNone;
}

}  // namespace

OutgoingDelivery& Forwarder::new_copy(const IncomingDelivery& in,
                                      std::uint32_t out_slot,
                                      std::uint32_t copy,
                                      const ConnectionId& arrival) {
    auto& out = plane_.outgoing.at(out_slot);
    out.reset();
    out.begun = plane_.now;
    out.origin = in.self;
    out.copy = copy;
    out.presettled = in.presettled;
    out.second_mode = in.second_mode;
    out.multicast = in.multicast;
    out.message_format = in.message_format;
    out.arrival = arrival;
    out.label = in.label;
    return out;
}

/// To the only consumer here, or to the one whose turn it is among those with credit. `cursor`
/// moves on.
Forwarder::Way Forwarder::way_to_consumer(const routing::AddressRoute& route,
                                          std::uint32_t& cursor) {
    const auto& first = route.local.front();
    auto consumer = first.id;
    if (route.local.size() > 1) {
        reset_choice();
        consumer = pick_local(route, cursor).consumer;
        if (none_free_) {
            return {};
        }
    }
    if (consumer.connection.worker == plane_.config.worker) {
        return way_to(consumer);
    }
    if (route.local.size() == 1) {
        reset_choice();
        if (plane_.shared->gauges.get(first.gauge).free <= 0) {
            return {};
        }
    }
    far_ = {Target::Kind::kConsumer, consumer, {}, 0};
    Way way;
    way.crosses = true;
    return way;
}

Forwarder::Way Forwarder::way_to(const ConsumerId& consumer) {
    auto* connection = plane_.connection(consumer.connection);
    auto* link = connection != nullptr ? connection->outgoing(consumer.link) : nullptr;
    Way way;
    if (link != nullptr && link->generation == consumer.generation) {
        way.connection = connection;
        way.link = link;
        way.index = consumer.link;
    }
    return way;
}

Forwarder::Way Forwarder::way_over(const ConnectionId& next_hop,
                                   routing::RouterId router,
                                   MeshLabel label) {
    Way way;
    if (next_hop.worker != plane_.config.worker && next_hop.generation != 0) {
        far_ = {Target::Kind::kNeighbour, {}, next_hop, router};
        way.crosses = true;
        return way;
    }
    label.egress = router;
    auto* connection = plane_.connection(next_hop);
    const auto lane =
        connection != nullptr ? connection->lane_for(label, false) : Connection::LaneChoice{};
    if (lane.found) {
        way.connection = connection;
        way.link = connection->outgoing(lane.link);
        way.index = lane.link;
        way.egress = router;
    }
    return way;
}

/// The way of what a client sends on its link.
Forwarder::Way Forwarder::plain_way(IncomingLink& link, const IncomingLink::RouteCache& cache) {
    if (link.router != 0) {
        return way_over(cache.next_hop, link.router, cache.label);
    }
    const auto* route = cache.route;
    if (route == nullptr || !is_anycast(*route)) {
        return {};
    }
    const bool local_only =
        route->remote.empty() || route->treatment == routing::Treatment::kClosest;
    if (!route->local.empty() && local_only) {
        return way_to_consumer(*route, link.cursor);
    }
    const bool balanced = cache.outstanding != OutstandingBook::kNone;
    if (!route->local.empty() || route->remote.size() != 1 ||
        (balanced && demand_.busy(route->hash, cache.router, plane_.now))) {
        return {};
    }
    auto way = way_over(cache.next_hop, cache.router, cache.label);
    way.outstanding = cache.outstanding;
    return way;
}

/// The way of what a neighbour sends on its lane.
Forwarder::Way Forwarder::plain_way_on(IncomingLink& lane,
                                       const MeshLabel& label,
                                       const ConnectionId& arrival) {
    if (label.multicast()) {
        return {};
    }
    if (label.egress != plane_.table->self()) {
        const auto target = towards(label.egress, label.flow);
        return target.kind != Target::Kind::kNeighbour ||
                       plane_.table->same_neighbour(target.neighbour, arrival)
                   ? Way{}
                   : way_over(target.neighbour, label.egress, label);
    }
    auto& cache = lane.cache;  // remembered from message to message
    if (cache.generation != plane_.table->generation() || cache.label.address != label.address) {
        cache.generation = plane_.table->generation();
        cache.label.address = label.address;
        cache.route = plane_.table->find(label.address);
    }
    const auto* route = cache.route;
    return route == nullptr || !is_anycast(*route) || route->local.empty()
               ? Way{}
               : way_to_consumer(*route, lane.cursor);
}

/// False: nothing was done.
[[gnu::flatten]] bool Forwarder::go_straight(std::uint32_t slot,
                                             const Way& way,
                                             const ConnectionId& arrival,
                                             const Payload& payload) {
    if (way.crosses) {
        return cross(slot, way, arrival, payload);
    }
    auto& in = plane_.incoming.at(slot);
    if (way.link == nullptr || !way.link->attached || way.link->waiting.size != 0 || payload.more ||
        payload.bytes.size() > kKeptMax || in.offers_left != 0 || !demand_.empty() ||
        (way.egress != 0 && !pins_.empty())) {
        return false;
    }
    const auto out_slot = plane_.outgoing.take();
    auto& out = new_copy(in, out_slot, 0, arrival);
    in.copies.push_back(
        {plane_.config.worker, out_slot, plane_.outgoing.generation(out_slot), false});
    in.copies_open = 1;
    if (!send_on(way, out_slot, out, payload)) {
        plane_.outgoing.give_back(out_slot);
        in.copies.clear();
        in.copies_open = 0;
        return false;
    }
    if (way.egress != 0 && arrival.generation == 0) {
        entered_mesh(in, way.egress, way.outstanding, payload);
    }
    return true;
}

/// False: the link can take nothing now.
bool Forwarder::send_on(const Way& way,
                        std::uint32_t out_slot,
                        OutgoingDelivery& out,
                        const Payload& payload) {
    out.complete = true;
    out.connection = way.connection->id().slot;
    out.link = way.index;
    out.session = way.connection->engine().session_of(way.index);
    if (way.egress != 0) {
        out.to_mesh = true;
        out.label.egress = way.egress;
        if (out.label.priority == MeshLabel::kPriorityOfHeader) {
            out.label.priority = priority_class(header_priority(payload.bytes));
        }
    }
    return send_at_once(*way.connection, way.index, *way.link, out_slot, payload);
}

/// What a client's message leaves behind where it enters the mesh.
void Forwarder::entered_mesh(IncomingDelivery& in,
                             routing::RouterId egress,
                             OutstandingBook::Slot outstanding,
                             const Payload& payload) {
    keep_copy(in, payload.bytes);
    in.egress = egress;
    if (outstanding != OutstandingBook::kNone) {
        demand_.sent(in.label.address, egress, plane_.now);
        in.outstanding = outstanding;
        outstanding_.add(outstanding);
    }
}

bool Forwarder::has_one_plain_copy(const IncomingDelivery& in) {
    return in.copies_open == 1 && in.copies.size() == 1 && !in.multicast && !in.settled &&
           !in.told && in.offers_left == 0 && !in.refusals;
}

/// False: nothing was done.
[[gnu::flatten]] bool Forwarder::settle_straight(Connection& connection,
                                                 std::uint32_t out_slot,
                                                 OutgoingDelivery& out,
                                                 const DeliveryState& state) {
    if (out.origin.worker != plane_.config.worker) {
        return settle_across(connection, out_slot, out, state);
    }
    const auto origin = out.origin.slot;
    auto* link = connection.outgoing(out.link);
    const bool special =
        out.to_mesh ? state.outcome == Outcome::kOther : out.presettled;  // our own words
    if (out.stage != OutgoingDelivery::Stage::kSent || special || link == nullptr) {
        return false;
    }
    auto* in = plane_.incoming.find(origin, out.origin.generation);
    if (in == nullptr || !has_one_plain_copy(*in)) {
        return false;
    }
    link->counters.count(state.outcome);
    count_left(*link, out);
    remove(link->sent, out_slot);
    const auto index = out.link;
    plane_.outgoing.give_back(out_slot);  // it holds no content any more
    in->copies[0].done = true;
    in->copies_open = 0;
    if (in->egress != 0 && demand_.took(in->label.address, in->egress, plane_.now)) {
        look_at(in->label.address);
    }
    settle(origin, state);
    update_gauge(connection, index, *link);
    return true;
}

}  // namespace amqmesh::link
