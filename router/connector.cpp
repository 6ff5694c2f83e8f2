#include "router/connector.h"

#include "router/clock.h"
#include "router/log.h"
#include "router/tcp.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <utility>

namespace amqmesh::router {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// An address that does not answer is given up after this; the kernel would try for minutes.
constexpr std::chrono::seconds kConnectLimit{5};

}  // namespace

struct Connector::Impl : std::enable_shared_from_this<Connector::Impl> {
    Impl(asio::io_context& loop, ConnectorConfig given, std::uint64_t seed, Connected handler)
        : resolver(loop),
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
        timer.expires_after(kConnectLimit);
        timer.async_wait([self = shared_from_this(), mine](const auto& error) {
            if (!error && mine == self->attempt) {
                self->failed("no answer within 5 s");
            }
        });
        const auto handler = [self = shared_from_this(), mine](const auto& error,
                                                               const auto& addresses) {
            if (mine != self->attempt) {
                return;
            }
            if (error) {
                self->failed(error.message());
            } else {
                self->connect(addresses);
            }
        };
        const std::string port = port_number(config.port);
        switch (config.family) {
            case AddressFamily::kV4:
                resolver.async_resolve(tcp::v4(), config.host, port, handler);
                break;
            case AddressFamily::kV6:
                resolver.async_resolve(tcp::v6(), config.host, port, handler);
                break;
            case AddressFamily::kAny:
                resolver.async_resolve(config.host, port, handler);
                break;
        }
    }

    void connect(const tcp::resolver::results_type& addresses) {
        const std::uint64_t mine = attempt;
        socket = tcp::socket(socket.get_executor());
        asio::async_connect(
            socket, addresses, [self = shared_from_this(), mine](const auto& error, const auto&) {
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
        boost::system::error_code ignored;
        socket.close(ignored);
        resolver.cancel();
        // The first failure in a row is worth a line; that it goes on failing is not.
        const bool first = fsm.state() != ConnectorState::kFailed || fsm.message() != why;
        log::emit(log::Module::kConnMgr,
                  first ? log::Level::kInfo : log::Level::kDebug,
                  "CONNECT_FAILED",
                  "connector={} host={} port={} error={}",
                  config.name,
                  config.host,
                  config.port,
                  why);
        perform(fsm.on_refused(why));
    }

    void stop() {
        ++attempt;
        fsm.stop();
        timer.cancel();
        resolver.cancel();
        boost::system::error_code ignored;
        socket.close(ignored);
    }

    tcp::resolver resolver;
    tcp::socket socket;
    asio::steady_timer timer;
    const ConnectorConfig config;
    const Connected connected;
    ConnectorFsm fsm;
    std::uint64_t attempt = 0;
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

void Connector::on_opened() {
    impl_->perform(impl_->fsm.on_opened(now()));
}

void Connector::on_closed(const std::string& why, std::uint32_t retry_after_ms) {
    impl_->perform(impl_->fsm.on_closed(now(), why, retry_after_ms));
}

const ConnectorConfig& Connector::config() const {
    return impl_->config;
}

const ConnectorFsm& Connector::fsm() const {
    return impl_->fsm;
}

}  // namespace amqmesh::router
