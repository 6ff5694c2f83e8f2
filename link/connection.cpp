#include "link/connection.h"

#include "link/forwarder.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace amqmesh::link {

void LinkCounters::count(Outcome outcome) {
    switch (outcome) {
        case Outcome::kAccepted:
            ++accepted;
            break;
        case Outcome::kRejected:
            ++rejected;
            break;
        case Outcome::kReleased:
            ++released;
            break;
        case Outcome::kModified:
            ++modified;
            break;
        case Outcome::kNone:
        case Outcome::kReceived:
        case Outcome::kOther:
            break;
    }
}

const char* to_string(ConnectionRole role) {
    switch (role) {
        case ConnectionRole::kNormal:
            return "normal";
        case ConnectionRole::kRouteContainer:
            return "route-container";
        case ConnectionRole::kInterRouter:
            return "inter-router";
    }
    return "";
}

Connection::Connection(
    Plane& plane, Forwarder& forwarder, ConnectionId id, const ConnectionOptions& options, Time now)
    : plane_(plane),
      forwarder_(forwarder),
      id_(id),
      options_(options),
      engine_(options.engine, *this, plane.pool, now),
      last_life_(now),
      last_output_(now),
      last_tick_(now) {}

Connection::~Connection() = default;

LinkKey Connection::key(LinkIndex link) const {
    return {id_.slot, id_.generation, link, link < links_.size() ? links_[link].generation : 0};
}

Connection::LinkSlot& Connection::slot(LinkIndex link) {
    if (link >= links_.size()) {
        links_.resize(link + 1);
    }
    return links_[link];
}

IncomingLink& Connection::make_incoming(LinkIndex link,
                                        const RemoteAttach& attach,
                                        LinkPurpose purpose) {
    auto& place = slot(link);
    place.out.reset();
    incoming_count_ += place.in ? 0U : 1U;
    place.in = std::make_unique<IncomingLink>();
    place.in->generation = ++place.generation;
    place.in->purpose = purpose;
    place.in->name = attach.name;
    place.in->receiver_settle_mode = attach.receiver_settle_mode;
    place.in->capacity = options_.link_capacity;
    place.in->attached_at = plane_.now;
    return *place.in;
}

OutgoingLink& Connection::make_outgoing(LinkIndex link,
                                        const std::string& name,
                                        LinkPurpose purpose) {
    auto& place = slot(link);
    incoming_count_ -= place.in ? 1U : 0U;
    place.in.reset();
    place.out = std::make_unique<OutgoingLink>();
    place.out->generation = ++place.generation;
    place.out->purpose = purpose;
    place.out->name = name;
    place.out->attached_at = plane_.now;
    return *place.out;
}

void Connection::on_open(const RemoteOpen& open) {
    remote_ = open;
    opened_ = true;
    opened_at_ = plane_.now;
    plane_.outlet.report(report::ConnectionOpened{id_,
                                                  options_.role,
                                                  open.container_id,
                                                  options_.owner,
                                                  open.failover,
                                                  options_.number,
                                                  options_.host});
    if (neighbour()) {
        open_neighbour_links();
    }
}

void Connection::on_begin(SessionIndex) {
    ++sessions_;
}

void Connection::on_transfer(Transfer& transfer) {
    auto* link = incoming(transfer.link);
    if (link == nullptr) {
        return;
    }
    last_delivery_at_ = plane_.now;
    if (link->purpose == LinkPurpose::kControl) {
        receive_control(*link, transfer);
    } else if (!given_up_) {
        forwarder_.on_transfer(*this, *link, transfer);
    }
}

void Connection::on_flow(LinkIndex index, const RemoteFlow& flow) {
    auto* link = outgoing(index);
    if (link == nullptr) {
        return;
    }
    link->drain = flow.drain;
    if (link->purpose == LinkPurpose::kControl) {
        pump_control();
        maybe_report_control_up();
        if (control_reported_) {
            plane_.outlet.report(report::ControlCredit{id_, engine_.send_credit(index)});
        }
        return;
    }
    forwarder_.pump(*this, index);
}

void Connection::on_drained(LinkIndex link) {
    plane_.queue_credit(*this, link);
}

void Connection::on_outgoing_disposition(std::uint64_t context,
                                         const DeliveryState& state,
                                         bool settled) {
    if ((context & kControlContext) != 0) {
        if (state.outcome == Outcome::kAccepted) {
            plane_.outlet.report(report::ControlSettled{id_, context & ~kControlContext});
        }
        return;
    }
    forwarder_.on_consumer_disposition(*this, context, state, settled);
}

void Connection::on_incoming_disposition(std::uint64_t context,
                                         const DeliveryState&,
                                         bool settled) {
    forwarder_.on_sender_disposition(context, settled);
}

void Connection::on_session_writable(SessionIndex session) {
    // By number: what is sent here may make the connection open another lane.
    for (std::size_t i = 0; i < engine_.links_of(session).size(); ++i) {
        const LinkIndex index = engine_.links_of(session)[i];
        const auto* link = outgoing(index);
        if (link == nullptr) {
            continue;
        }
        if (link->purpose == LinkPurpose::kControl) {
            pump_control();
        } else if (link->waiting.size != 0) {
            forwarder_.pump(*this, index);
        }
    }
}

void Connection::on_output_writable() {
    pump_control();
    std::vector<std::pair<std::uint8_t, LinkIndex>> waiting;
    for (LinkIndex link = 0; link < links_.size(); ++link) {
        if (links_[link].out && links_[link].out->waiting.size != 0) {
            const auto& first = plane_.outgoing.at(links_[link].out->waiting.head);
            waiting.emplace_back(neighbour() ? first.label.priority : std::uint8_t{0}, link);
        }
    }
    if (waiting.empty()) {
        return;
    }
    // Room is little: the urgent first, and among equals another one first each time.
    // Not std::ranges::rotate: it returns a subrange, which clang 14 cannot compile.
    std::rotate(waiting.begin(),
                waiting.begin() + static_cast<std::ptrdiff_t>(++turn_ % waiting.size()),
                waiting.end());
    std::ranges::stable_sort(waiting,
                             [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const auto& [priority, link] : waiting) {
        if (links_[link].out) {
            forwarder_.pump(*this, link);
        }
    }
}

void Connection::on_detach(LinkIndex link, bool, const Condition&) {
    drop_link(link);
}

void Connection::on_link_gone(LinkIndex link) {
    drop_link(link);
}

/// Nothing opens a lost lane again, so without it the neighbour would be one that nothing reaches:
/// the connection ends, and another one is made.
void Connection::lost_link(LinkPurpose purpose) {
    const bool lane = purpose == LinkPurpose::kControl || purpose == LinkPurpose::kShortLane ||
                      purpose == LinkPurpose::kStreamLane;
    if (lane && engine_.open()) {
        engine_.close({"amqp:connection:forced", "a link between the routers has ended"},
                      plane_.now);
        plane_.touch(*this);
    }
}

void Connection::drop_link(LinkIndex index) {
    if (index >= links_.size()) {
        return;
    }
    auto& place = links_[index];
    if (place.in || place.out) {
        lost_link(place.in ? place.in->purpose : place.out->purpose);
    }
    if (place.in) {
        forwarder_.count_container(*this, *place.in);
        forwarder_.on_incoming_gone(*this, *place.in);
        plane_.unwatch(*place.in);
        control_in_ = control_in_ && place.in->purpose != LinkPurpose::kControl;
        place.in.reset();
        --incoming_count_;
    } else if (place.out) {
        forwarder_.count_container(*this, *place.out);
        if (place.out->purpose == LinkPurpose::kEndpoint) {
            plane_.outlet.report(
                report::ConsumerDown{{id_, index, place.out->generation}, place.out->key});
        }
        if (index == control_out_) {
            control_out_ = kNoLink;
        }
        if (index == short_lane_) {
            short_lane_ = kNoLink;
        }
        std::erase_if(stream_lanes_, [&](const StreamLane& lane) { return lane.link == index; });
        forwarder_.on_outgoing_gone(*this, index, *place.out);
        place.out.reset();
    }
}

void Connection::on_session_gone(SessionIndex) {
    if (sessions_ > 0) {
        --sessions_;
    }
}

void Connection::on_close(const Condition& condition, bool by_peer) {
    (void)by_peer;
    if (closed_) {
        return;
    }
    closed_ = true;
    plane_.outlet.report(report::ConnectionClosed{id_,
                                                  options_.role,
                                                  options_.owner,
                                                  opened_,
                                                  condition,
                                                  options_.number,
                                                  options_.host,
                                                  remote_.container_id});
}

ConnectionRow Connection::row() const {
    ConnectionRow row;
    row.id = id_;
    row.number = options_.number;
    row.host = options_.host;
    row.container = remote_.container_id;
    row.role = options_.role;
    row.outgoing = options_.engine.initiator;
    row.opened = opened_ && !closed_;
    row.sasl = remote_.sasl_mechanism;
    row.user = remote_.user;
    row.properties = remote_.properties;
    row.opened_at = opened_at_;
    row.last_delivery_at = last_delivery_at_;
    row.links = static_cast<std::uint64_t>(std::ranges::count_if(
        links_, [](const LinkSlot& place) { return place.in != nullptr || place.out != nullptr; }));
    row.sessions = sessions_;
    row.bytes_in = engine_.counters().bytes_in;
    row.bytes_out = engine_.counters().bytes_out;
    row.traced = traced_;
    return row;
}

void Connection::set_trace(bool on) {
    traced_ = on;
    if (!on) {
        engine_.set_trace({});
        return;
    }
    engine_.set_trace([this](std::string_view frame) {
        if (plane_.now - trace_second_ >= routing::kSecond) {
            trace_second_ = plane_.now;
            frames_traced_ = 0;
        }
        if (frames_traced_ >= kFramesTraced) {
            ++frames_left_out_;
            return;
        }
        ++frames_traced_;
        plane_.outlet.report(report::TracedFrame{
            options_.number, std::string{frame}, std::exchange(frames_left_out_, 0)});
    });
}

}  // namespace amqmesh::link
