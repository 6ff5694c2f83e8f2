// Released by one consumer, offered to another, where the address says so (maxDeliveryAttempts).
//
// Problem: a consumer that releases a message could not take it (AMQP 3.4.4); another one may. The
//          sender is to see one outcome, and the number of consumers asked is bounded.
// Model:   1. The router where the message entered the mesh keeps a copy of a short one and the
//             number of offers left. It tells that number to the router that it sends it to.
//          2. That router asks its own consumers, each at most once, and gives the message back
//             ("declined") with what is left of the number.
//          3. The first router asks its own consumers and the other routers, each at most once,
//             until the number is used up or nobody is left: then its sender sees `released`.
// Ends:    every offer lowers the number. The consumers asked are remembered where the delivery
// came
//          in, so the same one is not asked again: only there is another one looked for (the label
//          says so to other workers), and once one was asked here, the word to the first router is
//          never "busy" or "unreached".
#include "link/forwarder.h"

#include <algorithm>
#include <memory>

namespace amqmesh::link {

void Forwarder::prepare_offers(IncomingDelivery& in, const Payload& payload) {
    const bool whole = !payload.more && payload.bytes.size() <= kKeptMax;
    if (in.multicast || in.presettled || in.second_mode || !whole) {
        in.offers_left = 0;
        return;
    }
    if (in.label.ingress == plane_.table->self()) {
        in.label.set_offers(in.offers_left);
    }
    if (!in.kept) {
        keep_copy(in, payload.bytes);
    }
}

ConsumerId Forwarder::consumer_of(const OutgoingDelivery& out) {
    if (out.to_mesh || out.connection == kNoSlot) {
        return {};
    }
    auto* connection =
        plane_.connection(out.connection, plane_.connections.generation(out.connection));
    const auto* link = connection != nullptr ? connection->outgoing(out.link) : nullptr;
    return link == nullptr ? ConsumerId{}
                           : ConsumerId{connection->id(), out.link, link->generation};
}

bool Forwarder::another_exists(const IncomingDelivery& in) const {
    const auto* route = plane_.table->find(in.label.address);
    if (route == nullptr) {
        return false;
    }
    const bool local = std::ranges::any_of(route->local, [&](const routing::LocalConsumer& each) {
        return !gone(each) && !in.refusals->has(each.id);
    });
    const bool entered_here = in.label.ingress == plane_.table->self();
    return local || (entered_here &&
                     std::ranges::any_of(route->remote, [&](const routing::RemoteConsumers& each) {
                         return plane_.table->route(each) != nullptr &&
                                !in.refusals->has(plane_.table->router(each));
                     }));
}

bool Forwarder::offer_to_another(std::uint32_t slot,
                                 const DeliveryState& state,
                                 const ConsumerId& consumer) {
    auto& in = plane_.incoming.at(slot);
    const auto left = declined_left(state);
    // Without a consumer it was not a consumer's word: its time to live has run out, or the like.
    const bool told = left || (state.outcome == Outcome::kReleased &&
                               (in.egress != 0 || consumer.generation != 0));
    if (!in.kept || !told) {
        return false;
    }
    if (!in.refusals) {
        in.refusals = std::make_unique<Refusals>();
    }
    if (in.egress != 0) {
        in.refusals->routers.push_back(in.egress);
        // `released` itself: that router has used them all.
        in.offers_left = left ? std::min(in.offers_left, *left) : std::uint8_t{0};
    } else {
        in.refusals->consumers.push_back(consumer);
    }
    if (in.offers_left != 0 && another_exists(in)) {
        --in.offers_left;
        ++plane_.counters.redelivered;
        in.label.set_offers(in.offers_left);
        in.label.set_again();
        try_again(slot);
        return true;
    }
    if (in.offers_left != 0 && in.label.ingress != plane_.table->self()) {
        settle(slot, declined(in.offers_left));
        return true;
    }
    return false;
}

DeliveryState Forwarder::after_refusals(const IncomingDelivery& in,
                                        const DeliveryState& state) const {
    // For `unreached` the router where it entered the mesh might ask those here once more.
    if (!is_unreached(state) || in.label.ingress == plane_.table->self()) {
        return state;
    }
    return in.offers_left != 0 ? declined(in.offers_left) : DeliveryState{Outcome::kReleased, {}};
}

}  // namespace amqmesh::link
