// Multicast consumers that take nothing.
//
// Problem: a multicast message is settled when all its copies are, so one consumer that stands
//          still would hold back the senders, and with them everybody else who listens.
// Model:   a link whose copies have waited for the address's patience, and no byte of them went
//          out meanwhile, has stalled. They are given up (never sent: released; begun: modified),
//          and so is each further one, at once, until the link can be written to again. One that
//          takes something now and then is slow, and holds back its senders as ever.
// Cost:    nothing for copies that go out at once. Links with waiting copies are looked at when the
//          first of them may have stalled.
#include "link/forwarder.h"

#include <algorithm>
#include <utility>

namespace amqmesh::link {

namespace {

constexpr Time kStallStep = 100 * routing::kMillisecond;

}  // namespace

Time Forwarder::patience_of(const OutgoingLink& link) const {
    const std::string_view key = link.key;
    const auto* rule =
        key.starts_with("M0") ? plane_.table->settings().match(key.substr(2)) : nullptr;
    return (rule != nullptr ? *rule : routing::AddressRule{}).multicast_patience_s *
           routing::kSecond;
}

void Forwarder::watch_stall(const Connection& connection, LinkIndex index, OutgoingLink& link) {
    if (link.waiting.size <= 1) {
        link.moved_at = plane_.now;  // nothing waited before
    }
    if (link.stall_watched) {
        return;
    }
    const Time patience = patience_of(link);
    if (patience == 0) {
        return;
    }
    link.stall_watched = true;
    watched_stalls_.push_back({connection.key(index), patience});
    next_stall_ = std::min(next_stall_, plane_.now + patience);
}

bool Forwarder::may_stall(const OutgoingLink& link) const {
    const auto& first = plane_.outgoing.at(link.waiting.head);
    // What has all been written so far waits for its sender.
    return first.stage != OutgoingDelivery::Stage::kSending || !first.content.empty();
}

std::optional<Time> Forwarder::tick_stalls() {
    if (watched_stalls_.empty()) {
        return std::nullopt;
    }
    if (plane_.now < next_stall_) {
        return next_stall_;
    }
    next_stall_ = kNever;
    for (const auto& watched : std::exchange(watched_stalls_, {})) {
        auto* connection =
            plane_.connection(watched.key.connection, watched.key.connection_generation);
        auto* link = connection != nullptr ? connection->outgoing(watched.key.link) : nullptr;
        if (link == nullptr || link->generation != watched.key.link_generation) {
            continue;
        }
        if (link->waiting.size == 0) {
            link->stall_watched = false;
            continue;
        }
        if (!may_stall(*link)) {
            link->moved_at = plane_.now;
        }
        const Time due = link->moved_at + watched.patience;
        if (due > plane_.now) {
            watched_stalls_.push_back(watched);
            next_stall_ = std::min(next_stall_, due);
            continue;
        }
        link->stall_watched = false;
        link->stalled = true;
        give_up_waiting(*connection, watched.key.link, *link);
    }
    if (watched_stalls_.empty()) {
        return std::nullopt;
    }
    next_stall_ = std::max(next_stall_, plane_.now + kStallStep);
    return next_stall_;
}

void Forwarder::give_up_waiting(Connection& connection, LinkIndex index, OutgoingLink& link) {
    for_each_multicast(link.waiting, [&](std::uint32_t slot, OutgoingDelivery& out) {
        const bool begun = out.stage == OutgoingDelivery::Stage::kSending;
        dequeue(link, slot);
        if (begun) {
            connection.engine().abort_delivery(index);
        }
        give_up(slot, begun);
    });
    plane_.touch(connection);
    pump(connection, index);  // a drain may have waited for them
}

void Forwarder::give_up(std::uint32_t out_slot, bool begun) {
    ++plane_.counters.stalled;
    conclude(out_slot, begun ? modified_failed() : DeliveryState{Outcome::kReleased, {}});
}

}  // namespace amqmesh::link
