#include "router/listener.h"

#include "router/log.h"
#include "router/tcp.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <list>
#include <system_error>
#include <utility>

namespace amqmesh::router {

namespace {

namespace asio = boost::asio;

constexpr int kAcceptsPerTurn = 64;
// When the process has run out of descriptors or memory, others may be closed meanwhile.
constexpr std::chrono::milliseconds kBackOff{100};

bool is_exhausted(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
    // Each rests alone when descriptors run out.
    struct Socket {
        Socket(asio::io_context& loop, int fd) : descriptor(loop, fd), timer(loop) {}

        asio::posix::stream_descriptor descriptor;
        asio::steady_timer timer;
    };

    Impl(asio::io_context& loop, ListenerConfig given, Accepted handler)
        : io(loop), config(std::move(given)), accepted(std::move(handler)) {}

    void wait(Socket& socket) {
        if (closed) {
            return;
        }
        socket.descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                     [self = shared_from_this(), &socket](const auto& error) {
                                         if (!error && !self->closed) {
                                             self->accept_some(socket);
                                         }
                                     });
    }

    void accept_some(Socket& socket) {
        for (int turn = 0; turn < kAcceptsPerTurn && !closed; ++turn) {
            sockaddr_storage address{};
            socklen_t length = sizeof address;
            UniqueFd fd(::accept4(socket.descriptor.native_handle(),
                                  reinterpret_cast<sockaddr*>(&address),  // NOLINT: the call's form
                                  &length,
                                  SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (fd) {
                exhausted = false;
                accepted(std::move(fd), to_text(address));
                continue;
            }
            const int error = errno;
            if (error == EAGAIN) {
                break;
            }
            if (is_exhausted(error)) {
                back_off(socket, error);
                return;
            }
            // The connection that was to be accepted is gone already: take the next one.
        }
        wait(socket);
    }

    void back_off(Socket& socket, int error) {
        if (!std::exchange(exhausted, true)) {
            log::emit(log::Module::kServer,
                      log::Level::kError,
                      "ACCEPT_FAILED",
                      "listener={} error={}",
                      config.name,
                      std::generic_category().message(error));
        }
        socket.timer.expires_after(kBackOff);
        socket.timer.async_wait([self = shared_from_this(), &socket](const auto& cancelled) {
            if (!cancelled) {
                self->wait(socket);
            }
        });
    }

    asio::io_context& io;
    ListenerConfig config;
    const Accepted accepted;
    std::list<Socket> sockets;
    std::uint16_t port = 0;
    bool closed = false;
    bool exhausted = false;
};

Listener::Listener(asio::io_context& io, ListenerConfig config, Accepted accepted)
    : impl_(std::make_shared<Impl>(io, std::move(config), std::move(accepted))) {}

Listener::~Listener() {
    close();
}

bool Listener::open(const std::vector<const Listener*>& leaving, std::string& why) {
    std::vector<int> ours;
    for (const Listener* one : leaving) {
        for (auto& socket : one->impl_->sockets) {
            ours.push_back(socket.descriptor.native_handle());
        }
    }
    auto bound = listen_on(impl_->config.host, impl_->config.port, impl_->config.family, ours, why);
    for (UniqueFd& fd : bound) {
        if (impl_->port == 0) {
            impl_->port = local_port(fd.get());
        }
        impl_->sockets.emplace_back(impl_->io, fd.release());
    }
    return !bound.empty();
}

void Listener::start() {
    for (auto& socket : impl_->sockets) {
        impl_->wait(socket);
    }
}

void Listener::close() {
    impl_->closed = true;
    for (auto& socket : impl_->sockets) {
        boost::system::error_code ignored;
        socket.timer.cancel();
        socket.descriptor.close(ignored);
    }
}

const ListenerConfig& Listener::config() const {
    return impl_->config;
}

void Listener::change(ListenerConfig config) {
    impl_->config = std::move(config);
}

std::uint16_t Listener::port() const {
    return impl_->port;
}

}  // namespace amqmesh::router
