// Messages of the node itself: management's replies.
//
// Problem: nobody gives credit for them. A client that asks and asks, and gives its receiver none,
//          would have its replies wait in memory, here or at its own router, without end.
// Model:   a message of the node is under way until its copies have gone out to the consumers,
//          wherever those are. By address, and all together, so many may be; what is more is
//          dropped, and counted as any settled message that nobody has taken.
#include "link/forwarder.h"
#include "routing/address_key.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace amqmesh::link {

bool Forwarder::may_originate(routing::AddressHash address) const {
    if (plane_.budget.tight() || originated_bytes_ >= plane_.collecting_max()) {
        return false;
    }
    const auto found = originated_.find(address);
    return found == originated_.end() ||
           (found->second.messages < kOriginatedMax && found->second.bytes < kOriginatedBytesMax);
}

void Forwarder::count_originated(IncomingDelivery& in, std::size_t bytes) {
    in.originated = static_cast<std::uint32_t>(
        std::clamp<std::size_t>(bytes, 1, std::numeric_limits<std::uint32_t>::max()));
    auto& sum = originated_[in.label.address];
    ++sum.messages;
    sum.bytes += in.originated;
    originated_bytes_ += in.originated;
}

void Forwarder::forget_originated(IncomingDelivery& in) {
    const auto bytes = std::exchange(in.originated, 0);
    const auto found = bytes != 0 ? originated_.find(in.label.address) : originated_.end();
    if (found == originated_.end()) {
        return;
    }
    originated_bytes_ -= bytes;
    found->second.bytes -= bytes;
    if (--found->second.messages == 0) {
        originated_.erase(found);
    }
}

void Forwarder::originate(std::string_view address, std::string&& message) {
    const auto key = routing::parse_address(address, plane_.table->self_name());
    if (!key) {
        return;
    }
    const auto text = key->key();
    const auto hash = routing::hash_key(text);
    if (!may_originate(hash)) {
        ++plane_.counters.dropped_presettled;
        return;
    }
    const auto slot = plane_.incoming.take();
    auto& in = plane_.incoming.at(slot);
    in.reset();
    in.self = {plane_.config.worker, slot, plane_.incoming.generation(slot)};
    in.begun = plane_.now;
    in.sender_settled = in.presettled = in.complete = true;
    in.label.presettled = true;
    in.label.ingress = plane_.table->self();
    in.label.address = hash;
    ++plane_.address_counters(is_temporary(text) ? Plane::kSharedCounters : in.label.address)
          .from_node;
    in.label.sequence =
        std::uint32_t{plane_.config.worker} << 26U | (++sequence_ & MeshLabel::kNumberMask);
    in.label.hop_limit = 255;
    count_originated(in, message.size());
    reset_choice();
    if (key->kind == routing::AddressClass::kTopological) {
        if (const auto target = towards(routing::router_id(key->router), 0);
            target.kind != Target::Kind::kNone) {
            targets_.push_back(target);
        }
    } else if (const auto* route = plane_.table->find(in.label.address); route != nullptr) {
        std::uint32_t cursor = in.label.sequence;
        choose_by_key(in, *route, cursor);
    }
    // Not copied on its way to the socket: it may be megabytes, and everybody else would wait.
    const ChunkRef owner = plane_.pool.adopt(std::move(message));
    forward(slot, {}, {std::as_bytes(std::span(owner.get()->adopted)), &owner, false});
}

}  // namespace amqmesh::link
