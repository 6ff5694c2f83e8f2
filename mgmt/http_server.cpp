#include "mgmt/http_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <set>
#include <utility>

namespace amqmesh::mgmt {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kAcceptPause{100};  // after a failed accept (EMFILE)

class Session;

// What sessions share with their server, which may end before their last callback.
struct Shared {
    HttpSite* site = nullptr;  // nullptr: the server is gone
    HttpLimits limits;
    std::set<std::shared_ptr<Session>> sessions;
};

// One connection: reads a request, has it answered, writes, reads the next.
class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(tcp::socket&& socket, std::shared_ptr<Shared> shared)
        : stream_(std::move(socket)),
          buffer_(shared->limits.header_bytes),
          shared_(std::move(shared)) {}

    void read() {
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
        if (shared_->site == nullptr || error == http::error::end_of_stream) {
            close();
            return;
        }
        if (error == http::error::header_limit || error == http::error::body_limit) {
            answer({.status = error == http::error::header_limit ? 431 : 413}, false);
            return;
        }
        if (error) {
            // Not HTTP, a time-out or a reset: an answer would not be read.
            close();
            return;
        }
        const auto& request = parser_->get();
        head_ = request.method() == http::verb::head;
        if (request.method() != http::verb::get && !head_) {
            answer({.status = 405, .body = "only GET and HEAD\n"}, request.keep_alive());
            return;
        }
        const std::string target{request.target()};
        shared_->site->get(
            target,
            [self = shared_from_this(), keep = request.keep_alive()](HttpResponse&& response) {
                self->answer(std::move(response), keep);
            });
    }

    void answer(HttpResponse&& response, bool keep_alive) {
        message_ = {static_cast<http::status>(response.status), 11};
        message_.set(http::field::server, "amqmesh");
        message_.set(http::field::content_type, response.content_type);
        message_.set(http::field::cache_control, "no-store");
        message_.set("X-Content-Type-Options", "nosniff");
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
                if (error || !keep_alive) {
                    self->close();
                } else {
                    self->read();
                }
            });
    }

    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    std::shared_ptr<Shared> shared_;
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> message_;
    bool head_ = false;
};

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
    explicit Impl(asio::io_context& the_io) : io(the_io), acceptor(the_io), pause(the_io) {}

    void accept() {
        acceptor.async_accept(
            [self = shared_from_this()](beast::error_code error, tcp::socket socket) {
                self->on_accepted(error, std::move(socket));
            });
    }

    void on_accepted(beast::error_code error, tcp::socket&& socket) {
        if (!acceptor.is_open()) {
            return;
        }
        if (error) {
            // Out of descriptors, most likely: trying on at once would only burn the processor.
            pause.expires_after(kAcceptPause);
            pause.async_wait([self = shared_from_this()](beast::error_code cancelled) {
                if (!cancelled) {
                    self->accept();
                }
            });
            return;
        }
        if (shared->sessions.size() < shared->limits.connections) {
            auto session = std::make_shared<Session>(std::move(socket), shared);
            shared->sessions.insert(session);
            session->read();
        }
        accept();
    }

    asio::io_context& io;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::shared_ptr<Shared> shared = std::make_shared<Shared>();
};

HttpServer::HttpServer(asio::io_context& io, HttpSite& site, HttpLimits limits)
    : impl_(std::make_shared<Impl>(io)) {
    impl_->shared->site = &site;
    impl_->shared->limits = limits;
}

HttpServer::~HttpServer() {
    beast::error_code ignored;  // nothing is left to be done about it
    impl_->acceptor.close(ignored);
    impl_->pause.cancel();
    impl_->shared->site = nullptr;
    const auto sessions = impl_->shared->sessions;
    for (const auto& session : sessions) {
        session->close();
    }
}

bool HttpServer::listen(const std::string& host, const std::string& port, std::string& why) {
    beast::error_code error;
    tcp::resolver resolver{impl_->io};
    const auto found = resolver.resolve(host, port, tcp::resolver::passive, error);
    if (!error && !found.empty()) {
        const tcp::endpoint endpoint = found.begin()->endpoint();
        impl_->acceptor.open(endpoint.protocol(), error);
        if (!error) {
            impl_->acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
        }
        if (!error) {
            impl_->acceptor.bind(endpoint, error);
        }
        if (!error) {
            impl_->acceptor.listen(asio::socket_base::max_listen_connections, error);
        }
    }
    if (error) {
        beast::error_code ignored;  // the first error is the one to tell
        impl_->acceptor.close(ignored);
        why = error.message();
        return false;
    }
    impl_->accept();
    return true;
}

std::uint16_t HttpServer::port() const {
    beast::error_code error;
    const tcp::endpoint endpoint = impl_->acceptor.local_endpoint(error);
    return error ? std::uint16_t{0} : endpoint.port();
}

std::size_t HttpServer::connections() const {
    return impl_->shared->sessions.size();
}

}  // namespace amqmesh::mgmt
