// Yardstick: the plain way to relay AMQP messages with Proton's own engine and proactor.
//
// One listener, one thread. A sender's messages go to the receiver attached to the same address, as
// they come in; the receiver's outcome goes back to the sender, then both ends settle. Nothing is
// looked up per message, counted, logged or restricted: less than any router has to do.
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/listener.h>
#include <proton/proactor.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr int kCredit = 250;
constexpr std::uint32_t kFrameBytes = 16384;

/// The two links of one address; not owned, null while not attached.
struct Route {
    pn_link_t* in = nullptr;
    pn_link_t* out = nullptr;
};

class Relay {
  public:
    void handle(pn_event_t* event);
    /// Other connections than the one whose events have been handled learn that they have work.
    void wake_touched(const pn_connection_t* current);

  private:
    void on_attach(pn_link_t* link);
    void on_detach(pn_link_t* link);
    void on_incoming(pn_delivery_t* incoming);
    void on_outgoing(pn_delivery_t* outgoing);

    void touch(pn_link_t* link) {
        touched_.push_back(pn_session_connection(pn_link_session(link)));
    }

    std::map<std::string, std::unique_ptr<Route>> routes_;
    std::vector<pn_connection_t*> touched_;
    std::vector<char> bytes_;
    std::uint64_t next_tag_ = 0;
};

void Relay::wake_touched(const pn_connection_t* current) {
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    for (pn_connection_t* connection : touched_) {
        if (connection != current) {
            pn_connection_wake(connection);
        }
    }
    touched_.clear();
}

void Relay::on_attach(pn_link_t* link) {
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    const bool sends = pn_link_is_sender(link);
    const char* address =
        pn_terminus_get_address(sends ? pn_link_source(link) : pn_link_target(link));
    auto& route = routes_[address == nullptr ? "" : address];
    if (!route) {
        route = std::make_unique<Route>();
    }
    pn_link_set_context(link, route.get());
    pn_link_open(link);
    (sends ? route->out : route->in) = link;
    if (route->in != nullptr && route->out != nullptr) {
        pn_link_flow(route->in, kCredit);
        touch(route->in);
    }
}

void Relay::on_detach(pn_link_t* link) {
    auto* route = static_cast<Route*>(pn_link_get_context(link));
    if (route != nullptr) {
        (pn_link_is_sender(link) ? route->out : route->in) = nullptr;
        pn_link_set_context(link, nullptr);
    }
    pn_link_close(link);
}

void Relay::on_incoming(pn_delivery_t* incoming) {
    pn_link_t* link = pn_delivery_link(incoming);
    const auto* route = static_cast<Route*>(pn_link_get_context(link));
    if (route == nullptr || route->out == nullptr || !pn_delivery_readable(incoming)) {
        return;
    }
    auto* outgoing = static_cast<pn_delivery_t*>(pn_delivery_get_context(incoming));
    if (outgoing == nullptr) {
        const std::uint64_t tag = next_tag_++;
        std::array<char, sizeof tag> bytes{};
        std::copy_n(reinterpret_cast<const char*>(&tag), sizeof tag, bytes.data());
        outgoing = pn_delivery(route->out, pn_dtag(bytes.data(), bytes.size()));
        pn_delivery_set_context(incoming, outgoing);
        pn_delivery_set_context(outgoing, incoming);
    }
    bytes_.resize(std::max<std::size_t>(bytes_.size(), pn_delivery_pending(incoming)));
    const ssize_t got = pn_link_recv(link, bytes_.data(), bytes_.size());
    if (got > 0) {
        pn_link_send(route->out, bytes_.data(), static_cast<std::size_t>(got));
        touch(route->out);
    }
    if (pn_delivery_partial(incoming)) {
        return;
    }
    const bool settled = pn_delivery_settled(incoming);
    pn_link_advance(link);
    pn_link_advance(route->out);
    if (settled) {
        pn_delivery_settle(outgoing);
        pn_delivery_settle(incoming);
        pn_link_flow(link, 1);
    }
}

void Relay::on_outgoing(pn_delivery_t* outgoing) {
    if (!pn_delivery_updated(outgoing)) {
        return;
    }
    auto* incoming = static_cast<pn_delivery_t*>(pn_delivery_get_context(outgoing));
    if (incoming != nullptr && pn_delivery_settled(outgoing)) {
        pn_link_t* link = pn_delivery_link(incoming);
        pn_delivery_update(incoming, pn_delivery_remote_state(outgoing));
        pn_delivery_settle(incoming);
        pn_link_flow(link, 1);
        touch(link);
        pn_delivery_settle(outgoing);
    } else {
        pn_delivery_clear(outgoing);
    }
}

void Relay::handle(pn_event_t* event) {
    switch (pn_event_type(event)) {
        case PN_LISTENER_OPEN:
            std::printf("listening\n");
            std::fflush(stdout);
            break;
        case PN_LISTENER_ACCEPT: {
            pn_transport_t* transport = pn_transport();
            pn_transport_set_server(transport);
            pn_transport_set_max_frame(transport, kFrameBytes);
            pn_listener_accept2(pn_event_listener(event), nullptr, transport);
            break;
        }
        case PN_CONNECTION_REMOTE_OPEN:
            pn_connection_set_container(pn_event_connection(event), "proton-relay");
            pn_connection_open(pn_event_connection(event));
            break;
        case PN_SESSION_REMOTE_OPEN:
            pn_session_open(pn_event_session(event));
            break;
        case PN_LINK_REMOTE_OPEN:
            on_attach(pn_event_link(event));
            break;
        case PN_DELIVERY:
            if (pn_link_is_receiver(pn_event_link(event))) {
                on_incoming(pn_event_delivery(event));
            } else {
                on_outgoing(pn_event_delivery(event));
            }
            break;
        case PN_LINK_REMOTE_CLOSE:
        case PN_LINK_FINAL:
            on_detach(pn_event_link(event));
            break;
        case PN_TRANSPORT_CLOSED:
            // A client that vanished has detached nothing.
            for (pn_link_t* link = pn_link_head(pn_event_connection(event), 0); link != nullptr;
                 link = pn_link_next(link, 0)) {
                on_detach(link);
            }
            break;
        case PN_CONNECTION_REMOTE_CLOSE:
            pn_connection_close(pn_event_connection(event));
            break;
        default:
            break;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: proton_relay PORT\n", stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    pn_proactor_t* proactor = pn_proactor();
    const std::string address = std::string("127.0.0.1:") + argv[1];
    pn_proactor_listen(proactor, pn_listener(), address.c_str(), 128);
    Relay relay;
    for (;;) {
        pn_event_batch_t* batch = pn_proactor_wait(proactor);
        const pn_connection_t* current = nullptr;
        for (pn_event_t* event = nullptr; (event = pn_event_batch_next(batch)) != nullptr;) {
            current = pn_event_connection(event);
            relay.handle(event);
        }
        pn_proactor_done(proactor, batch);
        relay.wake_touched(current);
    }
}
