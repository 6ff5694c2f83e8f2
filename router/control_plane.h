// The control plane's logic: everything that is decided on the control thread. Time, workers and
// sockets are behind ControlOutlet, so that a test drives it with plain values.
//
//   reports of workers -> address book, node driver -> table builder -> one publish() per burst
//   $management requests -> mgmt::Agent -> ManagementSource -> replies through a worker
#pragma once

#include "link/control_messages.h"
#include "mgmt/agent.h"
#include "mgmt/remote_nodes.h"
#include "router/address_book.h"
#include "router/configuration.h"
#include "router/control_outlet.h"
#include "router/drain.h"
#include "router/line_budget.h"
#include "router/management_source.h"
#include "router/node_driver.h"
#include "router/snapshots.h"
#include "routing/forwarding_table.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace amqmesh::router {

class ControlPlane {
  public:
    struct Options {
        Configuration* configuration = nullptr;  ///< not owned; outlives the plane
        std::uint64_t seed = 0;                  ///< feeds jitter only
        std::uint64_t wall_clock_ms = 0;
        routing::Time started = 0;
        mgmt::Background* background = nullptr;  ///< not owned; none: everything here and now
    };

    /// `outlet` and `endpoints` are not owned; both outlive the plane.
    ControlPlane(const Options& options, ControlOutlet& outlet, EndpointAdmin& endpoints);
    ~ControlPlane();
    ControlPlane(const ControlPlane&) = delete;
    ControlPlane& operator=(const ControlPlane&) = delete;

    /// Records the routing core's life. False with `why`. REQUIRES: before start().
    bool record(const std::string& path, std::string& why);

    /// The first table is published and the node begins its life.
    void start(routing::Time now);
    void on_report(routing::Time now, link::Report&& report);
    void on_timer(routing::Time now);
    [[nodiscard]] std::optional<routing::Time> next_deadline() const;
    /// After a burst of reports: publishes what they changed, once.
    void end_burst(routing::Time now);
    /// Stops carrying others' traffic, or goes on with it. REQUIRES: interior mode.
    void drain(routing::Time now, bool on);
    /// First half of the orderly end: drains, then withdraws the consumers, takes the senders'
    /// credit back and lets deliveries finish (DESIGN 5). observe() drives it until
    /// ready_to_stop().
    void prepare_stop(routing::Time now);
    void observe(routing::Time now);

    [[nodiscard]] bool ready_to_stop() const {
        return ending_ && drain_ && drain_->phase() == DrainProgress::Phase::kOver;
    }

    /// Orderly end: goodbye to the mesh, then every connection is closed.
    void stop(routing::Time now);

    /// The configuration's address rules or default distribution are others now.
    void addresses_changed() { apply_addresses(); }

    /// An inter-router connection that is open costs something else from now on.
    void set_cost(routing::Time now, const link::ConnectionId& connection, routing::Cost cost);

    /// The node's entities, for whoever else shows them; ages are counted up to `now`.
    mgmt::Source& management(routing::Time now);

    /// Asks other nodes' management; in standalone mode there are none to ask.
    mgmt::RemoteNodes& remote_nodes() { return remote_; }

    /// Whether the workers answer: which have not for more than 5 s, in words, or empty. Asks them
    /// anew each time that they have answered; never waits.
    std::string stalled_workers(routing::Time now);

    /// Connections that were opened or are on their way there; reported by the workers.
    [[nodiscard]] std::size_t connections() const { return open_connections_; }

  private:
    struct Visitor;

    void on_consumer(routing::Time now, const link::report::ConsumerUp& up);
    void on_consumer(routing::Time now, const link::report::ConsumerDown& down);
    void on_closed(routing::Time now, const link::report::ConnectionClosed& closed);
    void apply_addresses();
    void on_load(routing::Time now, const Snapshots::Parts& parts);
    void withdraw(routing::Time now);
    void publish();
    void on_request(link::report::ManagementRequest&& request);
    void originate(std::string&& address, std::string&& message);
    void on_trouble(routing::Time now, const link::report::LinkTrouble& trouble);

    Configuration& configuration_;
    const std::uint64_t wall_clock_ms_;
    ControlOutlet& outlet_;
    mgmt::NoBackground no_background_;
    routing::ForwardingTableBuilder builder_;
    std::shared_ptr<const routing::ForwardingTable> table_;
    AddressBook addresses_;
    std::optional<NodeDriver> node_;  ///< none in standalone mode
    Snapshots snapshots_;
    ManagementSource source_;
    mgmt::Agent agent_;
    mgmt::RemoteNodes remote_;
    std::size_t open_connections_ = 0;
    std::optional<routing::Time> probed_;  ///< when the workers were asked; until all have answered
    LineBudget troubles_{30};
    std::optional<DrainProgress> drain_;  ///< while draining
    bool observing_ = false;              ///< its loads are being counted
    bool ending_ = false;                 ///< the process is to end after it
    bool withdrawn_ = false;
};

}  // namespace amqmesh::router
