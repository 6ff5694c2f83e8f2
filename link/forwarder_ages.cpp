// Ages of deliveries: counted when they are settled, and looked for when they are not.
#include "link/forwarder.h"

#include <algorithm>
#include <utility>

namespace amqmesh::link {

namespace {

constexpr Time kSweepInterval = routing::kSecond;
// One turn looks at so many slots of each kind, so that it takes well below a millisecond.
constexpr std::uint32_t kSlotsPerTurn = 4096;
constexpr Time kTurnInterval = 20 * routing::kMillisecond;
// All links are looked at this often, those of so many connections per turn.
constexpr Time kWatchInterval = 5 * routing::kSecond;
constexpr std::uint32_t kConnectionsPerTurn = 256;

using Kind = report::LinkTrouble::Kind;

bool blocked_since(Time since, Time now) {
    return since != 0 && now - since > AgeCounters::kVeryLong;
}

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
    if (!given_up_.empty()) {
        end_given_up();
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
                if (!std::exchange(link->stuck_told, true)) {
                    note_trouble(Kind::kStuck, connection->key(in.link), true);
                }
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
                if (!std::exchange(link->stuck_told, true)) {
                    note_trouble(Kind::kStuck, connection->key(out.link), false);
                }
            }
        });
    tell_troubles();
    const bool done = incoming_done && outgoing_done;
    if (done) {
        swept_incoming_ = swept_outgoing_ = 0;
    }
    next_sweep_ = plane_.now + (done ? kSweepInterval : kTurnInterval);
    return next_sweep_;
}

std::optional<Time> Forwarder::watch_links() {
    if (plane_.connections.live() == 0) {
        return std::nullopt;
    }
    if (plane_.now < next_watch_) {
        return next_watch_;
    }
    const auto look_at = [this](Connection& connection, LinkIndex index, auto& link, bool in) {
        const bool blocked = blocked_since(link.zero_credit_since, plane_.now);
        if (blocked != std::exchange(link.blocked, blocked)) {
            note_trouble(blocked ? Kind::kBlocked : Kind::kBlockedOver, connection.key(index), in);
        }
        if (link.stuck_told && link.counters.ages.stuck == 0) {
            link.stuck_told = false;
            note_trouble(Kind::kStuckOver, connection.key(index), in);
        }
    };
    const bool done = plane_.connections.visit_some(
        watched_, kConnectionsPerTurn, [&](std::uint32_t, ConnectionHolder& holder) {
            Connection& connection = *holder.connection;
            for (LinkIndex index = 0; index < connection.link_count(); ++index) {
                if (auto* in = connection.incoming(index)) {
                    look_at(connection, index, *in, true);
                } else if (auto* out = connection.outgoing(index)) {
                    look_at(connection, index, *out, false);
                }
            }
        });
    tell_troubles();
    watched_ = done ? 0 : watched_;
    next_watch_ = plane_.now + (done ? kWatchInterval : kTurnInterval);
    return next_watch_;
}

void Forwarder::note_trouble(Kind kind, const LinkKey& key, bool incoming) {
    if (troubles_.size() < kTroublesTold) {
        troubles_.push_back({kind, key, incoming});
    } else {
        ++troubles_more_;
    }
}

void Forwarder::tell_troubles() {
    for (const auto& [kind, key, incoming] : std::exchange(troubles_, {})) {
        auto* connection = plane_.connection(key.connection, key.connection_generation);
        if (connection == nullptr) {
            continue;
        }
        report::LinkTrouble trouble;
        trouble.kind = kind;
        trouble.connection_number = connection->options().number;
        trouble.link = key.link;
        trouble.incoming = incoming;
        if (const auto* in = connection->incoming(key.link)) {
            trouble.name = in->name;
            trouble.key = in->key;
            trouble.deliveries = kind == Kind::kStuck ? in->counters.ages.stuck : in->outstanding;
        } else if (const auto* out = connection->outgoing(key.link)) {
            trouble.name = out->name;
            trouble.key = out->key;
            trouble.deliveries =
                kind == Kind::kStuck ? out->counters.ages.stuck : out->waiting.size;
        }
        trouble.others = std::exchange(troubles_more_, 0);
        plane_.outlet.report(std::move(trouble));
    }
}

bool Forwarder::is_blocked(Connection& connection, LinkIndex index, Time now) {
    if (const auto* in = connection.incoming(index)) {
        return blocked_since(in->zero_credit_since, now);
    }
    const auto* out = connection.outgoing(index);
    return out != nullptr && blocked_since(out->zero_credit_since, now);
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
    for (auto slot = parked_.head; slot != kNoSlot; slot = plane_.outgoing.at(slot).next) {
        if (!look_at(slot)) {
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

}  // namespace amqmesh::link
