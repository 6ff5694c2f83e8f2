// Multicast consumers that take everything and answer nothing.
//
// Problem: as in forwarder_stalls.cpp, but what holds back the senders are copies that were sent: a
//          consumer with credit for more messages than its senders have, which settles none.
// Model:   a link with kUnansweredMax such copies, none of which was answered for the address's
//          patience, is silent. Its copies are given up (modified: whether they were of use nobody
//          knows) and what follows goes to it settled, but for one copy at a time, whose answer is
//          waited for: with one that comes, everything is as before. One that answers now and then
//          is slow, and holds back its senders as ever.
// Unless:  the consumer wants them all unsettled (AMQP 2.8.2). Then it does not get what follows,
//          again but for one at a time.
// Cost:    a comparison per copy that is sent. Links are looked at when their patience is over.
#include "link/forwarder.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace amqmesh::link {

namespace {

std::uint64_t answers_of(const OutgoingLink& link) {
    const auto& counters = link.counters;
    return counters.accepted + counters.rejected + counters.released + counters.modified;
}

}  // namespace

bool Forwarder::probes(const OutgoingLink& link, const OutgoingDelivery& out) {
    return link.silent && !out.presettled && (link.sent.size == 0 || !out.multicast);
}

bool Forwarder::passes_over(const OutgoingLink& link, const OutgoingDelivery& out) {
    return link.silent && out.multicast && link.settle_mode == SenderSettleMode::kUnsettled &&
           link.sent.size != 0;
}

void Forwarder::watch_silence(const OutgoingDelivery& out) {
    auto* connection =
        plane_.connection(out.connection, plane_.connections.generation(out.connection));
    auto* link = connection != nullptr ? connection->outgoing(out.link) : nullptr;
    if (link == nullptr || link->silence_watched || out.to_mesh ||
        link->settle_mode == SenderSettleMode::kSettled) {
        return;
    }
    const Time patience = patience_of(*link);
    if (patience == 0) {
        return;
    }
    link->silence_watched = true;
    const Time due = plane_.now + patience;
    watched_silences_.push_back({connection->key(out.link), patience, due, answers_of(*link)});
    next_silence_ = std::min(next_silence_, due);
}

std::optional<Time> Forwarder::tick_silence() {
    if (watched_silences_.empty()) {
        return std::nullopt;
    }
    if (plane_.now < next_silence_) {
        return next_silence_;
    }
    next_silence_ = kNever;
    for (auto& watched : std::exchange(watched_silences_, {})) {
        auto* connection =
            plane_.connection(watched.key.connection, watched.key.connection_generation);
        auto* link = connection != nullptr ? connection->outgoing(watched.key.link) : nullptr;
        if (link == nullptr || link->generation != watched.key.link_generation) {
            continue;
        }
        if (watched.due <= plane_.now) {
            const bool answered =
                std::exchange(watched.answers, answers_of(*link)) != watched.answers;
            if (answered && std::exchange(link->silent, false) &&
                link->settle_mode == SenderSettleMode::kSettled) {
                link->settle_mode = SenderSettleMode::kMixed;
            }
            if (!link->silent && link->sent.size < kUnansweredMax) {
                link->silence_watched = false;
                continue;
            }
            if (!answered && link->sent.size != 0) {
                link->silent = true;
                if (link->settle_mode == SenderSettleMode::kMixed) {
                    link->settle_mode = SenderSettleMode::kSettled;
                }
                give_up_unanswered(*connection, *link);
                plane_.touch(*connection);
            }
            watched.due = plane_.now + watched.patience;
        }
        next_silence_ = std::min(next_silence_, watched.due);
        watched_silences_.push_back(watched);
    }
    return next_silence_ == kNever ? std::nullopt : std::optional<Time>(next_silence_);
}

void Forwarder::give_up_unanswered(Connection& connection, OutgoingLink& link) {
    for_each_multicast(link.sent, [&](std::uint32_t slot, OutgoingDelivery& out) {
        remove(link.sent, slot);
        count_left(link, out);
        connection.engine().settle_outgoing(out.session, out.delivery_id, {});
        ++plane_.counters.stalled;
        conclude(slot, modified_failed());
    });
}

}  // namespace amqmesh::link
