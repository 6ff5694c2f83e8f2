#include "router/control_plane.h"

#include "router/log.h"
#include "routing/address_key.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace amqmesh::router {

namespace {

routing::Config node_config(const Configuration& configuration) {
    routing::Config config;
    config.name = configuration.id;
    config.heartbeat_ms = configuration.heartbeat_ms;
    config.detect_mult = configuration.detect_mult;
    config.max_paths = configuration.max_paths;
    return config;
}

// The graph of a router that has no mesh.
std::shared_ptr<const routing::Topology> lone_topology(const Configuration& configuration) {
    routing::Topology topology;
    topology.version = 1;
    topology.ids = {routing::router_id(configuration.id)};
    topology.names = {configuration.id};
    topology.incarnations = {0};
    topology.no_transit = {false};
    topology.first = {0, 0};
    return std::make_shared<const routing::Topology>(std::move(topology));
}

// The worker that has the receiver's connection, or the one towards it; any for other cases, which
// that worker forwards.
std::uint16_t worker_towards(const routing::ForwardingTable& table, std::string_view address) {
    const auto key = routing::parse_address(address, table.self_name());
    if (!key) {
        return 0;
    }
    const routing::RouterRoute* router = nullptr;
    if (key->kind == routing::AddressClass::kTopological) {
        router = table.route(routing::router_id(key->router));
    } else if (const auto* route = table.find(routing::hash_key(key->key())); route != nullptr) {
        if (!route->local.empty()) {
            return route->local.front().id.connection.worker;
        }
        router = route->remote.empty() ? nullptr : table.route(route->remote.front());
    }
    return router == nullptr || router->next_hops.empty() ? std::uint16_t{0}
                                                          : router->next_hops.front().worker;
}

}  // namespace

ControlPlane::ControlPlane(const Options& options, ControlOutlet& outlet, EndpointAdmin& endpoints)
    : configuration_(*options.configuration),
      wall_clock_ms_(options.wall_clock_ms),
      outlet_(outlet),
      builder_(routing::router_id(configuration_.id), configuration_.id),
      snapshots_(configuration_.workers, outlet),
      source_({.configuration = &configuration_,
               .table = &table_,
               .node = &node_,
               .snapshots = &snapshots_,
               .endpoints = &endpoints,
               .background = options.background != nullptr ? options.background : &no_background_,
               .addresses_changed = [this] { apply_addresses(); },
               .drain = [this](bool on) { drain(source_.now(), on); },
               .on_load =
                   [this](const Snapshots::Parts& parts) {
                       on_load(source_.now(), parts);
                       return drain_ ? drain_->transit_quiet(source_.now()) ? "drained" : "draining"
                                     : "running";
                   },
               .close_connection =
                   [this](link::ConnectionId id) {
                       outlet_.send(id.worker,
                                    link::command::CloseConnection{
                                        id, {"amqp:connection:forced", "closed by management"}});
                   },
               .trace_connection =
                   [this](link::ConnectionId id, bool on) {
                       outlet_.send(id.worker, link::command::Trace{id, on});
                   },
               .started = options.started,
               .wall_clock_ms = options.wall_clock_ms}),
      agent_(source_),
      remote_(
          configuration_.id, options.seed, [this](std::string&& address, std::string&& message) {
              originate(std::move(address), std::move(message));
          }) {
    if (configuration_.mode == RouterMode::kInterior) {
        node_.emplace(node_config(configuration_), options.seed, builder_, outlet_);
    }
}

ControlPlane::~ControlPlane() = default;

bool ControlPlane::record(const std::string& path, std::string& why) {
    if (!node_) {
        why = "only an interior router has routing to record";
        return false;
    }
    return node_->record(path, why);
}

void ControlPlane::start(routing::Time now) {
    apply_addresses();
    builder_.set_topology(lone_topology(configuration_));
    builder_.set_in_process("M0$management", routing::InProcess::kManagement);
    builder_.set_in_process("L$management", routing::InProcess::kManagement);
    if (node_) {
        node_->start(now, wall_clock_ms_);
    }
    end_burst(now);
}

void ControlPlane::apply_addresses() {
    builder_.set_settings(std::make_shared<const routing::AddressSettings>(
        configuration_.addresses, configuration_.default_treatment));
}

void ControlPlane::on_timer(routing::Time now) {
    remote_.set_now(now);
    if (node_) {
        node_->on_timer(now);
    }
}

std::optional<routing::Time> ControlPlane::next_deadline() const {
    const auto node = node_ ? node_->next_deadline() : std::nullopt;
    const auto remote = remote_.next_deadline();
    return node && remote ? std::min(*node, *remote) : node ? node : remote;
}

void ControlPlane::end_burst(routing::Time now) {
    source_.set_now(now);
    publish();
}

void ControlPlane::publish() {
    if (!builder_.changed()) {
        return;
    }
    routing::TableChange change;
    table_ = builder_.publish(change);
    outlet_.publish(table_, change);
}

namespace {

DrainLoad load_of(const Snapshots::Parts& parts) {
    DrainLoad load;
    for (const auto& part : parts) {
        const link::PlaneCounters& counters = part->counters;
        load.transit_count += counters.transit;
        load.transit_open += part->transit_open;
        load.local_open += part->local_open;
        load.moved += counters.accepted + counters.rejected + counters.released +
                      counters.modified + counters.ingress + counters.egress;
    }
    return load;
}

}  // namespace

void ControlPlane::drain(routing::Time now, bool on) {
    if (on == drain_.has_value()) {
        return;
    }
    if (on) {
        drain_.emplace(now);
    } else {
        drain_.reset();
    }
    if (node_) {
        node_->drain(now, on);
    }
    observe(now);
}

void ControlPlane::prepare_stop(routing::Time now) {
    ending_ = true;
    drain(now, true);
    drain_.emplace(now);
    observe(now);
}

void ControlPlane::observe(routing::Time now) {
    if (!drain_ || std::exchange(observing_, true)) {
        return;  // many deliveries are not counted as fast as they are asked for
    }
    snapshots_.take({.deliveries = true}, [this, now](const Snapshots::Parts& parts) {
        observing_ = false;
        on_load(now, parts);
    });
}

void ControlPlane::on_load(routing::Time now, const Snapshots::Parts& parts) {
    if (!drain_) {
        return;
    }
    drain_->observe(now, load_of(parts));
    if (ending_ && !withdrawn_ && drain_->phase() != DrainProgress::Phase::kTransit) {
        withdraw(now);
    }
}

// New deliveries go to consumers elsewhere from now on; what is under way here may finish.
void ControlPlane::withdraw(routing::Time now) {
    withdrawn_ = true;
    if (node_) {
        addresses_.for_each([&](const std::string& key) {
            if (is_flooded(key)) {
                node_->on_local_address(now, {.key = key, .weight = 0, .present = false});
            }
        });
    }
    for (std::uint16_t worker = 0; worker < configuration_.workers; ++worker) {
        outlet_.send(worker, link::command::Withhold{});
    }
}

void ControlPlane::stop(routing::Time now) {
    if (node_) {
        node_->stop(now);
    }
    end_burst(now);
    for (std::uint16_t worker = 0; worker < configuration_.workers; ++worker) {
        outlet_.send(
            worker,
            link::command::CloseAll{{"amqp:connection:forced", "the router is being shut down"}});
    }
}

// One report each; the cases that only routing::Node cares about are passed on as they are.
struct ControlPlane::Visitor {
    ControlPlane& plane;
    routing::Time now;

    void operator()(const link::report::ConnectionOpened& opened) const {
        ++plane.open_connections_;
        plane.outlet_.connection_opened(opened.owner, opened);
    }

    void operator()(const link::report::ConnectionClosed& closed) const {
        plane.on_closed(now, closed);
    }

    void operator()(const link::report::ConsumerUp& up) const { plane.on_consumer(now, up); }

    void operator()(const link::report::ConsumerDown& down) const { plane.on_consumer(now, down); }

    void operator()(link::report::ManagementRequest& request) const {
        plane.on_request(std::move(request));
    }

    void operator()(const link::report::LinkTrouble& trouble) const {
        plane.on_trouble(now, trouble);
    }

    void operator()(const link::report::TracedFrame& frame) const {
        log::emit(log::Module::kProtocol,
                  log::Level::kInfo,
                  "FRAME",
                  "connection={} {} left_out={}",
                  frame.connection_number,
                  frame.text,
                  frame.left_out);
    }

    void operator()(std::unique_ptr<link::PlaneSnapshot>& snapshot) const {
        plane.snapshots_.on_snapshot(std::move(snapshot));
    }

    void operator()(const link::report::ControlUp& up) const {
        if (plane.node_) {
            plane.node_->on_control_up(now, up);
        }
    }

    void operator()(link::report::ControlFrame& frame) const {
        if (plane.node_) {
            plane.node_->on_frame(now, std::move(frame));
        }
    }

    void operator()(const link::report::ControlSettled& settled) const {
        if (plane.node_) {
            plane.node_->on_settled(now, settled);
        }
    }

    void operator()(const link::report::ControlCredit& credit) const {
        if (plane.node_) {
            plane.node_->on_credit(now, credit);
        }
    }

    void operator()(const link::report::Alive& alive) const {
        if (plane.node_) {
            plane.node_->on_alive(now, alive);
        }
    }
};

void ControlPlane::set_cost(routing::Time now,
                            const link::ConnectionId& connection,
                            routing::Cost cost) {
    if (node_) {
        node_->set_cost(now, connection, cost);
    }
}

mgmt::Source& ControlPlane::management(routing::Time now) {
    source_.set_now(now);
    remote_.set_now(now);
    return source_;
}

std::string ControlPlane::stalled_workers(routing::Time now) {
    constexpr routing::Time kPatience = 5 * routing::kSecond;
    if (!probed_) {
        probed_ = now;
        snapshots_.take({}, [this](const Snapshots::Parts&) { probed_.reset(); });
        return {};
    }
    return now - *probed_ <= kPatience
               ? std::string{}
               : "a worker thread has not answered for " +
                     std::to_string((now - *probed_) / routing::kSecond) + " s";
}

void ControlPlane::on_report(routing::Time now, link::Report&& report) {
    source_.set_now(now);
    std::visit(Visitor{*this, now}, report);
}

void ControlPlane::on_consumer(routing::Time now, const link::report::ConsumerUp& up) {
    const AddressBook::Change change = addresses_.add(up.key, up.consumer.id);
    if (change == AddressBook::Change::kNone) {
        return;
    }
    builder_.add_consumer(up.key, up.treatment, up.consumer);
    if (node_ && !withdrawn_ && change == AddressBook::Change::kAddress && is_flooded(up.key)) {
        node_->on_local_address(
            now, {.key = up.key, .treatment = up.treatment, .weight = 1, .present = true});
    }
}

void ControlPlane::on_consumer(routing::Time now, const link::report::ConsumerDown& down) {
    const AddressBook::Change change = addresses_.remove(down.key, down.consumer);
    if (change == AddressBook::Change::kNone) {
        return;
    }
    builder_.remove_consumer(down.key, down.consumer);
    if (node_ && change == AddressBook::Change::kAddress && is_flooded(down.key)) {
        node_->on_local_address(now, {.key = down.key, .weight = 0, .present = false});
    }
}

void ControlPlane::on_closed(routing::Time now, const link::report::ConnectionClosed& closed) {
    std::uint32_t retry_after_ms = 0;
    if (node_ && closed.role == link::ConnectionRole::kInterRouter) {
        node_->on_closed(now, closed.id);
        retry_after_ms = node_->take_retry_after(closed.id);
    }
    if (closed.was_open && open_connections_ > 0) {
        --open_connections_;
    }
    outlet_.connection_closed(closed.owner, closed, retry_after_ms);
}

void ControlPlane::on_trouble(routing::Time now, const link::report::LinkTrouble& trouble) {
    const auto left_out = troubles_.take(now, trouble.others);
    if (!left_out) {
        return;
    }
    using Kind = link::report::LinkTrouble::Kind;
    const bool over = trouble.kind == Kind::kStuckOver || trouble.kind == Kind::kBlockedOver;
    const bool stuck = trouble.kind == Kind::kStuck || trouble.kind == Kind::kStuckOver;
    const auto level = stuck ? log::Level::kWarning : log::Level::kInfo;
    log::emit(log::Module::kMessage,
              over && stuck ? log::Level::kNotice : level,
              stuck ? (over ? "DELIVERY_STUCK_OVER" : "DELIVERY_STUCK")
                    : (over ? "LINK_BLOCKED_OVER" : "LINK_BLOCKED"),
              "connection={} link={} dir={} name={} address={} deliveries={} left_out={}",
              trouble.connection_number,
              trouble.link,
              trouble.incoming ? "in" : "out",
              log::value(trouble.name),
              trouble.key.empty() ? "-" : log::value(trouble.key),
              trouble.deliveries,
              *left_out);
}

void ControlPlane::on_request(link::report::ManagementRequest&& request) {
    if (remote_.on_message(request.message)) {
        return;
    }
    agent_.handle(request.message, [this](mgmt::Reply&& reply) {
        publish();  // the asker's address may have come in the burst that brought the question
        originate(std::move(reply.to), std::move(reply.message));
    });
}

void ControlPlane::originate(std::string&& address, std::string&& message) {
    const std::uint16_t worker = worker_towards(*table_, address);
    if (!outlet_.send(worker, link::command::Originate{std::move(address), std::move(message)})) {
        log::emit(log::Module::kAgent,
                  log::Level::kWarning,
                  "REPLY_DROPPED",
                  "too many management messages wait");
    }
}

}  // namespace amqmesh::router
