// Time to live (AMQP 3.2.1): what a delivery waits here is taken off its header's ttl when it goes
// on, so that the consumer sees what is left; what has none left is not sent. Each node of the way
// takes off its own waiting, and none that did not take a millisecond.
#include "link/forwarder.h"
#include "link/message_scan.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace amqmesh::link {

void Forwarder::note_waiting(OutgoingDelivery& out) {
    if (out.waiting_since == 0) {
        out.waiting_since = plane_.now;
    }
    if (out.expires_at != 0) {
        return;
    }
    if (const auto ttl = find_ttl(out.content.front())) {
        out.expires_at = out.waiting_since + ttl->ms * routing::kMillisecond;
        next_expiry_ = std::min(next_expiry_, out.expires_at);
    }
}

bool Forwarder::take_off_ttl(OutgoingDelivery& out) {
    if (out.expires_at == 0) {
        return true;
    }
    if (out.expires_at <= plane_.now) {
        return false;
    }
    if (plane_.now < out.waiting_since + routing::kMillisecond) {
        return true;
    }
    const auto left =
        (out.expires_at - plane_.now + routing::kMillisecond - 1) / routing::kMillisecond;
    const auto ttl = find_ttl(out.content.front());
    if (!ttl) {
        return true;
    }
    std::array<std::byte, sizeof(std::uint32_t)> bytes{};
    for (std::size_t i = 0; i < ttl->width; ++i) {
        bytes[i] = static_cast<std::byte>(left >> (8 * (ttl->width - 1 - i)) & 0xffU);
    }
    out.content.overwrite(ttl->at, std::span(bytes).first(ttl->width));
    return true;
}

void Forwarder::expire(std::uint32_t out_slot) {
    const auto& out = plane_.outgoing.at(out_slot);
    ++plane_.counters.expired;
    if (out.multicast && out.presettled && out.to_mesh) {
        ++plane_.counters.dropped_presettled;  // of others settle() and conclude() know
    }
    conclude(out_slot, {Outcome::kReleased, {}});
}

std::optional<Time> Forwarder::expire_due() {
    if (next_expiry_ == kNever) {
        return std::nullopt;
    }
    if (next_expiry_ > plane_.now) {
        return next_expiry_;
    }
    std::vector<std::pair<std::uint32_t, std::uint32_t>> due;  // slot, generation
    next_expiry_ = kNever;
    plane_.outgoing.for_each([&](std::uint32_t slot, const OutgoingDelivery& out) {
        if (out.expires_at == 0 || out.stage == OutgoingDelivery::Stage::kSending ||
            out.stage == OutgoingDelivery::Stage::kSent) {
            return;
        }
        if (out.expires_at <= plane_.now) {
            due.emplace_back(slot, plane_.outgoing.generation(slot));
        } else {
            next_expiry_ = std::min(next_expiry_, out.expires_at);
        }
    });
    for (const auto& [slot, generation] : due) {
        const auto* found = plane_.outgoing.find(slot, generation);
        if (found == nullptr) {
            continue;  // the pumping below came first
        }
        const auto& out = *found;
        if (out.stage == OutgoingDelivery::Stage::kParked) {
            leave_parked(slot);
            expire(slot);
            continue;
        }
        if (out.stage == OutgoingDelivery::Stage::kQueued) {
            leave_queue(slot);
            expire(slot);
            continue;
        }
        auto* connection =
            plane_.connection(out.connection, plane_.connections.generation(out.connection));
        const auto index = out.link;
        auto* link = connection != nullptr ? connection->outgoing(index) : nullptr;
        if (link != nullptr) {
            dequeue(*link, slot);
        }
        expire(slot);
        if (link != nullptr) {
            pump(*connection, index);  // a drain may have waited for it
        }
    }
    if (next_expiry_ == kNever) {
        return std::nullopt;
    }
    // Many with a ttl each of their own: looked at together.
    next_expiry_ = std::max(next_expiry_, plane_.now + kExpiryStep);
    return next_expiry_;
}

}  // namespace amqmesh::link
