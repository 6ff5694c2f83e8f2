// HTTP/1.1 for a site: GET and HEAD, bounded in every direction.
#pragma once

#include "mgmt/http_site.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace amqmesh::mgmt {

struct HttpLimits {
    std::size_t connections = 100;  ///< further ones are closed at once
    std::size_t header_bytes = 8192;
    std::chrono::milliseconds request_timeout{10'000};  ///< for a whole request; idle time, too
};

/// Lives on the thread that runs `io`. Nothing a client does ends more than its own connection.
class HttpServer {
  public:
    /// Neither is owned; both outlive the server.
    HttpServer(boost::asio::io_context& io, HttpSite& site, HttpLimits limits = {});
    /// Closes everything.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Binds and accepts from now on. `port` is a number or a service name; 0 takes a free one.
    /// False and `why` when it cannot.
    bool listen(const std::string& host, const std::string& port, std::string& why);

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::size_t connections() const;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace amqmesh::mgmt
