// What a worker's data plane and the control thread tell each other. Plain values, moved through
// bounded mailboxes.
#pragma once

#include "link/amqp_types.h"
#include "link/ids.h"
#include "link/origin_counts.h"
#include "link/settle_figures.h"
#include "routing/forwarding_table.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace amqmesh::link {

/// Role of a listener's or connector's connections (the reference's words in the configuration).
enum class ConnectionRole : std::uint8_t { kNormal, kRouteContainer, kInterRouter };

const char* to_string(ConnectionRole role);

/// One row of management's `router.link`.
struct LinkRow {
    ConnectionId connection;
    std::uint64_t connection_number = 0;
    std::uint32_t link = 0;
    std::string name;
    std::string type;  ///< endpoint, router-control, inter-router
    bool incoming = false;
    std::string owning_address;  ///< key, or empty
    std::uint64_t uptime_s = 0;
    std::uint32_t capacity = 0;
    std::uint64_t undelivered = 0, unsettled = 0, deliveries = 0, presettled = 0;
    std::uint64_t dropped_presettled = 0, accepted = 0, rejected = 0, released = 0, modified = 0;
    std::uint32_t credit = 0;
    std::uint64_t zero_credit_s = 0;
    AgeCounters ages;
    double settle_rate = 0;  ///< per second
    std::uint8_t priority = 0;
    bool up = true;  ///< attached in both directions
    /// Outgoing, to a client: deliveries that entered the mesh at other routers.
    std::vector<OriginCounts::Count> origins;
};

/// One row of management's `connection`.
struct ConnectionRow {
    ConnectionId id;
    std::uint64_t number = 0;  ///< identity, unique in the process
    std::string host;          ///< "ip:port" of the peer, or as configured for a connector
    std::string container;
    ConnectionRole role = ConnectionRole::kNormal;
    bool outgoing = false;
    bool opened = false;
    std::string sasl, user;
    Properties properties;
    Time opened_at = 0;
    Time last_delivery_at = 0;
    std::uint64_t links = 0, sessions = 0, bytes_in = 0, bytes_out = 0;
    bool traced = false;
};

/// Sums over a worker for management's `router` and, by address, `router.address`.
struct PlaneCounters {
    std::uint64_t presettled = 0, dropped_presettled = 0, accepted = 0, rejected = 0, released = 0,
                  modified = 0;
    std::uint64_t ingress = 0, egress = 0, transit = 0;
    std::uint64_t container_ingress = 0, container_egress = 0;  ///< role route-container
    std::uint64_t hop_limit_drops = 0, multicast_duplicates = 0, multicast_too_old = 0, bounced = 0,
                  expired = 0, redelivered = 0, stalled = 0;
    AgeCounters ages;                 ///< of deliveries coming in
    RouterAges settle_ages;           ///< of unsettled deliveries that entered the mesh here
    std::uint64_t links_blocked = 0;  ///< without credit for more than 10 s; set by snapshots
};

struct AddressCounters {
    routing::AddressHash hash = 0;
    std::uint64_t ingress = 0, egress = 0, transit = 0, outstanding = 0, in_process = 0;
    std::uint64_t from_node = 0;                                ///< sent by the router itself
    std::uint64_t container_ingress = 0, container_egress = 0;  ///< role route-container
    AddressAges settle_ages;  ///< of unsettled deliveries that entered the mesh here
};

/// Unsettled deliveries of distribution balanced under way to another router.
struct Towards {
    routing::AddressHash address = 0;
    routing::RouterId router = 0;
    std::uint32_t deliveries = 0;
};

struct PlaneSnapshot {
    std::uint64_t request = 0;
    std::uint16_t worker = 0;
    std::vector<LinkRow> links;
    std::vector<ConnectionRow> connections;
    std::vector<AddressCounters> addresses;
    std::vector<Towards> towards;  ///< with `addresses`; those that are not 0
    PlaneCounters counters;
    // Deliveries under way, when asked for: on their way through this node; from or for its
    // clients.
    std::uint64_t transit_open = 0, local_open = 0;
};

namespace report {

/// The peer's open came; for inter-router connections the control link follows in ControlUp.
struct ConnectionOpened {
    ConnectionId id;
    ConnectionRole role = ConnectionRole::kNormal;
    std::string container;
    std::uint64_t owner = 0;               ///< ConnectionOptions::owner
    std::vector<FailoverServer> failover;  ///< where else it says it can be found
    std::uint64_t number = 0;              ///< ConnectionRow::number and host
    std::string host;
};

struct ConnectionClosed {
    ConnectionId id;
    ConnectionRole role = ConnectionRole::kNormal;
    std::uint64_t owner = 0;
    bool was_open = false;
    Condition condition;       ///< empty: orderly
    std::uint64_t number = 0;  ///< ConnectionRow::number, host and container
    std::string host, container;
};

/// Control links of an inter-router connection are attached in both directions.
struct ControlUp {
    ConnectionId id;
    std::string container;
    std::uint32_t cost = 1;
};

struct ControlFrame {
    ConnectionId id;
    std::string bytes;  ///< body of the message
};

struct ControlSettled {
    ConnectionId id;
    std::uint64_t token = 0;
};

struct ControlCredit {
    ConnectionId id;
    std::uint32_t credit = 0;
};

/// Bytes came in since the last one.
struct Alive {
    ConnectionId id;
};

struct ConsumerUp {
    routing::LocalConsumer consumer;
    std::string key;
    routing::Treatment treatment = routing::Treatment::kBalanced;
};

struct ConsumerDown {
    ConsumerId consumer;
    std::string key;
};

/// Nothing moves on a link. Once per link until something does; of very many at the same time only
/// some are told one by one.
struct LinkTrouble {
    enum class Kind : std::uint8_t {
        kStuck,      ///< deliveries are unsettled for more than 10 s
        kStuckOver,  ///< none is any more
        kBlocked,    ///< it is without credit for more than 10 s
        kBlockedOver
    };

    Kind kind = Kind::kStuck;
    std::uint64_t connection_number = 0;
    std::uint32_t link = 0;
    bool incoming = false;
    std::string name;
    std::string key;               ///< of its address; may be empty
    std::uint64_t deliveries = 0;  ///< stuck, or waiting to be sent
    std::uint64_t others = 0;      ///< links with the same trouble that are not told
};

/// A frame of a connection that is traced.
struct TracedFrame {
    std::uint64_t connection_number = 0;
    std::string text;
    std::uint64_t left_out = 0;  ///< frames before it that were not told
};

/// A whole message for $management.
struct ManagementRequest {
    std::string message;  ///< encoded AMQP message
};

}  // namespace report

using Report = std::variant<report::ConnectionOpened,
                            report::ConnectionClosed,
                            report::ControlUp,
                            report::ControlFrame,
                            report::ControlSettled,
                            report::ControlCredit,
                            report::Alive,
                            report::ConsumerUp,
                            report::ConsumerDown,
                            report::LinkTrouble,
                            report::TracedFrame,
                            report::ManagementRequest,
                            std::unique_ptr<PlaneSnapshot>>;

namespace command {

struct Publish {
    std::shared_ptr<const routing::ForwardingTable> table;
    std::shared_ptr<const routing::TableChange> change;
};

/// One control message for a neighbour; Settled comes back as ControlSettled.
struct SendControl {
    ConnectionId id;
    std::uint64_t token = 0;
    std::string bytes;
};

struct CloseConnection {
    ConnectionId id;
    Condition condition;
};

/// Every connection: close with the condition (orderly end of the process).
struct CloseAll {
    Condition condition;
};

/// A message that the node itself sends (management replies), pre-settled. Best sent to the worker
/// that has the receiver's connection: between workers it is copied.
struct Originate {
    std::string address;  ///< as a client would write it
    std::string message;  ///< encoded AMQP message
};

/// Ask for a PlaneSnapshot with that number.
struct TakeSnapshot {
    std::uint64_t request = 0;
    bool links = false, connections = false, addresses = false, deliveries = false;
};

/// Report the frames of a connection, or no more.
struct Trace {
    ConnectionId id;
    bool on = false;
};

/// Senders that attach from now on get so much credit.
struct SetCapacity {
    ConnectionId id;
    std::uint32_t link_capacity = 250;
};

/// From now on no client gets credit, and what it has is taken back: the node is about to end.
struct Withhold {};

}  // namespace command

using Command = std::variant<command::Publish,
                             command::SendControl,
                             command::CloseConnection,
                             command::CloseAll,
                             command::Originate,
                             command::TakeSnapshot,
                             command::SetCapacity,
                             command::Trace,
                             command::Withhold>;

}  // namespace amqmesh::link
