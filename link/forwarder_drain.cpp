// A consumer's drain, while messages wait for a free consumer of its address.
//
// Problem: drain asks for what there is now (AMQP 2.6.7): a client takes the answer for "nothing".
//          What waits for the address is not on the consumer's list, but in the queue of its
//          worker, of another one or at another router, and hears of the credit only now.
// Model:   the answer is given when nobody waits for the address any more, when the credit is used
//          up, or after kDrainPatience: what waits far away, or has gone to another consumer, may
//          not come.
// Bounds:  one entry for each link.
#include "link/connection.h"
#include "link/forwarder.h"

#include <algorithm>

namespace amqmesh::link {

namespace {

constexpr Time kDrainPatience = 20 * routing::kMillisecond;

}  // namespace

void Forwarder::on_drain(Connection& connection, LinkIndex index, OutgoingLink& link) {
    if (link.gauge == 0 || connection.engine().send_credit(index) == 0 ||
        !plane_.shared->interest.any(link.hash)) {
        end_drain(connection, index, link);
        return;
    }
    const auto same = [&](const Drain& one) {
        return one.consumer.connection == connection.id() && one.consumer.link == index &&
               one.consumer.generation == link.generation;
    };
    if (std::ranges::none_of(draining_, same)) {
        draining_.push_back(
            {{connection.id(), index, link.generation}, plane_.now + kDrainPatience});
        look_at(link.hash);
    }
}

void Forwarder::end_drain(Connection& connection, LinkIndex index, OutgoingLink& link) {
    link.drain = false;
    connection.engine().drained(index);
    plane_.touch(connection);
}

/// When to look again.
std::optional<Time> Forwarder::answer_drains() {
    std::optional<Time> next;
    std::erase_if(draining_, [&](const Drain& drain) {
        auto* connection = plane_.connection(drain.consumer.connection);
        auto* link = connection != nullptr ? connection->outgoing(drain.consumer.link) : nullptr;
        if (link == nullptr || link->generation != drain.consumer.generation || !link->drain) {
            return true;
        }
        if (plane_.now < drain.until && plane_.shared->interest.any(link->hash)) {
            next = next ? std::min(*next, drain.until) : drain.until;
            return false;
        }
        if (link->waiting.size == 0) {
            end_drain(*connection, drain.consumer.link, *link);
            update_gauge(*connection, drain.consumer.link, *link);
        }
        return true;  // or the end of what it gets answers
    });
    return next;
}

}  // namespace amqmesh::link
