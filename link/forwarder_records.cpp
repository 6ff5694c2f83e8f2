// What the two halves of a delivery tell each other when they live on different workers.
#include "link/forwarder.h"

namespace amqmesh::link {

Record Forwarder::record_for(RecordKind kind, const OutgoingDelivery& out) const {
    Record record;
    record.kind = kind;
    record.presettled = out.presettled;
    record.second_mode = out.second_mode;
    record.multicast = out.multicast;
    record.more = !out.complete;
    record.copy = out.copy;
    record.message_format = out.message_format;
    record.origin = out.origin;
    record.arrival = out.arrival;
    record.label = out.label;
    record.since = out.waiting_since == 0 ? plane_.now : out.waiting_since;
    return record;
}

void Forwarder::post(std::uint16_t worker,
                     const Record& record,
                     std::span<const std::byte> payload) {
    auto& batch = plane_.batches[worker];
    const bool apart = payload.size() >= Content::kCopyBelow;
    const auto at = batch.bytes.size();
    append_record(batch.bytes, record, apart ? std::span<const std::byte>{} : payload);
    if (apart) {
        put_apart(batch, at, payload);
    }
}

void Forwarder::share_payload() {
    has_payload_.assign(plane_.config.workers, false);
}

void Forwarder::post_copy(std::uint16_t worker,
                          Record& record,
                          std::span<const std::byte> payload) {
    if (!record.multicast || payload.empty()) {
        post(worker, record, payload);
        return;
    }
    const bool has_it = has_payload_.at(worker);
    record.share = has_it ? PayloadShare::kSame : PayloadShare::kFirst;
    has_payload_.at(worker) = true;
    post(worker, record, has_it ? std::span<const std::byte>{} : payload);
}

/// What would wait without being copied, if it came in there, does so when it comes from here.
[[gnu::noinline]] void Forwarder::put_apart(CrossBatch& batch,
                                            std::size_t record_at,
                                            std::span<const std::byte> payload) {
    reinterpret_cast<Record*>(batch.bytes.data() + record_at)->apart = true;
    batch.apart.emplace_back(reinterpret_cast<const char*>(payload.data()), payload.size());
}

OutgoingDelivery& Forwarder::new_copy(const Record& record, std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    out.reset();
    out.begun = plane_.now;
    out.origin = record.origin;
    out.copy = record.copy;
    out.presettled = record.presettled;
    out.second_mode = record.second_mode;
    out.multicast = record.multicast;
    out.message_format = record.message_format;
    out.arrival = record.arrival;
    out.label = record.label;
    return out;
}

void Forwarder::on_bytes_gone(const Record& record) {
    if (auto* in = plane_.incoming.find(record.origin.slot, record.origin.generation)) {
        unhold(*in, record.bytes);
    }
}

void Forwarder::on_record(const Record& record,
                          std::span<const std::byte> payload,
                          const ChunkRef* owner) {
    const Payload rest{payload, owner, record.more};
    switch (record.kind) {
        case RecordKind::kOffer: {
            if (take_straight(record, payload)) {
                return;
            }
            if (record.choosy && record.target.kind == Target::Kind::kConsumer &&
                !has_room(record.target)) {
                send_back(record, payload);
                return;
            }
            const auto slot = plane_.outgoing.take();
            auto& out = new_copy(record, slot);
            if (record.more || record.second_mode) {
                remote_[{record.origin, record.copy}] = slot;
            }
            if (plane_.now < record.since + routing::kMillisecond) {
                place(slot, record.target, rest);
                return;
            }
            out.waiting_since = record.since;  // there, or on its way between the workers
            keep(out, rest, 0);
            place(slot, record.target, {{}, nullptr, rest.more});
            return;
        }
        case RecordKind::kContinue:
        case RecordKind::kSettle: {
            const auto found = remote_.find({record.origin, record.copy});
            if (found == remote_.end()) {
                // The copy has ended meanwhile, and others of a multicast message go on.
                if (!payload.empty()) {
                    Record gone;
                    gone.kind = RecordKind::kProgress;
                    gone.origin = record.origin;
                    gone.bytes = static_cast<std::uint32_t>(payload.size());
                    post(record.origin.worker, gone, {});
                }
                return;
            }
            const auto slot = found->second;
            if (record.kind == RecordKind::kSettle) {
                if (auto& out = plane_.outgoing.at(slot); out.told_upstream) {
                    on_sender_settled_here(slot);
                }
            } else if (record.aborted) {
                abort_copy(slot);
            } else {
                extend(slot, rest);
            }
            return;
        }
        case RecordKind::kGiveUp:
            take_given_up(record);
            return;
        case RecordKind::kReturn:
            on_return(record, payload);
            return;
        case RecordKind::kDemand:
            take_hint(record.label);
            return;
        case RecordKind::kTable:
            plane_.unanswered.on_other_worker(
                plane_, static_cast<std::uint16_t>(record.copy), record.since);
            return;
        case RecordKind::kProgress:
            on_bytes_gone(record);
            return;
        case RecordKind::kOutcome:
            if (take_outcome(record, payload)) {
                return;
            }
            if (record.bytes != 0) {
                on_bytes_gone(record);
            }
            on_copy_outcome(record.origin,
                            record.copy,
                            {record.outcome, payload},
                            record.settled,
                            record.target.consumer);
            return;
    }
}

void Forwarder::on_sender_settled_here(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    settle_downstream(out);
    auto* connection =
        plane_.connection(out.connection, plane_.connections.generation(out.connection));
    if (auto* link = connection != nullptr ? connection->outgoing(out.link) : nullptr) {
        count_left(*link, out);
        remove(link->sent, out_slot);
    }
    conclude(out_slot, {Outcome::kAccepted, {}});
}

}  // namespace amqmesh::link
