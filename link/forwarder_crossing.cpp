// The straight line across workers: a whole message whose way leads over a connection of another
// worker is handed over in one record, and its outcome comes back in one.
//
// As in forwarder_straight.cpp, nothing happens here that the general way would not do; what is
// unusual in any respect is left to it.
#include "link/forwarder.h"

namespace amqmesh::link {

/// [origin] To `far_`, which lives on another worker. False: nothing was done.
[[gnu::noinline]] bool Forwarder::cross(std::uint32_t slot,
                                        const Way& way,
                                        const ConnectionId& arrival,
                                        const Payload& payload) {
    auto& in = plane_.incoming.at(slot);
    const bool to_mesh = far_.kind == Target::Kind::kNeighbour;
    if (payload.more || payload.bytes.size() > kKeptMax || in.offers_left != 0 || in.second_mode ||
        !demand_.empty() || (to_mesh && !pins_.empty())) {
        return false;
    }
    in.copies.push_back({far_.worker(), kNoSlot, 0, false});
    in.copies_open = 1;
    Record record;
    record.kind = RecordKind::kOffer;
    record.presettled = in.presettled;
    record.choosy = !to_mesh && (choice_ || can_go_back(in));
    record.message_format = in.message_format;
    record.origin = in.self;
    record.target = far_;
    record.arrival = arrival;
    record.label = in.label;
    record.since = plane_.now;
    post(far_.worker(), record, payload.bytes);
    hold(in, payload.bytes.size());
    if (to_mesh && arrival.generation == 0) {
        entered_mesh(in, far_.egress, way.outstanding, payload);
    }
    return true;
}

/// [worker of the way] False: nothing was done.
bool Forwarder::take_straight(const Record& record, std::span<const std::byte> bytes) {
    if (record.more || record.second_mode || record.multicast || !demand_.empty() ||
        plane_.now >= record.since + routing::kMillisecond) {
        return false;
    }
    const bool to_mesh = record.target.kind == Target::Kind::kNeighbour;
    const auto way = to_mesh ? way_over(record.target.neighbour, record.target.egress, record.label)
                             : way_to(record.target.consumer);
    if (way.link == nullptr || !way.link->attached || way.link->waiting.size != 0 ||
        (to_mesh && !pins_.empty())) {
        return false;
    }
    const auto slot = plane_.outgoing.take();
    if (!send_on(way, slot, new_copy(record, slot), {bytes, nullptr, false})) {
        plane_.outgoing.give_back(slot);
        return false;
    }
    return true;
}

/// [worker of the way] The outcome of what was sent for another worker. False: nothing was done.
[[gnu::noinline]] bool Forwarder::settle_across(Connection& connection,
                                                std::uint32_t out_slot,
                                                OutgoingDelivery& out,
                                                const DeliveryState& state) {
    auto* link = connection.outgoing(out.link);
    const bool special = state.outcome == Outcome::kReleased || state.outcome == Outcome::kOther ||
                         (out.presettled && !out.to_mesh);
    if (out.stage != OutgoingDelivery::Stage::kSent || special || link == nullptr ||
        out.second_mode || out.streaming) {
        return false;
    }
    link->counters.count(state.outcome);
    count_left(*link, out);
    remove(link->sent, out_slot);
    Record record;
    record.kind = RecordKind::kOutcome;
    record.outcome = state.outcome;
    record.settled = true;
    record.copy = out.copy;
    record.origin = out.origin;
    const auto index = out.link;
    plane_.outgoing.give_back(out_slot);  // it holds no content any more
    post(record.origin.worker, record, state.raw);
    update_gauge(connection, index, *link);
    return true;
}

/// [origin] False: nothing was done.
bool Forwarder::take_outcome(const Record& record, std::span<const std::byte> raw) {
    auto* in = plane_.incoming.find(record.origin.slot, record.origin.generation);
    if (in == nullptr || !record.settled || record.outcome == Outcome::kReleased ||
        record.outcome == Outcome::kOther || !has_one_plain_copy(*in)) {
        return false;
    }
    in->copies[0].done = true;
    in->copies_open = 0;
    if (in->egress != 0 && demand_.took(in->label.address, in->egress, plane_.now)) {
        look_at(in->label.address);
    }
    settle(record.origin.slot, {record.outcome, raw});
    return true;
}

}  // namespace amqmesh::link
