// The link-state core of one router, as a pure state machine (waist 1).
//
// Problem:  keep the same topology and address database on every router of the mesh, and derive
// from
//           it the next hops and the remote consumers.
// Model:    the driver turns everything that happens into an Event and hands it in with the current
//           time; the node appends what is to be done to Effects. It has no clock, socket, thread,
//           log or random device, so the simulator and the daemon run the same object.
// Ends:     every call does a bounded amount of work; nothing waits inside. The driver calls
//           handle(Tick) no later than next_deadline().
#pragma once

#include "routing/topology.h"
#include "routing/types.h"
#include "routing/views.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace amqmesh::routing {

/// Bounds of ROUTING.md 1.11. A neighbour that exceeds one is counted, and after three offences
/// within 60 s told Goodbye.
struct Limits {
    std::size_t name_bytes = 64;
    std::size_t key_bytes = 1100;  ///< an address of 1 KiB and its class
    std::size_t links_per_router = 4096;
    std::size_t routers = 20'000;
    std::size_t addresses_per_origin = 1'000'000;
    std::size_t message_bytes = 1U << 20;
    std::size_t database_bytes = 1U << 30;  ///< addresses get 7/8 of it
};

struct Config {
    std::string name;        ///< router id as configured: 1..64 bytes; the AMQP container-id
    std::string area = "0";  ///< neighbours must have the same
    std::uint32_t heartbeat_ms = 300;  ///< what we promise to send at least, and expect
    std::uint32_t detect_mult = 3;     ///< silence of heartbeat x this is loss
    /// Preferences among equally short paths, 1..8: so many can be in use side by side. Where not
    /// all routers have the same number, fewer things are promised of loops (routing/spf.h).
    std::uint32_t max_paths = 1;
    Limits limits = {};
};

/// What can happen to a node.
namespace event {

/// First event of a life. `wall_clock_ms` (since 1970) is only used to make the incarnation rise.
struct Start {
    std::uint64_t wall_clock_ms = 0;
};

/// An inter-router connection's control link is usable in both directions. Followed by Credit.
struct LinkUp {
    AdjacencyId link = 0;
    Cost cost = 1;
};

/// The connection is gone (reset, closed, or closed by us); everything sent on it is lost.
struct LinkDown {
    AdjacencyId link = 0;
};

/// A whole control message arrived. The driver accepts the delivery once handle() has returned.
struct Frame {
    AdjacencyId link = 0;
    std::string bytes;
};

/// Bytes of any kind came in on the connection since the last Alive (only sent when there were
/// some, and no later than a third of min(Config::heartbeat_ms, 1000) after them).
struct Alive {
    AdjacencyId link = 0;
};

/// The peer accepted (= stored) the message that was sent with this token.
struct Settled {
    AdjacencyId link = 0;
    std::uint64_t token = 0;
};

/// How many more messages the control link may carry now (absolute, not a difference).
struct Credit {
    AdjacencyId link = 0;
    std::uint32_t credit = 0;
};

/// A local consumer set for an address key appeared, changed or vanished (weight 0: draining).
struct LocalAddress {
    std::string key;
    Treatment treatment = Treatment::kBalanced;
    std::uint32_t weight = 1;
    bool present = true;
};

struct SetCost {
    AdjacencyId link = 0;
    Cost cost = 1;
};

/// Stop carrying transit traffic and weigh own addresses 0 (ROUTING.md 1.10 step 1), or undo it.
struct Drain {
    bool on = true;
};

/// Orderly end: withdraw addresses, purge our LSP, say Goodbye.
struct Stop {};

/// The time has come that next_deadline() named. `loop_lag` is how late the driver's own loop ran;
/// neighbours' deadlines are extended by it.
struct Tick {
    Time loop_lag = 0;
};

}  // namespace event

using Event = std::variant<event::Start,
                           event::LinkUp,
                           event::LinkDown,
                           event::Frame,
                           event::Alive,
                           event::Settled,
                           event::Credit,
                           event::LocalAddress,
                           event::SetCost,
                           event::Drain,
                           event::Stop,
                           event::Tick>;

/// Send one control message, unsettled, on the adjacency's control link.
struct Send {
    AdjacencyId link = 0;
    std::uint64_t token = 0;  ///< comes back in Settled
    std::string bytes;
};

/// The route to one router changed. `next_hops`: one that all flows take, or one per preference
/// (routing/spf.h), where the same may be there several times; empty: unreachable, from this moment
/// on.
struct RouteChange {
    RouterId router = 0;
    std::string name;
    std::uint32_t cost = 0;
    std::vector<AdjacencyId> next_hops;
};

/// A consumer set at another router appeared, changed or vanished, in the database. It says nothing
/// about reachability: while the last RouteChange of `router` had no next hops (or none came yet),
/// the driver ignores that router's addresses, but keeps them. Vanishing is only told for what was
/// told before. Weight 0: that router drains, use it only when there is no other.
struct AddressChange {
    RouterId router = 0;
    std::string key;
    Treatment treatment = Treatment::kBalanced;
    std::uint32_t weight = 1;
    bool present = true;
};

/// Close the inter-router connection: the node has forgotten the link, and ignores what still comes
/// from it. Messages in the same Effects are sent first. `condition` is the AMQP error name, `text`
/// says why.
struct LinkClose {
    AdjacencyId link = 0;
    std::string condition;
    std::string text;
    std::uint32_t retry_after_ms = 0;  ///< 0: the connector's own back-off
};

enum class NoteLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// Something an operator may want to read; `code` is stable (e.g. "ADJ_FULL").
struct Note {
    NoteLevel level = NoteLevel::kInfo;
    const char* code = "";
    std::string text;
};

/// Appended to by handle(); the driver empties it (clear() keeps storage) after carrying it out, in
/// the order: send, routes, topology, addresses, close, notes.
struct Effects {
    std::vector<Send> send;
    std::vector<RouteChange> routes;
    std::shared_ptr<const Topology> topology;  ///< set when the graph changed
    std::vector<AddressChange> addresses;
    std::vector<LinkClose> close;
    std::vector<Note> notes;
    bool ran_spf = false;  ///< shortest paths were computed

    void clear();
};

/// One router. Single thread, no I/O, nothing thrown out of it.
class Node {
  public:
    /// `seed` feeds jitter only.
    Node(Config config, std::uint64_t seed);
    ~Node();
    Node(Node&&) noexcept;
    Node& operator=(Node&&) noexcept;
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Takes one event at `now` (never less than in the call before).
    void handle(Time now, const Event& event, Effects& effects);

    /// When handle(Tick) is wanted at the latest; nothing: no timer runs.
    [[nodiscard]] std::optional<Time> next_deadline() const;

    /// Digest of the whole state; equal histories give equal digests (replay check).
    [[nodiscard]] std::uint64_t digest() const;

    /// Digest of what its further conduct depends on, whatever led there: no counters, no numbers
    /// of versions, no transport windows. For telling states apart when all orders of events are
    /// looked at.
    [[nodiscard]] std::uint64_t conduct() const;

    /// An equal node that goes its own way from here.
    [[nodiscard]] Node fork() const;

    [[nodiscard]] RouterId id() const;

    /// Copies for management; see routing/views.h.
    [[nodiscard]] NodeView view(Time now) const;

    /// The same without the lists of adjacencies and routers: costs next to nothing.
    [[nodiscard]] NodeView summary() const;

    /// Asserts the invariants that hold between any two events. For tests and the simulator.
    void check_invariants() const;

  private:
    struct Impl;
    explicit Node(std::unique_ptr<Impl> impl);

    std::unique_ptr<Impl> impl_;
};

/// First 8 bytes of SHA-256(name), big-endian; never 0.
RouterId router_id(std::string_view name);

}  // namespace amqmesh::routing
