// The HTTP server over real sockets, with friendly and other clients.
#include "mgmt/http_server.h"

#include "tests/mgmt/fake_source.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace amqmesh::mgmt::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
  protected:
    void start(const HttpLimits& limits = {}) {
        server = std::make_unique<HttpServer>(
            io,
            [this](std::string_view target, HttpDone done) { site.get(target, std::move(done)); },
            limits);
    }

    tcp::socket connect() {
        tcp::socket client{io};
        client.connect(acceptor.local_endpoint());
        server->adopt(acceptor.accept().release());
        return client;
    }

    // Sends the text and reads until the server closes.
    std::string talk(const std::string& text) {
        tcp::socket socket = connect();
        asio::write(socket, asio::buffer(text));
        return rest_of(socket);
    }

    std::string rest_of(tcp::socket& socket) {
        std::string out;
        bool closed = false;
        asio::async_read(socket,
                         asio::dynamic_buffer(out),
                         [&](const boost::system::error_code&, std::size_t) { closed = true; });
        run_until([&] { return closed; });
        return out;
    }

    template <typename Condition>
    void run_until(Condition&& condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!condition() && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_one_for(std::chrono::milliseconds{100});
        }
        EXPECT_TRUE(condition());
    }

    FakeSource source;
    HttpSite site{source, [] { return std::string{}; }};
    asio::io_context io;
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    std::unique_ptr<HttpServer> server;
};

TEST_F(HttpServerTest, AnswersGet) {
    start();
    const std::string answer = talk("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nok\n"));
    run_until([&] { return server->connections() == 0; });
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
    start();
    const std::string answer = talk("HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
    start();
    const std::string answer = talk(
        "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(HttpServerTest, RefusesOtherMethodsAndLongHeaders) {
    start();
    EXPECT_THAT(talk("DELETE /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(talk("GET / HTTP/1.1\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n"),
                testing::AnyOf(StartsWith("HTTP/1.1 431"), testing::IsEmpty()));
    EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
                testing::AnyOf(StartsWith("HTTP/1.1 413"), testing::IsEmpty()));
}

TEST_F(HttpServerTest, ClosesOnGarbage) {
    start();
    EXPECT_EQ(talk(std::string("AMQP\0\1\0\0", 8) + "\r\n\r\n"), "");
    EXPECT_EQ(talk("\r\n\r\nx\r\n\r\n"), "");
    EXPECT_THAT(talk("GET /livez HTTP/1.0\r\n\r\n"), EndsWith("ok\n")) << "and goes on";
}

TEST_F(HttpServerTest, DropsWhoSaysNothing) {
    start({.request_timeout = std::chrono::milliseconds{50}});
    tcp::socket silent = connect();
    EXPECT_EQ(rest_of(silent), "");
    tcp::socket slow = connect();
    asio::write(slow, asio::buffer(std::string{"GET /livez"}));
    EXPECT_EQ(rest_of(slow), "");
}

TEST_F(HttpServerTest, BoundsItsConnections) {
    start({.connections = 2});
    tcp::socket first = connect();
    tcp::socket second = connect();
    run_until([&] { return server->connections() == 2; });
    tcp::socket third = connect();
    EXPECT_EQ(rest_of(third), "") << "closed at once";
    first.close();
    run_until([&] { return server->connections() == 1; });
    EXPECT_THAT(talk("GET /livez HTTP/1.0\r\n\r\n"), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, EndsWhileRequestsWait) {
    start();
    source.later = true;
    tcp::socket socket = connect();
    asio::write(socket, asio::buffer(std::string{"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"}));
    run_until([&] { return !source.queried.empty(); });
    server.reset();
    source.run();  // answers into the void
    EXPECT_EQ(rest_of(socket), "");
}

}  // namespace
}  // namespace amqmesh::mgmt::test
