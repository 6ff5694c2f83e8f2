// Ages of deliveries: counted when they are settled, and looked for when they are not.
#include "link/forwarder.h"

#include <algorithm>

namespace amqmesh::link {

namespace {

constexpr Time kSweepInterval = routing::kSecond;
// One turn looks at so many slots of each kind, so that it takes well below a millisecond.
constexpr std::uint32_t kSlotsPerTurn = 4096;
constexpr Time kTurnInterval = 20 * routing::kMillisecond;

}  // namespace

void Forwarder::count_settled(IncomingDelivery& in, IncomingLink* link) {
    const Time age = plane_.now - in.begun;
    plane_.counters.ages.settled(age, in.stuck);
    if (link != nullptr) {
        link->counters.settled(plane_.now, in.begun, in.stuck);
    }
    in.stuck = false;
    if (in.address != nullptr) {
        --in.address->outstanding;
        if (!in.presettled) {
            in.address->settle_ages.add(age);
            plane_.counters.settle_ages.add(age);
        }
        in.address = nullptr;
    }
}

void Forwarder::count_left(OutgoingLink& link, const OutgoingDelivery& out) const {
    link.counters.settled(plane_.now, out.begun, out.stuck);
}

AddressCounters& Forwarder::counters_of(IncomingLink& link) {
    const bool temporary = is_temporary(link.key);
    AddressCounters& counters =
        plane_.address_counters(temporary ? Plane::kSharedCounters : link.hash);
    if (temporary || counters.hash == link.hash) {
        link.address_counters = &counters;
    }
    return counters;
}

std::optional<Time> Forwarder::sweep() {
    if (plane_.incoming.live() == 0 && plane_.outgoing.live() == 0) {
        swept_incoming_ = swept_outgoing_ = 0;
        return std::nullopt;
    }
    if (plane_.now < next_sweep_) {
        return next_sweep_;
    }
    const auto old = [this](Time begun) { return plane_.now - begun > AgeCounters::kVeryLong; };
    const bool incoming_done = plane_.incoming.visit_some(
        swept_incoming_, kSlotsPerTurn, [&](std::uint32_t, IncomingDelivery& in) {
            if (in.stuck || in.settled || !old(in.begun)) {
                return;
            }
            in.stuck = true;
            ++plane_.counters.ages.stuck;
            if (Connection* connection = nullptr; auto* link = link_of(in, connection)) {
                ++link->counters.ages.stuck;
            }
        });
    const bool outgoing_done = plane_.outgoing.visit_some(
        swept_outgoing_, kSlotsPerTurn, [&](std::uint32_t, OutgoingDelivery& out) {
            if (out.stuck || out.stage == OutgoingDelivery::Stage::kParked ||
                out.stage == OutgoingDelivery::Stage::kQueued || !old(out.begun)) {
                return;
            }
            auto* connection =
                plane_.connection(out.connection, plane_.connections.generation(out.connection));
            if (auto* link = connection != nullptr ? connection->outgoing(out.link) : nullptr) {
                out.stuck = true;
                ++link->counters.ages.stuck;
            }
        });
    const bool done = incoming_done && outgoing_done;
    if (done) {
        swept_incoming_ = swept_outgoing_ = 0;
    }
    next_sweep_ = plane_.now + (done ? kSweepInterval : kTurnInterval);
    return next_sweep_;
}

std::uint64_t Forwarder::blocked_links(Connection& connection, Time now) {
    const auto blocked = [now](Time since) {
        return since != 0 && now - since > AgeCounters::kVeryLong;
    };
    std::uint64_t count = 0;
    for (LinkIndex index = 0; index < connection.link_count(); ++index) {
        if (const auto* in = connection.incoming(index)) {
            count += blocked(in->zero_credit_since) ? 1U : 0U;
        } else if (const auto* out = connection.outgoing(index)) {
            count += blocked(out->zero_credit_since) ? 1U : 0U;
        }
    }
    return count;
}

void Forwarder::count_container(Connection& connection) {
    if (connection.options().role != ConnectionRole::kRouteContainer) {
        return;
    }
    for (LinkIndex index = 0; index < connection.link_count(); ++index) {
        if (auto* in = connection.incoming(index)) {
            count_container(connection, *in);
        } else if (auto* out = connection.outgoing(index)) {
            count_container(connection, *out);
        }
    }
}

void Forwarder::count_container(const Connection& connection, IncomingLink& link) {
    const std::uint64_t more = link.counters.deliveries - link.container_deliveries;
    if (connection.options().role != ConnectionRole::kRouteContainer || more == 0) {
        return;
    }
    link.container_deliveries = link.counters.deliveries;
    plane_.counters.container_ingress += more;
    if (link.purpose == LinkPurpose::kEndpoint) {  // others' addresses are counted as they come
        auto& counters =
            link.address_counters != nullptr ? *link.address_counters : counters_of(link);
        counters.container_ingress += more;
    }
}

void Forwarder::count_container(const Connection& connection, OutgoingLink& link) {
    const std::uint64_t more = link.counters.deliveries - link.container_deliveries;
    if (connection.options().role != ConnectionRole::kRouteContainer || more == 0) {
        return;
    }
    link.container_deliveries = link.counters.deliveries;
    plane_.counters.container_egress += more;
    if (link.address_counters != nullptr) {
        link.address_counters->container_egress += more;
    }
}

Forwarder::CountsByLink Forwarder::undelivered() {
    CountsByLink counts;
    std::size_t seen = 0;
    const auto look_at = [&](std::uint32_t out_slot) {
        const auto& origin = plane_.outgoing.at(out_slot).origin;
        const auto* in = origin.worker == plane_.config.worker
                             ? plane_.incoming.find(origin.slot, origin.generation)
                             : nullptr;
        Connection* connection = nullptr;
        if (in != nullptr && link_of(*in, connection) != nullptr) {
            ++counts[link_number(in->connection, in->link)];
        }
        return ++seen < kUndeliveredSeen;
    };
    for (const auto out_slot : parked_) {
        if (!look_at(out_slot)) {
            return counts;
        }
    }
    demand_.for_each_queue([&](const DeliveryList& queue) {
        for (auto slot = queue.head; slot != kNoSlot && seen < kUndeliveredSeen;
             slot = plane_.outgoing.at(slot).next) {
            look_at(slot);
        }
    });
    return counts;
}

std::vector<Towards> Forwarder::towards_routers() const {
    std::vector<Towards> all;
    all.reserve(balanced_.size());
    for (const auto& entry : balanced_) {
        all.push_back(entry.second);
    }
    return all;
}

}  // namespace amqmesh::link
