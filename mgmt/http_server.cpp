#include "mgmt/http_server.h"

#include "mgmt/http_websocket.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <unistd.h>

#include <array>
#include <optional>
#include <set>
#include <utility>

namespace amqmesh::mgmt {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

}  // namespace

// What sessions share with their server, which may end before their last callback.
struct HttpServer::Shared {
    Shared(HttpHandler the_handler, const HttpLimits& the_limits, StreamHandler the_streams)
        : handler(std::move(the_handler)),
          limits(the_limits),
          streams(std::move(the_streams)),
          bridge(limits.web_sockets) {}

    HttpHandler handler;  // empty: the server is gone
    HttpLimits limits;
    StreamHandler streams;
    WebSocketBridge bridge;
    std::set<std::shared_ptr<Session>> sessions;
    std::uint64_t reads = 0;  // ever begun
};

// One connection: reads a request, has it answered, writes, reads the next.
class HttpServer::Session : public std::enable_shared_from_this<Session> {
  public:
    Session(tcp::socket&& socket,
            std::shared_ptr<Shared> shared,
            std::uint64_t tag,
            HttpAccess&& access)
        : stream_(std::move(socket)),
          buffer_(shared->limits.header_bytes),
          shared_(std::move(shared)),
          access_(std::move(access)),
          tag_(tag) {}

    // When it began to wait for a request, as a place in the order of all; 0: it has one.
    [[nodiscard]] std::uint64_t waits_since() const { return waits_since_; }

    void read() {
        waits_since_ = ++shared_->reads;
        parser_.emplace();
        parser_->header_limit(static_cast<std::uint32_t>(shared_->limits.header_bytes));
        parser_->body_limit(0);  // GET has none
        stream_.expires_after(shared_->limits.request_timeout);
        http::async_read(
            stream_,
            buffer_,
            *parser_,
            [self = shared_from_this()](beast::error_code error, std::size_t /*bytes*/) {
                self->on_request(error);
            });
    }

    void close() {
        beast::error_code ignored;  // it is going away in any case
        stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
        stream_.close();
        shared_->sessions.erase(shared_from_this());
    }

  private:
    void on_request(beast::error_code error) {
        waits_since_ = 0;
        if (!shared_->handler || error == http::error::end_of_stream) {
            close();
            return;
        }
        if (error == http::error::header_limit) {
            unread_ = true;
            answer({.status = 431}, false);
            return;
        }
        unread_ = error == http::error::body_limit;
        if (error && !unread_) {
            // Not HTTP, a time-out or a reset: an answer would not be read.
            close();
            return;
        }
        const auto& request = parser_->get();
        head_ = request.method() == http::verb::head;
        if (request.method() != http::verb::get && !head_) {
            answer({.status = 405, .body = "only GET and HEAD\n"},
                   request.keep_alive() && !unread_);
            return;
        }
        if (unread_) {
            answer({.status = 413}, false);
            return;
        }
        const std::string given{request.target()};
        const std::string target{origin_form(given)};
        const bool upgrading = beast::websocket::is_upgrade(request);
        const bool keep_alive = request.keep_alive() && !upgrading;
        if (upgrading ? !access_.web_sockets : !offered(access_, target)) {
            answer({.status = 404, .body = "not offered by this listener\n"}, keep_alive);
            return;
        }
        if (!authorized(access_, target, std::string{request[http::field::authorization]})) {
            answer({.status = 401, .body = "user and password, please\n"}, keep_alive);
            return;
        }
        if (upgrading) {
            upgrade();
            return;
        }
        shared_->handler(target, [self = shared_from_this(), keep_alive](HttpResponse&& response) {
            self->answer(std::move(response), keep_alive);
        });
    }

    // The connection is the bridge's from here on, unless it cannot be.
    void upgrade() {
        const auto& request = parser_->get();
        const auto field = [&request](http::field name) { return std::string{request[name]}; };
        // Browsers let any page open WebSockets to anywhere: it is for the server to refuse.
        if (!origin_allowed(access_, field(http::field::origin), field(http::field::host))) {
            answer({.status = 403, .body = "pages of that origin may not: see httpOrigins\n"},
                   false);
            return;
        }
        const std::string offered = field(http::field::sec_websocket_protocol);
        const std::string_view chosen =
            shared_->streams ? choose_subprotocol(offered) : std::string_view{};
        if (chosen.empty() || buffer_.size() != 0) {
            answer({.status = 400, .body = "a WebSocket here has the sub-protocol amqp\n"}, false);
            return;
        }
        if (shared_->bridge.full()) {
            answer({.status = 503, .body = "too many WebSocket connections\n"}, false);
            return;
        }
        beast::error_code error;
        const auto peer = stream_.socket().remote_endpoint(error);
        const std::string host =
            error ? "-" : peer.address().to_string() + ':' + std::to_string(peer.port());
        stream_.expires_never();
        const int socket = stream_.release_socket().release(error);
        shared_->sessions.erase(shared_from_this());
        if (error) {
            return;  // closed with the session
        }
        const UpgradeRequest handshake{.target = std::string{request.target()},
                                       .host = field(http::field::host),
                                       .key = field(http::field::sec_websocket_key),
                                       .version = field(http::field::sec_websocket_version)};
        const int other_end = shared_->bridge.adopt(socket, handshake, chosen);
        if (other_end >= 0) {
            shared_->streams(other_end, host, tag_);
        }
    }

    void answer(HttpResponse&& response, bool keep_alive) {
        message_ = {static_cast<http::status>(response.status), 11};
        message_.set(http::field::server, "amqmesh");
        message_.set(http::field::content_type, response.content_type);
        message_.set(http::field::cache_control, "no-store");
        message_.set("X-Content-Type-Options", "nosniff");
        message_.set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'");
        if (response.status == 405) {
            message_.set(http::field::allow, "GET, HEAD");
        }
        if (response.status == 401) {
            message_.set(http::field::www_authenticate,
                         R"(Basic realm="amqmesh", charset="UTF-8")");
        }
        message_.keep_alive(keep_alive);
        message_.body() = std::move(response.body);
        message_.prepare_payload();
        if (head_) {
            message_.body().clear();  // the length stays that of a GET (RFC 9110, 9.3.2)
        }
        stream_.expires_after(shared_->limits.request_timeout);
        http::async_write(
            stream_,
            message_,
            [self = shared_from_this(), keep_alive](beast::error_code error, std::size_t /*n*/) {
                if (!error && self->unread_) {
                    self->linger();
                } else if (error || !keep_alive) {
                    self->close();
                } else {
                    self->read();
                }
            });
    }

    // To close a socket that has unread bytes resets the connection, and the peer may lose the
    // answer: what comes is thrown away until it closes, for so long and so much.
    void linger() {
        beast::error_code ignored;  // then the next read fails
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        waits_since_ = ++shared_->reads;
        skip();
    }

    void skip() {
        stream_.async_read_some(
            asio::buffer(skipped_),
            [self = shared_from_this()](beast::error_code error, std::size_t bytes) {
                self->skipped_bytes_ += bytes;
                if (error || self->skipped_bytes_ > kSkippedMax) {
                    self->close();
                } else {
                    self->skip();
                }
            });
    }

    static constexpr std::size_t kSkippedMax = 1U << 20U;

    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    std::shared_ptr<Shared> shared_;
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> message_;
    HttpAccess access_;
    std::uint64_t tag_ = 0;
    std::uint64_t waits_since_ = 0;
    bool head_ = false;
    bool unread_ = false;  // the request has a body, or more of a header
    std::array<char, 4096> skipped_{};
    std::size_t skipped_bytes_ = 0;
};

HttpServer::HttpServer(boost::asio::io_context& io,
                       HttpHandler handler,
                       HttpLimits limits,
                       StreamHandler streams)
    : io_(io), shared_(std::make_shared<Shared>(std::move(handler), limits, std::move(streams))) {}

HttpServer::~HttpServer() {
    shared_->handler = nullptr;
    close();
}

void HttpServer::adopt(int descriptor, std::uint64_t tag, HttpAccess access) {
    tcp::socket socket{io_};
    beast::error_code error;
    socket.assign(tcp::v4(), descriptor, error);  // the family is of no consequence from here on
    if (error) {
        ::close(descriptor);
        return;
    }
    if (shared_->sessions.size() >= shared_->limits.connections && !make_room()) {
        return;  // closes it
    }
    auto session = std::make_shared<Session>(std::move(socket), shared_, tag, std::move(access));
    shared_->sessions.insert(session);
    session->read();
}

// Sockets that ask nothing must not keep a probe out: the one that has waited longest goes. False:
// all have been asked something.
bool HttpServer::make_room() {
    std::shared_ptr<Session> longest;
    for (const auto& session : shared_->sessions) {
        if (session->waits_since() != 0 &&
            (longest == nullptr || session->waits_since() < longest->waits_since())) {
            longest = session;
        }
    }
    if (longest != nullptr) {
        longest->close();
    }
    return longest != nullptr;
}

void HttpServer::close() {
    const auto sessions = shared_->sessions;
    for (const auto& session : sessions) {
        session->close();
    }
}

std::size_t HttpServer::connections() const {
    return shared_->sessions.size();
}

}  // namespace amqmesh::mgmt
