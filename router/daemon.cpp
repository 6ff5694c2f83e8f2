#include "router/daemon.h"

#include "mgmt/http_server.h"
#include "mgmt/http_site.h"
#include "router/clerk.h"
#include "router/clock.h"
#include "router/connector.h"
#include "router/control_plane.h"
#include "router/endpoint_change.h"
#include "router/line_budget.h"
#include "router/listener.h"
#include "router/log.h"
#include "router/mailbox.h"
#include "router/reload.h"
#include "router/tcp.h"
#include "router/worker_pool.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace amqmesh::router {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kReportBytesMax = 64U << 20U;
// Questions to management that may wait; what comes beyond is dropped.
constexpr std::size_t kRequestsMax = 1000;
constexpr std::size_t kRequestBytesMax = 16U << 20U;
// How often is looked whether all traffic has ended, once the process is to end.
constexpr std::chrono::milliseconds kDrainPoll{10};
// Traffic that does not end by itself is cut off, even if a worker does not answer.
constexpr routing::Time kDrainLimit = 45 * routing::kSecond;
// The end of the process does not wait longer for peers than this.
constexpr std::chrono::seconds kStopLimit{2};

std::vector<mgmt::FailoverUrl> failover_urls(const std::vector<link::FailoverServer>& servers) {
    std::vector<mgmt::FailoverUrl> urls;
    for (const auto& server : servers) {
        urls.push_back({server.scheme.empty() ? "amqp" : server.scheme,
                        server.host,
                        server.port.empty() ? "5672" : server.port});
    }
    return urls;
}

std::uint64_t random_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace

struct Daemon::Impl final : ControlOutlet, EndpointAdmin, ReloadTarget {
    explicit Impl(Configuration given)
        : configuration(std::move(given)),
          reports({.name = "reports",
                   .limit = kReportBytesMax,
                   .wake = [this] { asio::post(io, [this] { drain_reports(); }); },
                   .space = {}},
                  [](const link::Report& report) { return weigh(report); }),
          workers(configuration.workers,
                  configuration.id,
                  configuration.payload_bytes_max,
                  reports.sender(),
                  [this] { asio::post(io, [this] { workers.flush_pending(); }); }),
          control({.configuration = &configuration,
                   .seed = random_seed(),
                   .wall_clock_ms = wall_clock_ms(),
                   .started = now(),
                   .background = &clerk},
                  *this,
                  *this) {}

    // -- a burst on the control thread ------------------------------------------------------------
    void drain_reports() {
        auto receiver = reports.receiver();
        receiver.drain(burst);
        for (link::Report& report : burst) {
            if (auto* request = std::get_if<link::report::ManagementRequest>(&report)) {
                queue_request(std::move(*request));
            } else {
                control.on_report(now(), std::move(report));
            }
        }
        burst.clear();
        end_burst();
    }

    // Questions come behind everything else and one at a time: whoever asks without end must not
    // keep the routing core from its neighbours.
    void queue_request(link::report::ManagementRequest&& request) {
        if (requests.size() >= kRequestsMax ||
            request_bytes + request.message.size() > kRequestBytesMax) {
            if (const auto left_out = dropped_requests.take(now())) {
                log::emit(log::Module::kAgent,
                          log::Level::kWarning,
                          "REQUEST_DROPPED",
                          "too many management requests wait left_out={}",
                          *left_out);
            }
            return;
        }
        request_bytes += request.message.size();
        requests.push_back(std::move(request));
        if (requests.size() == 1) {
            asio::post(io, [this] { serve_request(); });
        }
    }

    void serve_request() {
        link::Report request{std::move(requests.front())};
        requests.pop_front();
        request_bytes -= std::get<link::report::ManagementRequest>(request).message.size();
        control.on_report(now(), std::move(request));
        end_burst();
        if (!requests.empty()) {
            asio::post(io, [this] { serve_request(); });
        }
    }

    void end_burst() {
        control.end_burst(now());
        arm_timer();
        if (stopping && live == 0) {
            io.stop();
        } else if (stopping && !closing && control.ready_to_stop()) {
            stop();
        }
    }

    void arm_timer() {
        const std::optional<routing::Time> next = control.next_deadline();
        if (next == armed) {
            return;
        }
        armed = next;
        if (!next) {
            timer.cancel();
            return;
        }
        timer.expires_at(asio::steady_timer::time_point(std::chrono::microseconds(*next)));
        timer.async_wait([this](const auto& error) {
            if (!error) {
                armed.reset();
                control.on_timer(now());
                end_burst();
            }
        });
    }

    // -- ControlOutlet ----------------------------------------------------------------------------
    bool send(std::uint16_t worker, link::Command&& command) override {
        return workers.send(worker, std::move(command));
    }

    void publish(const std::shared_ptr<const routing::ForwardingTable>& table,
                 const routing::TableChange& change) override {
        workers.publish(table, change);
    }

    void connection_opened(std::uint64_t owner,
                           const link::report::ConnectionOpened& what) override {
        log::emit(log::Module::kServer,
                  log::Level::kInfo,
                  "CONN_OPENED",
                  "connection={} host={} container={} role={} by={}",
                  what.number,
                  what.host,
                  log::value(what.container),
                  link::to_string(what.role),
                  owner_name(owner));
        if (dropped_connectors.contains(owner)) {
            workers.send(what.id.worker,
                         link::command::CloseConnection{
                             what.id, {"amqp:connection:forced", "the connector was deleted"}});
        } else if (const auto connector = connectors.find(owner); connector != connectors.end()) {
            connector->second.connection = what.id;
            connector->second.connector->on_opened(what.failover);
        } else if (const auto listener = listeners.find(owner);
                   listener != listeners.end() && what.role == link::ConnectionRole::kInterRouter) {
            listener->second.routers.insert(what.id);
        }
    }

    void connection_closed(std::uint64_t owner,
                           const link::report::ConnectionClosed& what,
                           std::uint32_t retry_after_ms) override {
        log::emit(log::Module::kServer,
                  log::Level::kInfo,
                  "CONN_CLOSED",
                  "connection={} host={} container={} by={} opened={} condition={} text={}",
                  what.number,
                  what.host,
                  what.was_open ? log::value(what.container) : "-",
                  owner_name(owner),
                  what.was_open,
                  what.condition.empty() ? "none" : what.condition.name,
                  what.condition.description);
        live -= live > 0 ? 1 : 0;
        workers.released(what.id.worker);
        if (const auto listener = listeners.find(owner); listener != listeners.end()) {
            listener->second.routers.erase(what.id);
        }
        dropped_connectors.erase(owner);
        const auto connector = connectors.find(owner);
        if (connector != connectors.end()) {
            connector->second.connection.reset();
            connector->second.handed_over = false;
            const std::string why = what.condition.empty() ? "connection closed"
                                    : what.condition.description.empty()
                                        ? what.condition.name
                                        : what.condition.description;
            connector->second.connector->on_closed(why, retry_after_ms);
        }
    }

    std::string owner_name(std::uint64_t owner) const {
        if (const auto found = listeners.find(owner); found != listeners.end()) {
            return found->second.listener->config().name;
        }
        const auto found = connectors.find(owner);
        return found == connectors.end() ? "-" : found->second.connector->config().name;
    }

    // -- endpoints --------------------------------------------------------------------------------
    void adopt(UniqueFd fd,
               const EndpointConfig& endpoint,
               std::uint64_t owner,
               bool initiator,
               std::string host) {
        const bool inter_router = endpoint.role == link::ConnectionRole::kInterRouter;
        set_tcp_options(fd.get(),
                        inter_router ? configuration.heartbeat_ms * configuration.detect_mult : 0);
        NewSocket socket{std::move(fd), connection_options(configuration, endpoint, initiator)};
        socket.options.owner = owner;
        socket.options.number = ++last_number;
        socket.options.host = std::move(host);
        ++live;
        workers.adopt(std::move(socket));
    }

    bool add_listener(const ListenerConfig& config, mgmt::Row row, std::string& why) {
        const std::uint64_t owner = ++last_owner;
        auto listener =
            std::make_unique<Listener>(io, config, [this, owner](UniqueFd fd, std::string peer) {
                const auto found = listeners.find(owner);
                if (found == listeners.end()) {
                    return;
                }
                const ListenerConfig& known = found->second.listener->config();
                if (known.http) {
                    http.adopt(fd.release(), owner, known.http_access);
                } else {
                    adopt(std::move(fd), known, owner, false, std::move(peer));
                }
            });
        if (!listener->open(why)) {
            return false;
        }
        row.set("port", std::to_string(listener->port()));
        row.set("name", config.name);
        listeners.emplace(owner, OpenListener{std::move(listener), std::move(row), {}});
        return true;
    }

    void announce(const Listener& listener) const {
        const ListenerConfig& config = listener.config();
        const bool bare_v6 = config.host.find(':') != std::string::npos;
        // Port 0 is only known from here; scripts read this line.
        std::fprintf(stderr,
                     "listening on %s%s%s:%u name=%s\n",
                     bare_v6 ? "[" : "",
                     config.host.c_str(),
                     bare_v6 ? "]" : "",
                     unsigned{listener.port()},
                     config.name.c_str());
        log::emit(log::Module::kServer,
                  log::Level::kNotice,
                  "LISTENER_OPEN",
                  "name={} host={} port={} role={}",
                  config.name,
                  config.host,
                  listener.port(),
                  link::to_string(config.role));
    }

    void add_connector(const ConnectorConfig& config, const mgmt::Row& given) override {
        mgmt::Row row = given;
        const std::uint64_t owner = ++last_owner;
        auto connector =
            std::make_unique<Connector>(io, config, random_seed(), [this, owner](UniqueFd fd) {
                const auto found = connectors.find(owner);
                if (found != connectors.end()) {
                    const Connector& known = *found->second.connector;
                    found->second.handed_over = true;
                    adopt(std::move(fd), known.config(), owner, true, known.place());
                }
            });
        row.set("name", config.name);
        Connector& started = *connector;
        connectors.emplace(owner, OpenConnector{std::move(connector), std::move(row), {}});
        started.start();
    }

    // -- EndpointAdmin ----------------------------------------------------------------------------
    std::vector<mgmt::Row> listener_rows() override {
        std::vector<mgmt::Row> rows;
        for (const auto& [owner, open] : listeners) {
            rows.push_back(open.row);
        }
        return rows;
    }

    std::vector<mgmt::Row> connector_rows() override {
        std::vector<mgmt::Row> rows;
        for (const auto& [owner, open] : connectors) {
            const ConnectorFsm& fsm = open.connector->fsm();
            rows.push_back(open.row);
            rows.back()
                .set("failoverUrls", mgmt::to_text(failover_urls(open.connector->others())))
                .set("connectionStatus", to_string(fsm.state()))
                .set("connectionMsg", fsm.message());
        }
        return rows;
    }

    bool create(const mgmt::Row& row, std::string& why) override {
        const bool is_listener = row.type().name == "listener";
        ListenerConfig as_listener;
        ConnectorConfig as_connector;
        if (!(is_listener ? to_listener(row, as_listener, why)
                          : to_connector(row, as_connector, why))) {
            return false;
        }
        const EndpointConfig& config =
            is_listener ? static_cast<const EndpointConfig&>(as_listener) : as_connector;
        if (config.role == link::ConnectionRole::kInterRouter &&
            configuration.mode == RouterMode::kStandalone) {
            why = "role inter-router is not allowed in standalone mode";
            return false;
        }
        if (is_listener ? find_listener(config.name) != listeners.end()
                        : find_connector(config.name) != connectors.end()) {
            why = "the name \"" + config.name + "\" is taken";
            return false;
        }
        if (!is_listener) {
            add_connector(as_connector, row);
            return true;
        }
        if (!add_listener(as_listener, row, why)) {
            return false;
        }
        Listener& listener = *std::prev(listeners.end())->second.listener;
        listener.start();
        announce(listener);
        return true;
    }

    bool remove(const mgmt::Row& row, std::string& why) override {
        const std::string name{row.text("name")};
        if (row.type().name == "listener") {
            const auto found = find_listener(name);
            if (found != listeners.end()) {
                listeners.erase(found);
                return true;
            }
        } else if (drop_connector(name, "the connector was deleted")) {
            return true;
        }
        why = "there is no " + std::string{row.type().name} + " of that name";
        return false;
    }

    /// False: there is none of that name.
    bool drop_connector(const std::string& name, const char* why) {
        const auto found = find_connector(name);
        if (found == connectors.end()) {
            return false;
        }
        if (const auto& open = found->second.connection) {
            workers.send(open->worker,
                         link::command::CloseConnection{*open, {"amqp:connection:forced", why}});
        } else if (found->second.handed_over) {
            dropped_connectors.insert(found->first);  // closed as soon as it is open
        }
        connectors.erase(found);
        return true;
    }

    bool change(const mgmt::Row& row, std::string& note) override {
        const std::string name{row.text("name")};
        if (row.type().name == "listener") {
            ListenerConfig config;
            if (!to_listener(row, config, note)) {
                return false;
            }
            config.name = name;
            change_listener(config, row);
            return true;
        }
        ConnectorConfig config;
        if (!to_connector(row, config, note)) {
            return false;
        }
        config.name = name;
        if (const auto found = find_connector(name); found != connectors.end()) {
            note = describe(connector_change(found->second.connector->config(), config));
        }
        change_connector(config, row);
        return true;
    }

    [[nodiscard]] std::uint64_t connections_ever() const override { return last_number; }

    // -- ReloadTarget -----------------------------------------------------------------------------
    mgmt::Reloaded reload() override { return reloader.reload(); }

    bool prepare_listener(const ListenerConfig& config,
                          const mgmt::Row& row,
                          std::string& why) override {
        if (!add_listener(config, row, why)) {
            return false;
        }
        prepared.push_back(last_owner);
        return true;
    }

    void abandon_listeners() override {
        for (const std::uint64_t owner : std::exchange(prepared, {})) {
            listeners.erase(owner);
        }
    }

    void start_prepared_listeners() override {
        for (const std::uint64_t owner : std::exchange(prepared, {})) {
            Listener& listener = *listeners.at(owner).listener;
            listener.start();
            announce(listener);
        }
    }

    void change_listener(const ListenerConfig& config, const mgmt::Row& row) override {
        const auto found = find_listener(config.name);
        if (found != listeners.end()) {
            OpenListener& open = found->second;
            const bool cost = open.listener->config().cost != config.cost;
            open.listener->change(config);
            open.row = row;
            open.row.set("port", std::to_string(open.listener->port())).set("name", config.name);
            for (const link::ConnectionId& router : open.routers) {
                if (cost) {
                    control.set_cost(now(), router, config.cost);
                }
            }
        }
    }

    void change_connector(const ConnectorConfig& config, const mgmt::Row& row) override {
        const auto found = find_connector(config.name);
        if (found == connectors.end()) {
            add_connector(config, row);  // management had deleted it
            return;
        }
        OpenConnector& open = found->second;
        const ConnectorChange change = connector_change(open.connector->config(), config);
        if (change.reconnect) {
            drop_connector(config.name, "the connector was changed");
            add_connector(config, row);
            return;
        }
        open.connector->change(config);
        open.row = row;
        open.row.set("name", config.name);
        if (open.connection && change.cost) {
            control.set_cost(now(), *open.connection, config.cost);
        }
        if (open.connection && change.capacity) {
            workers.send(open.connection->worker,
                         link::command::SetCapacity{*open.connection, config.link_capacity});
        }
    }

    void remove_endpoint(const mgmt::EntityType& type, const std::string& name) override {
        mgmt::Row row(type);
        row.set("name", name);
        std::string gone_already;
        remove(row, gone_already);
    }

    void addresses_changed() override { control.addresses_changed(); }

    // -- HTTP -------------------------------------------------------------------------------------
    void answer_http(std::string_view target, mgmt::HttpDone done) {
        control.management(now());  // rows as of now
        site.get(target, std::move(done));
        arm_timer();  // it may wait for another node
    }

    // AMQP over WebSocket, on a connection of that listener.
    void adopt_stream(UniqueFd fd, const std::string& peer, std::uint64_t owner) {
        const auto found = listeners.find(owner);
        if (found != listeners.end() && !stopping) {
            adopt(std::move(fd), found->second.listener->config(), owner, false, peer);
        }
    }

    /// What keeps the node from serving; empty when nothing does.
    std::string what_is_missing() {
        if (stopping) {
            return "the router is being shut down";
        }
        const bool joins = std::any_of(
            configuration.connectors.begin(), configuration.connectors.end(), [](const auto& one) {
                return one.role == link::ConnectionRole::kInterRouter;
            });
        if (joins && control.management(now()).mesh_routers().size() < 2) {
            return "no other router is reachable";
        }
        return {};
    }

    // -- life -------------------------------------------------------------------------------------
    bool open(std::string& why) {
        if (!configuration.record.empty() && !control.record(configuration.record, why)) {
            return false;
        }
        for (std::size_t i = 0; i < configuration.listeners.size(); ++i) {
            const ListenerConfig& config = configuration.listeners[i];
            std::string reason;
            if (!add_listener(config, configuration.listener_rows[i], reason)) {
                why = "listener " + config.name + ": cannot listen on " + config.host + ':' +
                      config.port + ": " + reason;
                return false;
            }
        }
        return true;
    }

    void run() {
        asio::signal_set signals(io, SIGTERM, SIGINT);
        wait_signal(signals);
        asio::signal_set hangups(io, SIGHUP);
        wait_hangup(hangups);
        site.set_liveness([this] { return control.stalled_workers(now()); });
        workers.start();
        control.start(now());
        arm_timer();
        for (std::size_t i = 0; i < configuration.connectors.size(); ++i) {
            add_connector(configuration.connectors[i], configuration.connector_rows[i]);
        }
        // From here on a connection that is accepted finds everything else in force.
        for (const auto& [owner, open] : listeners) {
            open.listener->start();
            announce(*open.listener);
        }
        io.run();
        reports.close();
        workers.stop();
        log::emit(log::Module::kRouter, log::Level::kNotice, "STOPPED", "id={}", configuration.id);
    }

    void wait_hangup(asio::signal_set& hangups) {
        hangups.async_wait([this, &hangups](const auto& error, int /*signal*/) {
            if (error || stopping) {
                return;
            }
            reload();
            end_burst();
            wait_hangup(hangups);
        });
    }

    void wait_signal(asio::signal_set& signals) {
        signals.async_wait([this, &signals](const auto& error, int signal) {
            if (error) {
                return;
            }
            log::emit(log::Module::kRouter,
                      log::Level::kNotice,
                      "STOPPING",
                      "id={} signal={}",
                      configuration.id,
                      signal);
            if (stopping) {
                io.stop();  // asked twice: at once
                return;
            }
            prepare_stop();
            wait_signal(signals);
        });
    }

    // Traffic is finished first; nothing new comes in.
    void prepare_stop() {
        stopping = true;
        for (const auto& [owner, open] : listeners) {
            open.listener->close();
        }
        for (const auto& [owner, open] : connectors) {
            open.connector->stop();
        }
        control.prepare_stop(now());
        drain_until = now() + kDrainLimit;
        poll_drain();
        end_burst();
    }

    void poll_drain() {
        stop_timer.expires_after(kDrainPoll);
        stop_timer.async_wait([this](const auto& error) {
            if (error || closing) {
                return;
            }
            if (now() >= drain_until) {
                stop();
                return;
            }
            control.observe(now());
            poll_drain();
            end_burst();
        });
    }

    void stop() {
        closing = true;
        http.close();
        control.stop(now());
        stop_timer.expires_after(kStopLimit);
        stop_timer.async_wait([this](const auto& error) {
            if (!error) {
                io.stop();
            }
        });
        end_burst();
    }

    struct OpenListener {
        std::unique_ptr<Listener> listener;
        mgmt::Row row;
        std::set<link::ConnectionId> routers;  ///< connections of routers that came in here
    };

    struct OpenConnector {
        std::unique_ptr<Connector> connector;
        mgmt::Row row;
        std::optional<link::ConnectionId> connection;  ///< while it is open
        bool handed_over = false;                      ///< a worker has its socket
    };

    std::map<std::uint64_t, OpenListener>::iterator find_listener(const std::string& name) {
        return std::find_if(listeners.begin(), listeners.end(), [&name](const auto& entry) {
            return entry.second.listener->config().name == name;
        });
    }

    std::map<std::uint64_t, OpenConnector>::iterator find_connector(const std::string& name) {
        return std::find_if(connectors.begin(), connectors.end(), [&name](const auto& entry) {
            return entry.second.connector->config().name == name;
        });
    }

    Configuration configuration;
    asio::io_context io{1};
    asio::steady_timer timer{io};
    asio::steady_timer stop_timer{io};
    Mailbox<link::Report> reports;
    std::vector<link::Report> burst;
    std::deque<link::report::ManagementRequest> requests;
    std::size_t request_bytes = 0;  ///< of them
    LineBudget dropped_requests{2};
    WorkerPool workers;
    std::map<std::uint64_t, OpenListener> listeners;    // by owner number, in order of creation
    std::map<std::uint64_t, OpenConnector> connectors;  // the same numbers
    std::set<std::uint64_t> dropped_connectors;         // gone before their connection was open
    std::vector<std::uint64_t> prepared;                // listeners that are bound, not started
    Clerk clerk{[this](mgmt::Background::Task task) {
        asio::post(io, [this, task = std::move(task)] {
            task();
            end_burst();
        });
    }};
    ControlPlane control;
    Reloader reloader{configuration, *this};
    mgmt::HttpSite site{control.management(now()),
                        [this] { return what_is_missing(); },
                        {},
                        {.own_id = configuration.id, .nodes = &control.remote_nodes()}};
    mgmt::HttpServer http{io,
                          [this](std::string_view target, mgmt::HttpDone done) {
                              answer_http(target, std::move(done));
                          },
                          {},
                          [this](int descriptor, const std::string& peer, std::uint64_t owner) {
                              adopt_stream(UniqueFd(descriptor), peer, owner);
                          }};
    std::optional<routing::Time> armed;
    std::uint64_t last_owner = 0;
    std::uint64_t last_number = 0;
    std::size_t live = 0;  ///< sockets handed to workers and not reported closed
    routing::Time drain_until = 0;
    bool stopping = false;  ///< asked to end
    bool closing = false;   ///< all traffic has ended, or was given up: connections are closed
};

Daemon::Daemon(Configuration configuration)
    : impl_(std::make_unique<Impl>(std::move(configuration))) {}

Daemon::~Daemon() = default;

bool Daemon::open(std::string& why) {
    return impl_->open(why);
}

void Daemon::run() {
    impl_->run();
}

}  // namespace amqmesh::router
