// Deliveries that wait because every consumer of their address is busy (see link/demand.h), and
// what routers and workers tell each other about that. [data path 6]
#include "link/forwarder.h"

#include <algorithm>
#include <utility>

namespace amqmesh::link {

namespace {

/// How long a free consumer is kept for another router that was told of it.
constexpr Time kReserve = 5 * routing::kMillisecond;
/// More than this many free places need not be counted for a hint.
constexpr std::uint32_t kFreeMax = 1000;
/// Instead of a number of free places: the sender of this hint has nothing that waits.
constexpr std::uint32_t kNothingWaits = 0xffffffffU;

}  // namespace

bool Forwarder::must_queue(const IncomingDelivery& in,
                           const ConnectionId& arrival,
                           const Payload& payload) {
    if (payload.more || in.multicast || in.label.hint || targets_.empty()) {
        return false;  // a stream is cut through: it has no end to wait with
    }
    if (none_free_ && choice_) {
        return true;
    }
    // Not past those that came before.
    const auto kind = targets_.front().kind;
    return arrival.generation == 0 && kind != Target::Kind::kInProcess &&
           kind != Target::Kind::kNone && demand_.queued(in.label.address);
}

bool Forwarder::can_go_back(const IncomingDelivery& in) const {
    const auto* route = in.may_go_back ? plane_.table->find(in.label.address) : nullptr;
    return route != nullptr && route->treatment == routing::Treatment::kBalanced &&
           others_reachable(*route);
}

bool Forwarder::give_back(const IncomingDelivery& in) {
    if (in.refusals || !can_go_back(in)) {  // who released it must not be asked again
        return false;
    }
    demand_.remember(in.label.address, in.label.ingress, plane_.now);
    return true;
}

bool Forwarder::others_reachable(const routing::AddressRoute& route) const {
    return std::ranges::any_of(route.remote, [this](const routing::RemoteConsumers& remote) {
        return plane_.table->route(remote) != nullptr;
    });
}

void Forwarder::look_at(routing::AddressHash address) {
    if (!freed_.empty() && freed_.back() == address) {
        return;
    }
    freed_.push_back(address);
    if (freed_.size() >= freed_compact_at_) {
        compact_freed();
        freed_compact_at_ = std::max(kFreedMin, 2 * freed_.size());
    }
}

void Forwarder::compact_freed() {
    std::ranges::sort(freed_);
    freed_.erase(std::unique(freed_.begin(), freed_.end()), freed_.end());
}

void Forwarder::look_again_later(routing::AddressHash address, DemandBook::Entry& entry) {
    if (!entry.recheck && rechecks_.size() < DemandBook::kAddressesMax) {
        entry.recheck = true;
        rechecks_.emplace_back(plane_.now + kReserve, address);
    }
}

void Forwarder::join_queue(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    out.stage = OutgoingDelivery::Stage::kQueued;
    note_waiting(out_slot);
    append(demand_.make(out.label.address).queue, out_slot);
    // Whatever became free while it was on its way here has been told already: look once more.
    look_at(out.label.address);
}

void Forwarder::leave_queue(std::uint32_t out_slot) {
    const auto address = plane_.outgoing.at(out_slot).label.address;
    if (auto* entry = demand_.find(address)) {
        remove(entry->queue, out_slot);
        demand_.drop_if_idle(address);
    }
}

void Forwarder::note_free(routing::AddressHash address) {
    if (!plane_.shared->interest.any(address)) {
        return;
    }
    look_at(address);
    Record record;
    record.kind = RecordKind::kDemand;
    record.label.address = address;
    for (std::uint16_t worker = 0; worker < plane_.config.workers; ++worker) {
        if (worker != plane_.config.worker) {
            post(worker, record, {});
        }
    }
}

void Forwarder::serve_demand() {
    if (freed_.empty()) {
        return;
    }
    compact_freed();
    const auto freed = std::exchange(freed_, {});
    freed_compact_at_ = kFreedMin;
    for (const auto address : freed) {
        serve(address);
    }
    freed_.clear();  // what was queued again while being served has been looked at just now
    if (!draining_.empty()) {
        answer_drains();
    }
}

void Forwarder::serve(routing::AddressHash address) {
    auto* entry = demand_.find(address);
    if (entry == nullptr) {
        return;
    }
    if (entry->waiters.empty()) {
        serve_queue(address, kFreeMax);
        return;
    }
    entry->reserved = plane_.now < entry->reserved_until ? entry->reserved : 0;
    const auto free = free_places(address);
    const auto available = free - std::min(free, entry->reserved);
    const std::size_t queues = entry->queue.size != 0 ? 1 : 0;
    const auto claims = entry->waiters.size() + queues;
    std::uint32_t own = 0;
    std::vector<std::uint32_t> told(entry->waiters.size(), 0);
    for (std::uint32_t i = 0; i < available; ++i) {
        const auto claim = entry->turn++ % claims;
        ++(claim < told.size() ? told[claim] : own);
    }
    if (own < available) {
        entry->reserved += available - own;
        entry->reserved_until = plane_.now + kReserve;
        look_again_later(address, *entry);
    }
    const auto waiters = entry->waiters;  // sending may change the book
    for (std::size_t i = 0; i < waiters.size(); ++i) {
        if (told[i] > 0) {
            send_hint(address, waiters[i].router, told[i]);
        }
    }
    serve_queue(address, own);
}

void Forwarder::serve_queue(routing::AddressHash address, std::uint32_t local_max) {
    for (auto* entry = demand_.find(address); entry != nullptr && entry->queue.size != 0;
         entry = demand_.find(address)) {
        const auto out_slot = entry->queue.head;
        const auto target = choose_again(plane_.outgoing.at(out_slot));
        if (none_free_ && target.kind != Target::Kind::kNone) {
            return;
        }
        if (target.kind == Target::Kind::kConsumer && local_max-- == 0) {
            return;
        }
        leave_queue(out_slot);
        go_on(out_slot, target);
    }
}

std::uint32_t Forwarder::free_places(routing::AddressHash address) const {
    const auto* route = plane_.table->find(address);
    std::uint32_t free = 0;
    if (route != nullptr) {
        for (const auto& consumer : route->local) {
            const auto reading = plane_.shared->gauges.get(consumer.gauge);
            free += static_cast<std::uint32_t>(std::max(reading.free, 0));
            if (free >= kFreeMax) {
                return kFreeMax;
            }
        }
    }
    return free;
}

void Forwarder::send_hint(routing::AddressHash address,
                          routing::RouterId router,
                          std::uint32_t free) {
    const auto slot = plane_.incoming.take();
    auto& in = plane_.incoming.at(slot);
    in.reset();
    in.begun = plane_.now;
    in.self = {plane_.config.worker, slot, plane_.incoming.generation(slot)};
    in.sender_settled = in.presettled = in.complete = true;
    in.label.hint = in.label.presettled = true;
    in.label.ingress = plane_.table->self();
    in.label.address = address;
    in.label.sequence = free;
    in.label.hop_limit = 255;
    in.label.priority = MeshLabel::kPriorities - 1;
    targets_.clear();
    none_free_ = choice_ = false;
    if (const auto target = towards(router, 0); target.kind != Target::Kind::kNone) {
        targets_.push_back(target);
    }
    forward(slot, {}, {});
}

void Forwarder::on_hint(const MeshLabel& label) {
    Record record;
    record.kind = RecordKind::kDemand;
    record.label = label;
    for (std::uint16_t worker = 0; worker < plane_.config.workers; ++worker) {
        if (worker != plane_.config.worker) {
            post(worker, record, {});
        }
    }
    take_hint(label);
    if (label.sequence != kNothingWaits && !plane_.shared->interest.any(label.address)) {
        demand_.untold(label.address, label.ingress);
        send_hint(label.address, label.ingress, kNothingWaits);
    }
}

void Forwarder::take_hint(const MeshLabel& label) {
    if (label.hint && label.sequence == kNothingWaits) {
        demand_.forget(label.address, label.ingress);
    } else if (label.hint) {
        demand_.told(label.address, label.ingress, label.sequence, plane_.now);
    }
    look_at(label.address);
}

bool Forwarder::on_busy(std::uint32_t slot) {
    auto& in = plane_.incoming.at(slot);
    if (in.egress != 0) {
        demand_.told(in.label.address, in.egress, 0, plane_.now);
    }
    if (give_back(in) || !in.kept) {
        return false;
    }
    try_again(slot);
    return true;
}

void Forwarder::try_again(std::uint32_t slot) {
    auto& in = plane_.incoming.at(slot);
    forget_balanced(in);
    in.egress = 0;
    const auto attempts = in.attempts;
    retry(slot);
    if (auto* again = plane_.incoming.find(slot, in.self.generation)) {
        again->attempts = attempts;  // a busy consumer is no failed attempt
    }
}

void Forwarder::send_back(const Record& offer, std::span<const std::byte> payload) {
    auto record = offer;
    record.kind = RecordKind::kReturn;
    record.apart = false;
    post(offer.origin.worker, record, payload);
}

void Forwarder::on_return(const Record& record, std::span<const std::byte> payload) {
    const auto slot = record.origin.slot;
    auto* in = plane_.incoming.find(slot, record.origin.generation);
    if (in == nullptr || record.copy >= in->copies.size() || in->copies[record.copy].done) {
        return;
    }
    in->copies[record.copy].done = true;
    --in->copies_open;
    unhold(*in, payload.size());
    if (in->settled) {
        maybe_release_slot(slot);
    } else if (!record.settled && give_back(*in)) {
        settle(slot, busy());
    } else {
        keep_copy(*in, payload);
        in->kept_since = record.since;
        try_again(slot);
    }
}

void Forwarder::reclaim(routing::AddressHash address) {
    if (demand_.find(address) != nullptr) {
        look_at(address);  // or others wait for the new consumer
    }
    const auto* route = plane_.table->find(address);
    if (route == nullptr || route->treatment == routing::Treatment::kMulticast ||
        (route->local.size() < 2 &&
         (route->treatment == routing::Treatment::kClosest || !others_reachable(*route)))) {
        return;
    }
    std::vector<std::uint32_t> waiting;
    for (const auto& consumer : route->local) {
        auto* connection = plane_.connection(consumer.id.connection);
        auto* link = connection != nullptr ? connection->outgoing(consumer.id.link) : nullptr;
        if (link == nullptr || link->generation != consumer.id.generation) {
            continue;
        }
        const auto before = waiting.size();
        for (auto slot = link->waiting.head; slot != kNoSlot;
             slot = plane_.outgoing.at(slot).next) {
            const auto& out = plane_.outgoing.at(slot);
            if (out.stage == OutgoingDelivery::Stage::kWaiting && out.complete &&
                out.content.size() <= kKeptMax) {
                waiting.push_back(slot);
            }
        }
        for (auto i = before; i < waiting.size(); ++i) {
            dequeue(*link, waiting[i]);
        }
        update_gauge(*connection, consumer.id.link, *link);
    }
    for (const auto slot : waiting) {
        auto& out = plane_.outgoing.at(slot);
        if (out.origin.worker == plane_.config.worker) {
            join_queue(slot);
            continue;
        }
        const auto content = out.content.joined();
        send_back(record_for(RecordKind::kOffer, out), std::as_bytes(std::span(content)));
        free_outgoing(slot);
    }
}

void Forwarder::reclaim_all() {
    std::vector<routing::AddressHash> addresses;
    plane_.connections.for_each([&](std::uint32_t, ConnectionHolder& holder) {
        const LinkIndex links =
            holder.connection->neighbour() ? 0 : holder.connection->link_count();
        for (LinkIndex index = 0; index < links; ++index) {
            if (const auto* link = holder.connection->outgoing(index);
                link != nullptr && link->waiting.size != 0) {
                addresses.push_back(link->hash);
            }
        }
    });
    std::ranges::sort(addresses);
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    for (const auto address : addresses) {
        reclaim(address);
    }
}

bool Forwarder::has_room(const Target& target) {
    auto* connection = plane_.connection(target.consumer.connection);
    const auto* link = connection != nullptr ? connection->outgoing(target.consumer.link) : nullptr;
    return link == nullptr || link->generation != target.consumer.generation ||
           connection->engine().send_credit(target.consumer.link) > link->waiting.size;
}

std::optional<Time> Forwarder::tick_demand() {
    while (!rechecks_.empty() && rechecks_.front().first <= plane_.now) {
        const auto address = rechecks_.front().second;
        rechecks_.pop_front();
        if (auto* entry = demand_.find(address)) {
            entry->recheck = false;
            if (plane_.now < entry->reserved_until) {
                look_again_later(address, *entry);  // reserved once more meanwhile
            }
        }
        look_at(address);
    }
    if (!demand_.empty() && plane_.now >= next_probe_) {
        next_probe_ = plane_.now + kProbeInterval;
        for (const auto address : demand_.tidy(plane_.now)) {
            look_at(address);
        }
    }
    serve_demand();
    std::optional<Time> next = draining_.empty() ? std::nullopt : answer_drains();
    if (!demand_.empty()) {
        next = next ? std::min(*next, next_probe_) : next_probe_;
    }
    if (!demand_.empty() && !rechecks_.empty()) {
        next = std::min(*next, rechecks_.front().first);
    }
    return next;
}

}  // namespace amqmesh::link
