#include "link/neighbour.h"

#include "link/connection.h"
#include "link/message_scan.h"

#include <algorithm>
#include <array>
#include <utility>

namespace amqmesh::link {

namespace {

/// Bound of one control message (routing::Limits::message_bytes and its section header).
constexpr std::size_t kControlMessageMax = (1U << 20U) + 64;

// What keeps its order shares a lane: the messages of one link to one address. Not of a flow alone:
// of many flows two have the same 16 bits, and one of them may stand still. A multicast label has
// the topology in place of the flow.
std::uint64_t flow_key(const MeshLabel& label) {
    const std::uint64_t flow = label.multicast() ? 0 : label.flow;
    return (label.ingress ^ label.address) + flow * 0x9e3779b97f4a7c15ULL;
}

}  // namespace

LinkIndex Connection::open_lane(LinkPurpose purpose,
                                const std::string& name,
                                const char* capability) {
    Engine::AttachOptions options;
    options.name = name;
    options.role = Role::kSender;
    options.source.kind = Terminus::Kind::kSource;
    options.source.address = plane_.config.router_name;
    options.target.kind = Terminus::Kind::kTarget;
    options.target.address = name;
    options.target.capabilities = {capability};
    const auto link = engine_.attach(engine_.begin(), options);
    auto& out = make_outgoing(link, name, purpose);
    if (purpose != LinkPurpose::kControl) {
        out.tails = std::make_unique<PriorityTails>();
    }
    plane_.touch(*this);
    return link;
}

void Connection::open_neighbour_links() {
    control_out_ = open_lane(LinkPurpose::kControl, "amqmesh.control", kControlCapability);
    short_lane_ = open_lane(LinkPurpose::kShortLane, "amqmesh.lane.0", kShortLaneCapability);
}

void Connection::on_attached(LinkIndex link, const RemoteAttach& attach) {
    auto* out = outgoing(link);
    if (out == nullptr) {
        return;
    }
    if (attach.target.kind == Terminus::Kind::kNull) {
        return;  // refused: detach follows
    }
    out->attached = true;
    if (out->purpose == LinkPurpose::kControl) {
        maybe_report_control_up();
    }
}

Connection::LaneChoice Connection::lane_for(const MeshLabel& label, bool streaming) {
    if (short_lane_ == kNoLink || closed_) {
        return {};
    }
    if (!streaming && stream_lanes_.empty()) {
        return {short_lane_, true};
    }
    const auto flow = flow_key(label);
    const auto load = [this](const StreamLane& lane) {
        const auto* out = outgoing(lane.link);
        return out == nullptr ? 0U : out->waiting.size + out->sent.size;
    };
    for (const auto& lane : stream_lanes_) {
        if (lane.flow == flow && load(lane) > 0) {
            return {lane.link, true};
        }
    }
    if (!streaming) {
        return {short_lane_, true};
    }
    auto best = std::ranges::min_element(
        stream_lanes_, [&](const StreamLane& a, const StreamLane& b) { return load(a) < load(b); });
    if ((best == stream_lanes_.end() || load(*best) > 0) &&
        stream_lanes_.size() < kStreamLanesMax) {
        const auto name = "amqmesh.stream." + std::to_string(stream_lanes_.size());
        const auto link = open_lane(LinkPurpose::kStreamLane, name, kStreamLaneCapability);
        stream_lanes_.push_back({link, flow});
        return {link, true};
    }
    best->flow = flow;
    return {best->link, true};
}

void Connection::maybe_report_control_up() {
    const auto* out = control_out_ == kNoLink ? nullptr : outgoing(control_out_);
    if (control_reported_ || !control_in_ || out == nullptr || !out->attached ||
        engine_.send_credit(control_out_) == 0) {
        return;
    }
    control_reported_ = true;
    plane_.outlet.report(report::ControlUp{id_, remote_.container_id, options_.cost});
    plane_.outlet.report(report::ControlCredit{id_, engine_.send_credit(control_out_)});
}

void Connection::receive_control(IncomingLink& link, Transfer& transfer) {
    if (transfer.first) {
        ++link.counters.deliveries;
        control_message_.clear();
    }
    control_message_.append(reinterpret_cast<const char*>(transfer.payload.data()),
                            transfer.payload.size());
    if (control_message_.size() > kControlMessageMax) {
        engine_.close({"amqp:link:message-size-exceeded", "control message over 1 MiB"},
                      plane_.now);
        plane_.touch(*this);
        return;
    }
    if (transfer.more || transfer.aborted) {
        return;
    }
    const auto body = data_body(std::as_bytes(std::span(control_message_)));
    if (!body) {
        engine_.close({"amqp:decode-error", "a control message is one data section"}, plane_.now);
        plane_.touch(*this);
        return;
    }
    plane_.outlet.report(report::ControlFrame{id_, std::string(*body)});
    // In the control thread's mailbox it is as good as stored: nothing between here and there is
    // lost.
    engine_.dispose(transfer.session, transfer.delivery_id, {Outcome::kAccepted, {}}, true);
    plane_.queue_credit(*this, transfer.link);
    plane_.touch(*this);
}

void Connection::send_control(std::uint64_t token, std::string bytes) {
    control_queue_.emplace_back(token, std::move(bytes));
    pump_control();
}

void Connection::pump_control() {
    if (control_out_ == kNoLink) {
        return;
    }
    while (!control_queue_.empty() && engine_.writable(control_out_)) {
        const auto& [token, bytes] = control_queue_.front();
        auto* out = outgoing(control_out_);
        const auto header = data_header(static_cast<std::uint32_t>(bytes.size()));
        std::string message(reinterpret_cast<const char*>(header.bytes), sizeof header.bytes);
        message += bytes;
        if (!control_started_) {
            std::array<std::byte, 4> tag{};
            for (std::size_t i = 0; i < tag.size(); ++i) {
                tag[i] = static_cast<std::byte>((out->tag >> (8 * i)) & 0xffU);
            }
            ++out->tag;
            ++out->counters.deliveries;
            OutboundDelivery delivery;
            delivery.tag = tag;
            delivery.context = kControlContext | token;
            engine_.start_delivery(control_out_, delivery);
            control_started_ = true;
            control_written_ = 0;
        }
        const auto rest = std::as_bytes(std::span(message)).subspan(control_written_);
        const auto written = engine_.write_delivery(control_out_, rest, nullptr, false);
        plane_.touch(*this);
        control_written_ += written.bytes;
        if (!written.complete) {
            return;
        }
        control_started_ = false;
        control_queue_.pop_front();
    }
}

// Problem: a node that stood still for a while has messages in its sockets that its neighbours gave
//          up long ago: they count as `modified`, and what followed them went another way. Sent on
//          now they would come behind what was sent after them, or a second time.
// Model:   a neighbour waits for as long as we promised to write at least once (ROUTING 1.9). When
//          that has passed without a byte from here, the timer of the next heartbeat is overdue (so
//          it is not a slow network that takes no more) and the neighbour has closed meanwhile,
//          then no message is taken that comes before its end. Outcomes are: they are still true.
// Else:    whoever has not closed may have stood still as well, with the whole machine; all goes on
//          with it then.
Time Connection::patience() const {
    return Time{options_.heartbeat_ms} * options_.detect_mult * routing::kMillisecond;
}

bool Connection::stood_still(Time now) const {
    const Time heartbeat = Time{options_.heartbeat_ms} * routing::kMillisecond;
    return control_reported_ && now > last_output_ + patience() &&
           now > last_tick_ + heartbeat * 3 / 2;  // jitter is a tenth
}

void Connection::note_output(Time now) {
    woke_at_ = stood_still(now) ? now : woke_at_;
    last_output_ = now;
}

void Connection::note_tick(Time now) {
    woke_at_ = stood_still(now) ? now : woke_at_;
    last_tick_ = now;
}

void Connection::peer_ended(Time now) {
    given_up_ = stood_still(now) || (woke_at_ != 0 && now < woke_at_ + patience());
}

void Connection::report_life() {
    const auto heard = engine_.last_received();
    if (control_reported_ && heard != last_life_) {
        last_life_ = heard;
        plane_.outlet.report(report::Alive{id_});
    }
}

}  // namespace amqmesh::link
