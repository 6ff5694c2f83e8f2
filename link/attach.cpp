// Answers to the peer's attach: which address, which purpose, or why not (DESIGN 4).
#include "link/forwarder.h"
#include "link/neighbour.h"
#include "routing/address_key.h"

#include <algorithm>
#include <utility>

namespace amqmesh::link {

namespace {

using routing::AddressClass;

bool has_capability(const Terminus& terminus, std::string_view capability) {
    return std::ranges::find(terminus.capabilities, capability) != terminus.capabilities.end();
}

/// What we say back of the peer's terminus: what we keep, and nothing that we do not honour (no
/// filter, capability, durability or distribution mode).
Terminus answered(const Terminus& asked) {
    Terminus answer;
    answer.kind = asked.kind;
    answer.address = asked.address;
    return answer;
}

routing::Treatment treatment_of(const routing::AddressKey& key,
                                const routing::AddressSettings& settings) {
    switch (key.kind) {
        case AddressClass::kMobile:
            return settings.treatment(key.text);
        case AddressClass::kAllRouters:
            return routing::Treatment::kMulticast;
        case AddressClass::kLocal:
        case AddressClass::kTopological:
            break;
    }
    return routing::Treatment::kClosest;
}

}  // namespace

void Connection::refuse(LinkIndex link, std::string condition, std::string text) {
    engine_.refuse_attach(link, {std::move(condition), std::move(text)});
    plane_.touch(*this);
}

void Connection::on_attach(SessionIndex, LinkIndex link, const RemoteAttach& attach) {
    if (neighbour()) {
        attach_neighbour_link(link, attach);
    } else if (attach.local_role == Role::kReceiver) {
        attach_sender(link, attach);
    } else {
        attach_receiver(link, attach);
    }
    plane_.touch(*this);
}

void Connection::attach_sender(LinkIndex link, const RemoteAttach& attach) {
    if (attach.target.kind == Terminus::Kind::kCoordinator) {
        refuse(link, "amqp:not-implemented", "transactions are not supported by the router");
        return;
    }
    auto target = answered(attach.target);
    target.kind = Terminus::Kind::kTarget;
    const bool anonymous =
        !attach.target.dynamic && (!attach.target.address || attach.target.address->empty());
    if (anonymous) {
        auto& in = make_incoming(link, attach, LinkPurpose::kAnonymous);
        in.routable = true;
        engine_.accept_attach(link, answered(attach.source), target);
        plane_.queue_credit(*this, link);
        return;
    }
    if (attach.target.dynamic) {
        target.dynamic = true;
        target.address = "_$temp." + plane_.unique_name();
    }
    const auto key = routing::parse_address(*target.address, plane_.config.router_name);
    if (!key) {
        refuse(link, "amqp:invalid-field", "the target address is not one the router can route");
        return;
    }
    const auto treatment = treatment_of(*key, plane_.table->settings());
    if (treatment == routing::Treatment::kUnavailable) {
        refuse(link, "amqp:not-found", "the address is configured unavailable");
        return;
    }
    auto& in = make_incoming(link, attach, LinkPurpose::kEndpoint);
    in.key = key->key();
    in.hash = routing::hash_key(in.key);
    in.treatment = treatment;
    if (key->kind == AddressClass::kTopological) {
        in.router = routing::router_id(key->router);
    }
    const auto* rule =
        key->kind == AddressClass::kMobile ? plane_.table->settings().match(key->text) : nullptr;
    if (rule != nullptr && rule->priority) {
        in.priority = priority_class(*rule->priority);
    }
    in.offers_more = rule != nullptr ? offers_more(*rule) : std::uint8_t{0};
    plane_.watch(*this, link, in);
    engine_.accept_attach(link, answered(attach.source), target);
    plane_.queue_credit(*this, link);
}

void Connection::attach_receiver(LinkIndex link, const RemoteAttach& attach) {
    auto source = answered(attach.source);
    source.kind = Terminus::Kind::kSource;
    std::optional<routing::AddressKey> key;
    if (attach.source.dynamic) {
        const auto name = "temp." + plane_.unique_name();
        source.dynamic = true;
        source.address = "amqp:/_topo/0/" + plane_.config.router_name + "/" + name;
        key = routing::AddressKey{AddressClass::kLocal, name, {}};
    } else if (attach.source.address) {
        key = routing::parse_address(*attach.source.address, plane_.config.router_name);
    }
    if (!key) {
        refuse(link,
               "amqp:invalid-field",
               "a receiver needs a source address that the router can route");
        return;
    }
    if (key->kind == AddressClass::kTopological) {
        refuse(
            link, "amqp:not-allowed", "a receiver cannot attach to another router's own address");
        return;
    }
    const auto treatment = treatment_of(*key, plane_.table->settings());
    if (treatment == routing::Treatment::kUnavailable) {
        refuse(link, "amqp:not-found", "the address is configured unavailable");
        return;
    }
    auto& out = make_outgoing(link, attach.name, LinkPurpose::kEndpoint);
    out.key = key->key();
    out.hash = routing::hash_key(out.key);
    out.treatment = treatment;
    out.settle_mode = attach.sender_settle_mode;
    out.gauge = plane_.shared->gauges.take();
    out.attached = true;
    forwarder_.update_gauge(*this, link, out);
    // Answered when the workers know of it: what is sent after the answer finds the new consumer.
    plane_.unanswered.add(
        *plane_.shared, this->key(link), out.hash, std::move(source), answered(attach.target));
    plane_.outlet.report(
        report::ConsumerUp{{{id_, link, out.generation}, out.gauge}, out.key, out.treatment});
}

void Connection::answer_receiver(LinkIndex link, const Terminus& source, const Terminus& target) {
    engine_.accept_attach(link, source, target);
    forwarder_.pump(*this, link);  // messages may have come for it meanwhile
    plane_.touch(*this);
}

void Connection::attach_neighbour_link(LinkIndex link, const RemoteAttach& attach) {
    const auto& target = attach.target;
    if (attach.local_role != Role::kReceiver) {
        refuse(link, "amqp:not-allowed", "clients may not attach to an inter-router listener");
        return;
    }
    auto purpose = LinkPurpose::kNone;
    if (has_capability(target, kControlCapability)) {
        purpose = LinkPurpose::kControl;
    } else if (has_capability(target, kShortLaneCapability)) {
        purpose = LinkPurpose::kShortLane;
    } else if (has_capability(target, kStreamLaneCapability)) {
        purpose = LinkPurpose::kStreamLane;
    }
    if (purpose == LinkPurpose::kNone || (purpose == LinkPurpose::kControl && control_in_)) {
        refuse(link, "amqp:not-allowed", "clients may not attach to an inter-router listener");
        return;
    }
    auto& in = make_incoming(link, attach, purpose);
    in.routable = true;
    in.capacity = purpose == LinkPurpose::kControl ? kControlCredit : kLaneCredit;
    engine_.accept_attach(link, attach.source, target);
    plane_.queue_credit(*this, link);
    if (purpose == LinkPurpose::kControl) {
        control_in_ = true;
        maybe_report_control_up();
    }
}

}  // namespace amqmesh::link
