#include "mgmt/http_websocket.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

namespace amqmesh::mgmt {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using Bytes = asio::local::stream_protocol::socket;

constexpr std::size_t kBufferBytes = 65'536;
constexpr std::chrono::seconds kHandshakeLimit{10};

// Counts for as long as it lives.
class Counted {
  public:
    explicit Counted(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) {
        ++*count_;
    }

    ~Counted() { --*count_; }

    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

  private:
    std::shared_ptr<std::atomic<std::size_t>> count_;
};

using HandshakeRequest = beast::http::request<beast::http::string_body>;

HandshakeRequest to_handshake(const UpgradeRequest& given) {
    HandshakeRequest request{beast::http::verb::get, given.target, 11};
    request.set(beast::http::field::host, given.host);
    request.set(beast::http::field::connection, "upgrade");
    request.set(beast::http::field::upgrade, "websocket");
    request.set(beast::http::field::sec_websocket_key, given.key);
    request.set(beast::http::field::sec_websocket_version, given.version);
    return request;
}

// One connection. Each direction has one operation under way at most: what cannot be written is not
// read.
class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(tcp::socket&& socket,
            Bytes&& bytes,
            const UpgradeRequest& request,
            std::shared_ptr<std::atomic<std::size_t>> count)
        : web_(std::move(socket)),
          bytes_(std::move(bytes)),
          request_(to_handshake(request)),
          counted_(std::move(count)) {}

    void start(const std::string& subprotocol) {
        web_.set_option(websocket::stream_base::timeout{
            kHandshakeLimit, websocket::stream_base::none(), false});
        web_.set_option(
            websocket::stream_base::decorator([subprotocol](websocket::response_type& response) {
                response.set(beast::http::field::server, "amqmesh");
                response.set(beast::http::field::sec_websocket_protocol, subprotocol);
            }));
        web_.read_message_max(0);  // messages are passed on in pieces, never kept
        web_.binary(true);
        web_.auto_fragment(false);
        web_.async_accept(request_, [self = shared_from_this()](beast::error_code error) {
            if (error) {
                self->cut();
                return;
            }
            self->read_web();
            self->read_bytes();
        });
    }

  private:
    void read_web() {
        web_.async_read_some(
            asio::buffer(from_web_),
            [self = shared_from_this()](beast::error_code error, std::size_t count) {
                if (error) {
                    self->cut();
                } else if (!self->web_.got_binary()) {
                    self->refuse_text();
                } else {
                    self->write_bytes(count);
                }
            });
    }

    void write_bytes(std::size_t count) {
        asio::async_write(bytes_,
                          asio::buffer(from_web_.data(), count),
                          [self = shared_from_this()](beast::error_code error, std::size_t /*n*/) {
                              if (!error) {
                                  self->read_web();  // otherwise its reader says goodbye
                              }
                          });
    }

    void read_bytes() {
        bytes_.async_read_some(
            asio::buffer(to_web_),
            [self = shared_from_this()](beast::error_code error, std::size_t count) {
                if (error) {
                    self->say_goodbye(websocket::close_code::normal);
                } else {
                    self->write_web(count);
                }
            });
    }

    void write_web(std::size_t count) {
        web_.async_write(asio::buffer(to_web_.data(), count),
                         [self = shared_from_this()](beast::error_code error, std::size_t /*n*/) {
                             if (error) {
                                 self->cut();
                             } else {
                                 self->read_bytes();
                             }
                         });
    }

    // AMQP comes in binary messages only (binding, 2.2).
    void refuse_text() {
        beast::error_code ignored;
        bytes_.shutdown(Bytes::shutdown_both, ignored);  // its reader says goodbye
        goodbye_ = websocket::close_code::unknown_data;
    }

    void say_goodbye(websocket::close_code code) {
        const auto reason = goodbye_ == websocket::close_code::none ? code : goodbye_;
        web_.async_close(reason, [self = shared_from_this()](beast::error_code) { self->cut(); });
    }

    void cut() {
        beast::error_code ignored;
        bytes_.close(ignored);
        web_.next_layer().close(ignored);
    }

    websocket::stream<tcp::socket> web_;
    Bytes bytes_;
    HandshakeRequest request_;
    Counted counted_;
    websocket::close_code goodbye_ = websocket::close_code::none;
    std::array<char, kBufferBytes> from_web_{};
    std::array<char, kBufferBytes> to_web_{};
};

}  // namespace

std::string_view choose_subprotocol(std::string_view offered) {
    std::string_view binary;
    while (!offered.empty()) {
        const std::size_t comma = std::min(offered.find(','), offered.size());
        std::string_view word = offered.substr(0, comma);
        offered.remove_prefix(std::min(comma + 1, offered.size()));
        const std::size_t first = std::min(word.find_first_not_of(" \t"), word.size());
        word = word.substr(first, word.find_last_not_of(" \t") + 1 - first);
        if (word == "amqp") {
            return "amqp";
        }
        binary = word == "binary" ? "binary" : binary;  // what the reference took, too
    }
    return binary;
}

struct WebSocketBridge::Impl {
    explicit Impl(std::size_t most) : connections_max(most) {}

    void start() {
        if (!thread.joinable()) {
            thread = std::thread([this] {
                pthread_setname_np(pthread_self(), "websocket");
                io.run();
            });
        }
    }

    const std::size_t connections_max;
    // Outlives the sessions, which the loop below destroys.
    std::shared_ptr<std::atomic<std::size_t>> count = std::make_shared<std::atomic<std::size_t>>(0);
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::thread thread;
};

WebSocketBridge::WebSocketBridge(std::size_t connections_max)
    : impl_(std::make_unique<Impl>(connections_max)) {}

WebSocketBridge::~WebSocketBridge() {
    impl_->io.stop();
    if (impl_->thread.joinable()) {
        impl_->thread.join();
    }
}

bool WebSocketBridge::full() const {
    return *impl_->count >= impl_->connections_max;
}

int WebSocketBridge::adopt(int socket,
                           const UpgradeRequest& request,
                           std::string_view subprotocol) {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        ::close(socket);
        return -1;
    }
    beast::error_code error;
    tcp::socket web{impl_->io};
    web.assign(tcp::v4(), socket, error);  // the family is of no consequence from here on
    Bytes bytes{impl_->io};
    if (!error) {
        bytes.assign(asio::local::stream_protocol{}, ends[0], error);
    } else {
        ::close(socket);
    }
    if (error) {
        ::close(ends[0]);
        ::close(ends[1]);
        return -1;
    }
    beast::error_code ignored;
    web.set_option(tcp::no_delay(true), ignored);
    auto session =
        std::make_shared<Session>(std::move(web), std::move(bytes), request, impl_->count);
    asio::post(impl_->io, [session, name = std::string{subprotocol}] { session->start(name); });
    impl_->start();
    return ends[1];
}

}  // namespace amqmesh::mgmt
