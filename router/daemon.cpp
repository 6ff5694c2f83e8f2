#include "router/daemon.h"

#include "mgmt/http_server.h"
#include "mgmt/http_site.h"
#include "router/clerk.h"
#include "router/clock.h"
#include "router/control_plane.h"
#include "router/endpoints.h"
#include "router/line_budget.h"
#include "router/log.h"
#include "router/mailbox.h"
#include "router/random_seed.h"
#include "router/request_queue.h"
#include "router/worker_pool.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace amqmesh::router {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kReportBytesMax = 64U << 20U;
// How often is looked whether all traffic has ended, once the process is to end.
constexpr std::chrono::milliseconds kDrainPoll{10};
// Traffic that does not end by itself is cut off, even if a worker does not answer.
constexpr routing::Time kDrainLimit = 45 * routing::kSecond;
// The end of the process does not wait longer for peers than this.
constexpr std::chrono::seconds kStopLimit{2};

}  // namespace

struct Daemon::Impl final : ControlOutlet, EndpointHost {
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
                  endpoints) {}

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
        if (!requests.push(std::move(request))) {
            if (const auto left_out = dropped_requests.take(now())) {
                log::emit(log::Module::kAgent,
                          log::Level::kWarning,
                          "REQUEST_DROPPED",
                          "too many management requests wait left_out={}",
                          *left_out);
            }
            return;
        }
        if (requests.size() == 1) {
            asio::post(io, [this] { serve_request(); });
        }
    }

    void serve_request() {
        control.on_report(now(), requests.pop());
        end_burst();
        if (requests.size() > 0) {
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
        // For good: a node whose neighbours end goes on serving its own clients.
        joined = joined || control.management(now()).mesh_routers().size() > 1;
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
                  endpoints.name(owner));
        endpoints.opened(owner, what);
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
                  endpoints.name(owner),
                  what.was_open,
                  what.condition.empty() ? "none" : what.condition.name,
                  what.condition.description);
        live -= live > 0 ? 1 : 0;
        workers.released(what.id.worker);
        endpoints.closed(owner, what, retry_after_ms);
    }

    // -- EndpointHost -----------------------------------------------------------------------------
    void adopt(NewSocket&& socket) override {
        ++live;
        workers.adopt(std::move(socket));
    }

    void adopt_http(UniqueFd fd, std::uint64_t owner, const mgmt::HttpAccess& access) override {
        http.adopt(fd.release(), owner, access);
    }

    void command(const link::ConnectionId& connection, link::Command&& command) override {
        workers.send(connection.worker, std::move(command));
    }

    void set_cost(const link::ConnectionId& connection, routing::Cost cost) override {
        control.set_cost(now(), connection, cost);
    }

    void addresses_changed() override { control.addresses_changed(); }

    // -- HTTP -------------------------------------------------------------------------------------
    void answer_http(std::string_view target, mgmt::HttpDone done) {
        control.management(now());  // rows as of now
        site.get(target, std::move(done));
        arm_timer();  // it may wait for another node
    }

    void adopt_stream(UniqueFd fd, const std::string& peer, std::uint64_t owner) {
        if (!stopping) {
            endpoints.adopt_stream(std::move(fd), peer, owner);
        }
    }

    /// What keeps the node from serving; empty when nothing does.
    std::string what_is_missing() {
        if (stopping) {
            return "the router is being shut down";
        }
        if (!joined && endpoints.joins_mesh()) {
            return "no other router was reachable yet";
        }
        return {};
    }

    // -- life -------------------------------------------------------------------------------------
    bool open(std::string& why) {
        if (!configuration.record.empty() && !control.record(configuration.record, why)) {
            return false;
        }
        return endpoints.open(why);
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
        endpoints.start_connectors();
        // From here on a connection that is accepted finds everything else in force.
        endpoints.start_listeners();
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
            endpoints.reload();
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
        endpoints.stop();
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

    Configuration configuration;
    asio::io_context io{1};
    asio::steady_timer timer{io};
    asio::steady_timer stop_timer{io};
    Mailbox<link::Report> reports;
    std::vector<link::Report> burst;
    RequestQueue requests;
    LineBudget dropped_requests{2};
    WorkerPool workers;
    Endpoints endpoints{io, configuration, *this};
    Clerk clerk{[this](mgmt::Background::Task task) {
        asio::post(io, [this, task = std::move(task)] {
            task();
            end_burst();
        });
    }};
    ControlPlane control;
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
    bool joined = false;   ///< another router was reachable once
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
