// Drives routing::Node: turns reports of the workers into its events and carries its effects out.
// No socket or thread of its own; the control thread calls it, with the time. Only how long the
// shortest paths take is looked up.
#pragma once

#include "link/control_messages.h"
#include "router/control_outlet.h"
#include "router/line_budget.h"
#include "router/session_recorder.h"
#include "routing/forwarding_table.h"
#include "routing/node.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace amqmesh::router {

class NodeDriver {
  public:
    /// Neither `builder` nor `outlet` is owned; both outlive the driver.
    NodeDriver(routing::Config config,
               std::uint64_t seed,
               routing::ForwardingTableBuilder& builder,
               ControlOutlet& outlet);

    /// Writes everything that the node is told to a file, from its start on. False with `why`.
    /// REQUIRES: before start().
    bool record(const std::string& path, std::string& why);

    void start(routing::Time now, std::uint64_t wall_clock_ms);
    /// No transit, and own consumers only where there are no others; or that undone.
    void drain(routing::Time now, bool on);
    /// Withdraws and says goodbye; the connections are closed by the caller.
    void stop(routing::Time now);
    void on_timer(routing::Time now);
    [[nodiscard]] std::optional<routing::Time> next_deadline() const;

    // Reports about inter-router connections; unknown ones are ignored, they closed meanwhile.
    void on_control_up(routing::Time now, const link::report::ControlUp& report);
    void on_closed(routing::Time now, const link::ConnectionId& connection);
    void on_frame(routing::Time now, link::report::ControlFrame&& report);
    void on_settled(routing::Time now, const link::report::ControlSettled& report);
    void on_credit(routing::Time now, const link::report::ControlCredit& report);
    void on_alive(routing::Time now, const link::report::Alive& report);

    /// Of an inter-router connection, also before its control links are up.
    void set_cost(routing::Time now, const link::ConnectionId& connection, routing::Cost cost);

    void on_local_address(routing::Time now, const routing::event::LocalAddress& event);

    /// What the node wished when it closed this connection; asked once.
    std::uint32_t take_retry_after(const link::ConnectionId& connection);

    /// How long the steps took in which shortest paths were computed, in microseconds.
    struct SpfTimes {
        routing::Time last = 0;
        routing::Time longest = 0;
    };

    [[nodiscard]] const SpfTimes& spf_times() const { return spf_times_; }

    [[nodiscard]] routing::NodeView summary() const { return node_.summary(); }

    [[nodiscard]] routing::NodeView view(routing::Time now) const { return node_.view(now); }

    [[nodiscard]] const link::ConnectionId* connection(routing::AdjacencyId adjacency) const;

  private:
    // Half of a large mesh may come or go at once.
    static constexpr std::uint32_t kRouterLinesPerMinute = 1000;

    void handle(routing::Time now, const routing::Event& event);
    void carry_out();
    void tell(const routing::RouteChange& route);
    [[nodiscard]] std::optional<routing::AdjacencyId> adjacency(
        const link::ConnectionId& connection) const;

    const routing::RecordedNode made_;
    routing::Node node_;
    SessionRecorder recorder_;
    routing::ForwardingTableBuilder& builder_;
    ControlOutlet& outlet_;
    routing::Effects effects_;
    SpfTimes spf_times_;
    routing::Time latest_ = 0;  // the node wants time that never goes back
    std::map<link::ConnectionId, routing::AdjacencyId> adjacencies_;
    std::map<routing::AdjacencyId, link::ConnectionId> connections_;
    std::map<link::ConnectionId, std::uint32_t> retry_after_ms_;
    std::map<link::ConnectionId, routing::Cost> costs_;  // set before the adjacency was there
    routing::AdjacencyId last_adjacency_ = 0;
    std::map<routing::RouterId, std::string> reachable_;
    LineBudget router_lines_{kRouterLinesPerMinute};
};

}  // namespace amqmesh::router
