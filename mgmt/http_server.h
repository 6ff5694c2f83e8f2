// HTTP/1.1 on sockets that others accepted: GET and HEAD, bounded in every direction.
#pragma once

#include "mgmt/http_access.h"
#include "mgmt/http_site.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace boost::asio {
class io_context;
}

namespace amqmesh::mgmt {

struct HttpLimits {
    /// A further one takes the place of the one that has waited longest for a request, or is closed
    /// at once when all have one.
    std::size_t connections = 100;
    std::size_t header_bytes = 8192;
    std::size_t web_sockets = 10'000;                   ///< further ones are answered 503
    std::chrono::milliseconds request_timeout{10'000};  ///< for a whole request; idle time, too
};

/// What is asked (the request's target in origin form, RFC 9112, 3.2.1) and how to answer it.
using HttpHandler = std::function<void(std::string_view target, HttpDone done)>;

/// A client speaks AMQP over WebSocket: `descriptor` is the other end of its byte stream, to be
/// owned by who is called. `tag` as given to adopt().
using StreamHandler =
    std::function<void(int descriptor, const std::string& peer, std::uint64_t tag)>;

/// Lives on the thread that runs `io`. Nothing a client does ends more than its own connection.
class HttpServer {
  public:
    /// `io` is not owned and outlives the server. `handler` answers GET; it may do so later, even
    /// after the server's end. Without `streams` there is no AMQP over WebSocket.
    HttpServer(boost::asio::io_context& io,
               HttpHandler handler,
               HttpLimits limits = {},
               StreamHandler streams = {});
    /// Closes everything.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Takes an accepted TCP socket over; see HttpLimits for too many. `tag` is for the
    /// StreamHandler.
    void adopt(int descriptor, std::uint64_t tag = 0, HttpAccess access = {});
    /// Closes all HTTP connections; those that became WebSockets are ended by their other end.
    void close();

    [[nodiscard]] std::size_t connections() const;

  private:
    struct Shared;
    class Session;
    bool make_room();

    boost::asio::io_context& io_;
    std::shared_ptr<Shared> shared_;
};

}  // namespace amqmesh::mgmt
