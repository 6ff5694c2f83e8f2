#include "router/node_driver.h"

#include "router/clock.h"
#include "router/log.h"

#include <algorithm>
#include <utility>

namespace amqmesh::router {

namespace {

log::Level to_level(routing::NoteLevel level) {
    switch (level) {
        case routing::NoteLevel::kDebug:
            return log::Level::kDebug;
        case routing::NoteLevel::kInfo:
            return log::Level::kInfo;
        case routing::NoteLevel::kWarning:
            return log::Level::kWarning;
        case routing::NoteLevel::kError:
            return log::Level::kError;
    }
    return log::Level::kError;
}

}  // namespace

NodeDriver::NodeDriver(routing::Config config,
                       std::uint64_t seed,
                       routing::ForwardingTableBuilder& builder,
                       ControlOutlet& outlet)
    : made_{std::move(config), seed},
      node_(made_.config, seed),
      builder_(builder),
      outlet_(outlet) {}

bool NodeDriver::record(const std::string& path, std::string& why) {
    return recorder_.open(path, made_, why);
}

void NodeDriver::start(routing::Time now, std::uint64_t wall_clock_ms) {
    handle(now, routing::event::Start{wall_clock_ms});
}

void NodeDriver::stop(routing::Time now) {
    handle(now, routing::event::Stop{});
}

void NodeDriver::drain(routing::Time now, bool on) {
    handle(now, routing::event::Drain{on});
}

void NodeDriver::on_timer(routing::Time now) {
    const std::optional<routing::Time> due = node_.next_deadline();
    if (due && *due <= now) {
        // How late we are is allowed for in the neighbours' favour (ROUTING.md 1.9).
        handle(now, routing::event::Tick{now - *due});
    }
}

std::optional<routing::Time> NodeDriver::next_deadline() const {
    return node_.next_deadline();
}

void NodeDriver::on_control_up(routing::Time now, const link::report::ControlUp& report) {
    if (adjacencies_.contains(report.id)) {
        return;
    }
    const routing::AdjacencyId link = ++last_adjacency_;
    const auto changed = costs_.find(report.id);
    const routing::Cost cost = changed == costs_.end() ? report.cost : changed->second;
    adjacencies_.emplace(report.id, link);
    connections_.emplace(link, report.id);
    builder_.set_adjacency(link, &report.id);
    log::emit(log::Module::kRouterLs,
              log::Level::kInfo,
              "ADJ_LINK_UP",
              "adjacency={} peer={} cost={}",
              link,
              log::value(report.container),
              cost);
    handle(now, routing::event::LinkUp{link, cost});
}

void NodeDriver::set_cost(routing::Time now,
                          const link::ConnectionId& connection,
                          routing::Cost cost) {
    if (const auto link = adjacency(connection)) {
        handle(now, routing::event::SetCost{*link, cost});
    } else {
        costs_[connection] = cost;
    }
}

void NodeDriver::on_closed(routing::Time now, const link::ConnectionId& connection) {
    costs_.erase(connection);
    const auto link = adjacency(connection);
    if (!link) {
        return;
    }
    adjacencies_.erase(connection);
    connections_.erase(*link);
    log::emit(log::Module::kRouterLs, log::Level::kInfo, "ADJ_LINK_DOWN", "adjacency={}", *link);
    // The node first: its routes leave the adjacency before the adjacency leaves the table.
    handle(now, routing::event::LinkDown{*link});
    builder_.set_adjacency(*link, nullptr);
}

void NodeDriver::on_frame(routing::Time now, link::report::ControlFrame&& report) {
    if (const auto link = adjacency(report.id)) {
        handle(now, routing::event::Frame{*link, std::move(report.bytes)});
    }
}

void NodeDriver::on_settled(routing::Time now, const link::report::ControlSettled& report) {
    if (const auto link = adjacency(report.id)) {
        handle(now, routing::event::Settled{*link, report.token});
    }
}

void NodeDriver::on_credit(routing::Time now, const link::report::ControlCredit& report) {
    if (const auto link = adjacency(report.id)) {
        handle(now, routing::event::Credit{*link, report.credit});
    }
}

void NodeDriver::on_alive(routing::Time now, const link::report::Alive& report) {
    if (const auto link = adjacency(report.id)) {
        handle(now, routing::event::Alive{*link});
    }
}

void NodeDriver::on_local_address(routing::Time now, const routing::event::LocalAddress& event) {
    handle(now, event);
}

std::uint32_t NodeDriver::take_retry_after(const link::ConnectionId& connection) {
    const auto wish = retry_after_ms_.find(connection);
    if (wish == retry_after_ms_.end()) {
        return 0;
    }
    const std::uint32_t delay_ms = wish->second;
    retry_after_ms_.erase(wish);
    return delay_ms;
}

const link::ConnectionId* NodeDriver::connection(routing::AdjacencyId adjacency) const {
    const auto found = connections_.find(adjacency);
    return found == connections_.end() ? nullptr : &found->second;
}

std::optional<routing::AdjacencyId> NodeDriver::adjacency(
    const link::ConnectionId& connection) const {
    const auto found = adjacencies_.find(connection);
    return found == adjacencies_.end() ? std::nullopt : std::optional(found->second);
}

void NodeDriver::handle(routing::Time now, const routing::Event& event) {
    effects_.clear();
    const routing::Time begun = router::now();
    // What answers a question to the workers comes with the time at which that was asked.
    latest_ = std::max(latest_, now);
    recorder_.before(latest_, event);
    node_.handle(latest_, event, effects_);
    recorder_.after(node_, event, effects_);
    if (effects_.ran_spf) {
        spf_times_.last = router::now() - begun;
        spf_times_.longest = std::max(spf_times_.longest, spf_times_.last);
    }
    carry_out();
}

// A line when a router can be reached for the first time, or no longer; its cost may change often.
void NodeDriver::tell(const routing::RouteChange& route) {
    const auto known = reachable_.find(route.router);
    const bool reachable = !route.next_hops.empty();
    if (reachable == (known != reachable_.end())) {
        return;
    }
    const std::string name = reachable ? route.name : known->second;
    if (reachable) {
        reachable_.emplace(route.router, route.name);
    } else {
        reachable_.erase(known);
    }
    const auto left_out = router_lines_.take(latest_);
    if (left_out && reachable) {
        log::emit(log::Module::kRouterLs,
                  log::Level::kInfo,
                  "ROUTER_REACHABLE",
                  "router={} cost={} left_out={}",
                  log::value(name),
                  route.cost,
                  *left_out);
    } else if (left_out) {
        log::emit(log::Module::kRouterLs,
                  log::Level::kNotice,
                  "ROUTER_LOST",
                  "router={} left_out={}",
                  log::value(name),
                  *left_out);
    }
}

// In the order that routing::Effects asks for. Tables are changed in the builder only; the control
// plane publishes once per burst.
void NodeDriver::carry_out() {
    for (routing::Send& send : effects_.send) {
        if (const link::ConnectionId* id = connection(send.link)) {
            outlet_.send(id->worker,
                         link::command::SendControl{*id, send.token, std::move(send.bytes)});
        }
    }
    for (const routing::RouteChange& route : effects_.routes) {
        builder_.set_route(route.router, route.name, route.cost, route.next_hops);
        tell(route);
    }
    if (effects_.topology) {
        builder_.set_topology(effects_.topology);
    }
    for (const routing::AddressChange& change : effects_.addresses) {
        builder_.set_remote(
            change.key, change.treatment, change.router, change.weight, change.present);
    }
    for (const routing::LinkClose& close : effects_.close) {
        if (const link::ConnectionId* id = connection(close.link)) {
            if (close.retry_after_ms != 0) {
                retry_after_ms_[*id] = close.retry_after_ms;
            }
            outlet_.send(id->worker,
                         link::command::CloseConnection{*id, {close.condition, close.text}});
        }
    }
    for (const routing::Note& note : effects_.notes) {
        log::emit(log::Module::kRouterLs, to_level(note.level), note.code, "{}", note.text);
    }
}

}  // namespace amqmesh::router
