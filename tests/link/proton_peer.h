// A real Proton connection as the peer of an Engine, in memory: what clients of Proton do.
#pragma once

#include "tests/link/engine_fixture.h"

#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/transport.h>

#include <string>
#include <vector>

namespace amqmesh::link::test {

class ProtonPeer {
  public:
    explicit ProtonPeer(Node& node, bool server = false, std::uint32_t max_frame = 0);
    ~ProtonPeer();
    ProtonPeer(const ProtonPeer&) = delete;
    ProtonPeer& operator=(const ProtonPeer&) = delete;

    /// Moves bytes both ways until nothing is left; all events are kept as their names.
    void run();

    void open();
    pn_session_t* begin();
    pn_link_t* sender(pn_session_t* session, const char* name, const char* address);
    pn_link_t* receiver(pn_session_t* session, const char* name, const char* address);
    /// Sends one message, whole or its first part.
    static pn_delivery_t* send(pn_link_t* link,
                               const std::string& tag,
                               const std::string& payload,
                               bool more = false);

    [[nodiscard]] bool saw(pn_event_type_t type) const;
    [[nodiscard]] std::string condition() const;

    pn_connection_t* connection;
    pn_transport_t* transport;
    pn_collector_t* collector;
    std::vector<pn_event_type_t> events;
    /// Complete deliveries that came in: settle them (accepted) or leave them to the test.
    bool auto_accept = true;
    std::vector<std::string> messages;
    std::vector<pn_delivery_t*> unsettled;
    std::vector<std::uint64_t> remote_states;  ///< of our deliveries
    bool settle_own = true;
    unsigned aborted = 0;
    /// Bytes the engine wrote, for those who look at frames, and those it was told.
    std::vector<std::byte> wire, spoken;

  private:
    void handle(pn_event_t* event);
    void on_delivery(pn_delivery_t* delivery);

    Node& node_;
    std::string partial_;
};

}  // namespace amqmesh::link::test
