#include "tests/link/proton_peer.h"

#include <proton/condition.h>
#include <proton/disposition.h>
#include <proton/terminus.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace amqmesh::link::test {

ProtonPeer::ProtonPeer(Node& node, bool server, std::uint32_t max_frame)
    : connection(pn_connection()),
      transport(pn_transport()),
      collector(pn_collector()),
      node_(node) {
    if (server) {
        pn_transport_set_server(transport);
    }
    if (max_frame > 0) {
        pn_transport_set_max_frame(transport, max_frame);
    }
    pn_connection_collect(connection, collector);
    pn_connection_set_container(connection, "proton");
    pn_transport_bind(transport, connection);
}

ProtonPeer::~ProtonPeer() {
    pn_transport_unbind(transport);
    pn_transport_free(transport);
    pn_connection_free(connection);
    pn_collector_release(collector);
    pn_collector_free(collector);
}

void ProtonPeer::run() {
    for (bool moved = true; moved;) {
        moved = false;
        while (pn_event_t* event = pn_collector_next(collector)) {
            handle(event);
        }
        ssize_t pending = pn_transport_pending(transport);
        while (pending > 0) {
            std::vector<std::byte> bytes(static_cast<std::size_t>(pending));
            std::memcpy(bytes.data(), pn_transport_head(transport), bytes.size());
            pn_transport_pop(transport, bytes.size());
            spoken.insert(spoken.end(), bytes.begin(), bytes.end());
            node_.feed(bytes);
            moved = true;
            pending = pn_transport_pending(transport);
        }
        std::vector<std::byte> back = node_.take();
        wire.insert(wire.end(), back.begin(), back.end());
        std::span<const std::byte> rest(back);
        while (!rest.empty() && pn_transport_capacity(transport) > 0) {
            const auto room = static_cast<std::size_t>(pn_transport_capacity(transport));
            const std::size_t count = std::min(room, rest.size());
            std::memcpy(pn_transport_tail(transport), rest.data(), count);
            pn_transport_process(transport, count);
            rest = rest.subspan(count);
            moved = true;
            while (pn_event_t* event = pn_collector_next(collector)) {
                handle(event);
            }
        }
    }
}

void ProtonPeer::handle(pn_event_t* event) {
    events.push_back(pn_event_type(event));
    if (pn_event_type(event) == PN_DELIVERY) {
        on_delivery(pn_event_delivery(event));
    }
}

void ProtonPeer::on_delivery(pn_delivery_t* delivery) {
    pn_link_t* link = pn_delivery_link(delivery);
    if (pn_link_is_sender(link)) {
        if (pn_delivery_updated(delivery)) {
            remote_states.push_back(pn_delivery_remote_state(delivery));
            pn_delivery_clear(delivery);
            if (settle_own) {
                pn_delivery_settle(delivery);
            }
        }
        return;
    }
    if (delivery != pn_link_current(link)) {
        return;
    }
    if (pn_delivery_aborted(delivery)) {
        ++aborted;
        partial_.clear();
        pn_link_advance(link);
        pn_delivery_settle(delivery);
        return;
    }
    std::array<char, 4096> buffer{};
    ssize_t count = pn_link_recv(link, buffer.data(), buffer.size());
    for (; count > 0; count = pn_link_recv(link, buffer.data(), buffer.size())) {
        partial_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    if (!pn_delivery_partial(delivery)) {
        messages.push_back(std::exchange(partial_, {}));
        pn_link_advance(link);
        if (auto_accept) {
            pn_delivery_update(delivery, PN_ACCEPTED);
            pn_delivery_settle(delivery);
        } else {
            unsettled.push_back(delivery);
        }
    }
}

void ProtonPeer::open() {
    pn_connection_open(connection);
}

pn_session_t* ProtonPeer::begin() {
    pn_session_t* session = pn_session(connection);
    pn_session_open(session);
    return session;
}

pn_link_t* ProtonPeer::sender(pn_session_t* session, const char* name, const char* address) {
    pn_link_t* link = pn_sender(session, name);
    pn_terminus_set_address(pn_link_target(link), address);
    pn_link_open(link);
    return link;
}

pn_link_t* ProtonPeer::receiver(pn_session_t* session, const char* name, const char* address) {
    pn_link_t* link = pn_receiver(session, name);
    pn_terminus_set_address(pn_link_source(link), address);
    pn_link_open(link);
    return link;
}

pn_delivery_t* ProtonPeer::send(pn_link_t* link,
                                const std::string& tag,
                                const std::string& payload,
                                bool more) {
    pn_delivery_t* delivery = pn_delivery(link, pn_dtag(tag.data(), tag.size()));
    pn_link_send(link, payload.data(), payload.size());
    if (!more) {
        pn_link_advance(link);
    }
    return delivery;
}

bool ProtonPeer::saw(pn_event_type_t type) const {
    return std::find(events.begin(), events.end(), type) != events.end();
}

std::string ProtonPeer::condition() const {
    const char* name = pn_condition_get_name(pn_connection_remote_condition(connection));
    return name == nullptr ? "" : name;
}

}  // namespace amqmesh::link::test
