#include "router/connector.h"

#include "router/clock.h"
#include "router/log.h"
#include "router/name_lookup.h"
#include "router/tcp.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace amqmesh::router {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// An address that does not answer is given up after this; the kernel would try for minutes.
constexpr std::chrono::seconds kConnectLimit{5};
// The resolver asks a second server only after the first one was silent for five seconds, and the
// kernel's own limits are far beyond.
constexpr std::chrono::seconds kLookupLimit{30};

}  // namespace

struct Connector::Impl : std::enable_shared_from_this<Connector::Impl> {
    Impl(asio::io_context& loop, ConnectorConfig given, std::uint64_t seed, Connected handler)
        : lookup(loop),
          socket(loop),
          timer(loop),
          config(std::move(given)),
          connected(std::move(handler)),
          fsm(seed) {}

    void perform(const ConnectorAction& action) {
        switch (action.kind) {
            case ConnectorAction::Kind::kNone:
                break;
            case ConnectorAction::Kind::kConnect:
                resolve();
                break;
            case ConnectorAction::Kind::kWait:
                wait(action.delay);
                break;
        }
    }

    void wait(routing::Time delay) {
        timer.expires_after(std::chrono::microseconds(delay));
        timer.async_wait([self = shared_from_this()](const auto& error) {
            if (!error) {
                self->perform(self->fsm.on_timer());
            }
        });
    }

    // Completions of an attempt that was given up carry an old number and are ignored.
    void resolve() {
        const std::uint64_t mine = ++attempt;
        const std::string host = this->host();
        const std::string port = port_number(this->port());
        if (const auto endpoint = numeric(host, port)) {
            connect({*endpoint});
            return;
        }
        give_up_after(kLookupLimit, "the name of the host could not be looked up within 30 s");
        lookup.start(host,
                     port,
                     config.family,
                     [self = shared_from_this(), mine](const NameLookup::Found& found) {
                         if (mine != self->attempt) {
                             return;
                         }
                         if (found.addresses.empty()) {
                             self->failed(found.why);
                         } else {
                             self->connect(to_endpoints(found.addresses));
                         }
                     });
    }

    void give_up_after(std::chrono::seconds limit, const char* why) {
        timer.expires_after(limit);
        timer.async_wait([self = shared_from_this(), mine = attempt, why](const auto& error) {
            if (!error && mine == self->attempt) {
                self->failed(why);
            }
        });
    }

    static std::vector<tcp::endpoint> to_endpoints(const std::vector<sockaddr_storage>& addresses) {
        std::vector<tcp::endpoint> endpoints;
        for (const sockaddr_storage& address : addresses) {
            tcp::endpoint& endpoint = endpoints.emplace_back();
            endpoint.resize(address.ss_family == AF_INET6 ? sizeof(sockaddr_in6)
                                                          : sizeof(sockaddr_in));
            std::memcpy(endpoint.data(), &address, endpoint.size());
        }
        return endpoints;
    }

    /// What needs no looking up.
    [[nodiscard]] std::optional<tcp::endpoint> numeric(const std::string& host,
                                                       const std::string& port) const {
        std::optional<tcp::endpoint> endpoint;
        boost::system::error_code error;
        const auto address = asio::ip::make_address(host, error);
        std::uint16_t number = 0;
        const auto* const end = port.data() + port.size();
        const auto parsed = std::from_chars(port.data(), end, number);
        const bool allowed = config.family == AddressFamily::kAny ||
                             (config.family == AddressFamily::kV6) == address.is_v6();
        if (!error && allowed && parsed.ec == std::errc() && parsed.ptr == end) {
            endpoint.emplace(address, number);
        }
        return endpoint;
    }

    /// Another address first each time: one that does not answer takes all the time of a try.
    void connect(std::vector<tcp::endpoint> endpoints) {
        std::rotate(endpoints.begin(),
                    endpoints.begin() + static_cast<std::ptrdiff_t>(turn % endpoints.size()),
                    endpoints.end());
        give_up_after(kConnectLimit, "no answer within 5 s");
        const std::uint64_t mine = attempt;
        socket = tcp::socket(socket.get_executor());
        asio::async_connect(
            socket, endpoints, [self = shared_from_this(), mine](const auto& error, const auto&) {
                if (mine != self->attempt) {
                    return;
                }
                if (error) {
                    self->failed(error.message());
                } else {
                    self->succeeded();
                }
            });
    }

    void succeeded() {
        ++attempt;
        timer.cancel();
        boost::system::error_code error;
        socket.non_blocking(true, error);
        socket.native_non_blocking(true, error);
        UniqueFd fd(socket.release(error));
        if (error || !fd) {
            failed(error.message());
            return;
        }
        connected(std::move(fd));
    }

    void failed(const std::string& why) {
        ++attempt;
        ++turn;
        boost::system::error_code ignored;
        socket.close(ignored);
        lookup.forget();
        // The first failure in a row is worth a line; that it goes on failing is not.
        const bool first = fsm.state() != ConnectorState::kFailed || fsm.message() != why;
        log::emit(log::Module::kConnMgr,
                  first ? log::Level::kInfo : log::Level::kDebug,
                  "CONNECT_FAILED",
                  "connector={} host={} port={} error={}",
                  config.name,
                  host(),
                  port(),
                  why);
        at = (at + 1) % (others.size() + 1);
        perform(fsm.on_refused(why));
    }

    // Its own place first, then those that the peer told, one try each, and round again.
    void closed(const std::string& why, std::uint32_t retry_after_ms) {
        const bool was_open = fsm.state() == ConnectorState::kSuccess;
        at = was_open ? 0 : (at + 1) % (others.size() + 1);
        perform(fsm.on_closed(now(), why, retry_after_ms));
    }

    void opened(const std::vector<link::FailoverServer>& told) {
        if (at == 0 || !told.empty()) {
            others = told;
            at = std::min(at, others.size());
        }
        perform(fsm.on_opened(now()));
    }

    [[nodiscard]] const std::string& host() const {
        return at == 0 ? config.host : others[at - 1].host;
    }

    [[nodiscard]] const std::string& port() const {
        static const std::string kStandard = "5672";
        const auto& port = at == 0 ? config.port : others[at - 1].port;
        return port.empty() ? kStandard : port;
    }

    void stop() {
        ++attempt;
        fsm.stop();
        timer.cancel();
        lookup.forget();
        boost::system::error_code ignored;
        socket.close(ignored);
    }

    NameLookup lookup;
    tcp::socket socket;
    asio::steady_timer timer;
    ConnectorConfig config;
    const Connected connected;
    ConnectorFsm fsm;
    std::uint64_t attempt = 0;
    std::size_t turn = 0;                      // rises: which of a name's addresses is tried first
    std::vector<link::FailoverServer> others;  // at most RemoteOpen::kFailoverMax
    std::size_t at = 0;                        // 0: config's place; else others[at - 1]
};

Connector::Connector(asio::io_context& io,
                     ConnectorConfig config,
                     std::uint64_t seed,
                     Connected connected)
    : impl_(std::make_shared<Impl>(io, std::move(config), seed, std::move(connected))) {}

Connector::~Connector() {
    stop();
}

void Connector::start() {
    impl_->perform(impl_->fsm.start());
}

void Connector::stop() {
    impl_->stop();
}

void Connector::on_opened(const std::vector<link::FailoverServer>& others) {
    impl_->opened(others);
}

void Connector::on_closed(const std::string& why, std::uint32_t retry_after_ms) {
    impl_->closed(why, retry_after_ms);
}

const ConnectorConfig& Connector::config() const {
    return impl_->config;
}

void Connector::change(ConnectorConfig config) {
    impl_->config = std::move(config);
}

const ConnectorFsm& Connector::fsm() const {
    return impl_->fsm;
}

const std::vector<link::FailoverServer>& Connector::others() const {
    return impl_->others;
}

std::string Connector::place() const {
    return impl_->host() + ':' + impl_->port();
}

}  // namespace amqmesh::router
