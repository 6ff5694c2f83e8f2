// Deliveries that nobody waits for any more.
//
// Problem: a delivery outlives its sender's link, for its consumer's sake. Credit bounds what a
//          sender has under way while it is there; but it may come again and again, and leave
//          deliveries behind each time, at a consumer that takes everything and settles nothing.
// Model:   such deliveries are counted. What would be one too many is given up, at all nodes that
//          it has come to: unsent it is dropped, as if its sender had not sent it, which was told
//          nothing; sent it is settled towards its consumer.
// Across:  a node that gives a delivery up settles it towards its neighbour, which then does the
//          same. Copies on other workers are found by looking through all of theirs, for
//          many at a time: they have no list by origin, which every message would have to pay for.
// Bounds:  kLeftBehindMax per worker; of copies to be looked for, kGivenUpMax.
#include "link/forwarder.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace amqmesh::link {

void Forwarder::on_incoming_gone(Connection& connection, IncomingLink& link) {
    // Off the list first: what ends one of them may end others.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> deliveries;  // slot, generation
    for (auto slot = std::exchange(link.newest, kNoSlot); slot != kNoSlot;) {
        auto& in = plane_.incoming.at(slot);
        deliveries.emplace_back(slot, plane_.incoming.generation(slot));
        slot = std::exchange(in.older, kNoSlot);
        in.newer = kNoSlot;
    }
    for (const auto& [slot, generation] : deliveries) {
        auto* found = plane_.incoming.find(slot, generation);
        if (found == nullptr) {
            continue;
        }
        auto& in = *found;
        in.sender_settled = true;
        if (in.held != 0) {  // the session may live on, and its other links with it
            connection.engine().unhold(in.session, std::exchange(in.held, 0));
            plane_.touch(connection);
        }
        if (in.awaits_sender) {  // nobody is left to settle it: it counts as settled
            on_sender_disposition(pack_context(slot, generation), true);
            if (plane_.incoming.find(slot, generation) != nullptr) {
                leave_behind(slot);
            }
            continue;
        }
        const bool half_received = !in.complete;
        in.complete = true;
        if (half_received && !in.settled) {
            abort_copies(in);
            settle(slot, {Outcome::kNone, {}});
            continue;
        }
        leave_behind(slot);
    }
}

void Forwarder::leave_behind(std::uint32_t slot) {
    const auto generation = plane_.incoming.generation(slot);
    maybe_release_slot(slot);
    auto* in = plane_.incoming.find(slot, generation);
    if (in == nullptr || in->left_behind) {
        return;
    }
    if (left_behind_ >= kLeftBehindMax) {
        give_up_delivery(slot);
        return;
    }
    in->left_behind = true;
    ++left_behind_;
}

void Forwarder::give_up_delivery(std::uint32_t slot) {
    auto& in = plane_.incoming.at(slot);
    for (std::size_t i = 0; i < in.copies.size(); ++i) {
        const auto copy = in.copies[i];
        if (std::exchange(in.copies[i].done, true)) {
            continue;
        }
        if (copy.worker == plane_.config.worker) {
            if (plane_.outgoing.find(copy.slot, copy.generation) != nullptr) {
                abort_copy(copy.slot);
            }
            continue;
        }
        Record record;
        record.kind = RecordKind::kGiveUp;
        record.origin = in.self;
        record.copy = static_cast<std::uint32_t>(i);
        for (std::uint16_t worker = 0; worker < plane_.config.workers; ++worker) {
            if (worker != plane_.config.worker) {
                post(worker, record, {});  // it may have been passed on
            }
        }
    }
    in.copies_open = 0;
    if (in.settled) {
        maybe_release_slot(slot);
    } else {
        settle(slot, {Outcome::kReleased, {}});
    }
}

void Forwarder::take_given_up(const Record& record) {
    given_up_.emplace_back(record.origin, record.copy);
    if (given_up_.size() >= kGivenUpMax) {
        end_given_up();
    }
}

void Forwarder::end_given_up() {
    auto copies = std::exchange(given_up_, {});
    std::ranges::sort(copies);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> found;  // slot, generation
    plane_.outgoing.for_each([&](std::uint32_t slot, const OutgoingDelivery& out) {
        if (out.origin.worker != plane_.config.worker &&
            std::ranges::binary_search(copies, CopyId{out.origin, out.copy})) {
            found.emplace_back(slot, plane_.outgoing.generation(slot));
        }
    });
    for (const auto& [slot, generation] : found) {
        if (plane_.outgoing.find(slot, generation) != nullptr) {
            abort_copy(slot);
        }
    }
}

}  // namespace amqmesh::link
