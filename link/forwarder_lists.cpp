// A link's deliveries in order; what waits for a lane between routers, in order of priority.
#include "link/forwarder.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace amqmesh::link {

void Forwarder::append(DeliveryList& list, std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    out.previous = list.tail;
    out.next = kNoSlot;
    if (list.tail != kNoSlot) {
        plane_.outgoing.at(list.tail).next = out_slot;
    } else {
        list.head = out_slot;
    }
    list.tail = out_slot;
    ++list.size;
}

void Forwarder::enqueue(OutgoingLink& link, std::uint32_t out_slot) {
    auto& list = link.waiting;
    auto& out = plane_.outgoing.at(out_slot);
    const auto priority = std::min<std::size_t>(out.label.priority, MeshLabel::kPriorities - 1);
    // Behind the last one that is at least as urgent, or what is being sent already.
    std::uint32_t after = list.tail;
    if (link.tails) {
        const auto& last = link.tails->last;
        const auto found = std::find_if(last.begin() + static_cast<std::ptrdiff_t>(priority),
                                        last.end(),
                                        [](std::uint32_t slot) { return slot != kNoSlot; });
        const bool sending = list.head != kNoSlot && plane_.outgoing.at(list.head).stage ==
                                                         OutgoingDelivery::Stage::kSending;
        after = found != last.end() ? *found : (sending ? list.head : kNoSlot);
        link.tails->last[priority] = out_slot;
    }
    if (after == list.tail) {
        append(list, out_slot);
        return;
    }
    out.previous = after;
    auto& link_to_next = after == kNoSlot ? list.head : plane_.outgoing.at(after).next;
    out.next = std::exchange(link_to_next, out_slot);
    plane_.outgoing.at(out.next).previous = out_slot;
    ++list.size;
}

void Forwarder::leave_priority(OutgoingLink& link, std::uint32_t out_slot) {
    const auto& out = plane_.outgoing.at(out_slot);
    if (!link.tails || out.stage != OutgoingDelivery::Stage::kWaiting) {
        return;
    }
    const auto priority = std::min<std::size_t>(out.label.priority, MeshLabel::kPriorities - 1);
    auto& last = link.tails->last[priority];
    if (last != out_slot) {
        return;
    }
    last = kNoSlot;
    if (out.previous != kNoSlot) {
        const auto& before = plane_.outgoing.at(out.previous);
        if (before.stage == OutgoingDelivery::Stage::kWaiting &&
            before.label.priority == out.label.priority) {
            last = out.previous;
        }
    }
}

void Forwarder::dequeue(OutgoingLink& link, std::uint32_t out_slot) {
    leave_priority(link, out_slot);
    remove(link.waiting, out_slot);
    auto& out = plane_.outgoing.at(out_slot);
    link.counters.ages.stuck -= std::exchange(out.stuck, false) ? 1U : 0U;
}

void Forwarder::remove(DeliveryList& list, std::uint32_t out_slot) {
    const auto& out = plane_.outgoing.at(out_slot);
    if (out.previous != kNoSlot) {
        plane_.outgoing.at(out.previous).next = out.next;
    } else {
        list.head = out.next;
    }
    if (out.next != kNoSlot) {
        plane_.outgoing.at(out.next).previous = out.previous;
    } else {
        list.tail = out.previous;
    }
    --list.size;
}

void Forwarder::for_each_multicast(
    const DeliveryList& list, const std::function<void(std::uint32_t, OutgoingDelivery&)>& visit) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> found;  // slot, generation
    for (auto slot = list.head; slot != kNoSlot; slot = plane_.outgoing.at(slot).next) {
        if (plane_.outgoing.at(slot).multicast) {
            found.emplace_back(slot, plane_.outgoing.generation(slot));
        }
    }
    for (const auto& [slot, generation] : found) {
        if (auto* out = plane_.outgoing.find(slot, generation)) {
            visit(slot, *out);
        }
    }
}

}  // namespace amqmesh::link
