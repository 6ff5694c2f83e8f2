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

void Forwarder::note_waiting(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    if (out.waiting_since == 0) {
        out.waiting_since = plane_.now;
    }
    if (out.expires_at != 0) {
        return;
    }
    const auto ttl = find_ttl(out.content.front());
    if (!ttl) {
        return;
    }
    out.expires_at = out.waiting_since + ttl->ms * routing::kMillisecond;
    if (expiries_.size() >= std::max(kExpiriesMin, 2 * plane_.outgoing.live())) {
        std::erase_if(expiries_, [this](const Expiry& each) { return !waits(each); });
        std::make_heap(expiries_.begin(), expiries_.end());
    }
    expiries_.push_back({out.expires_at, out_slot, plane_.outgoing.generation(out_slot)});
    std::push_heap(expiries_.begin(), expiries_.end());
}

bool Forwarder::waits(const Expiry& expiry) const {
    const auto* out = plane_.outgoing.find(expiry.slot, expiry.generation);
    return out != nullptr && out->expires_at == expiry.at &&
           out->stage != OutgoingDelivery::Stage::kSending &&
           out->stage != OutgoingDelivery::Stage::kSent;
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
    if (expiries_.empty()) {
        return std::nullopt;
    }
    if (const Time next = std::max(expiries_.front().at, next_expiry_); plane_.now < next) {
        return next;
    }
    std::vector<std::pair<std::uint32_t, std::uint32_t>> due;  // slot, generation
    while (!expiries_.empty() && expiries_.front().at <= plane_.now) {
        const auto first = expiries_.front();
        std::pop_heap(expiries_.begin(), expiries_.end());
        expiries_.pop_back();
        if (waits(first)) {
            due.emplace_back(first.slot, first.generation);
        }
    }
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
    // Many with a ttl each of their own: looked at together.
    next_expiry_ = plane_.now + kExpiryStep;
    return expiries_.empty() ? std::nullopt
                             : std::optional<Time>(std::max(expiries_.front().at, next_expiry_));
}

}  // namespace amqmesh::link
