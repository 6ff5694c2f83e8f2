// The HTTP server over real sockets, with friendly and other clients.
#include "mgmt/http_server.h"

#include "tests/mgmt/fake_source.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
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
    void start(const HttpLimits& limits = {}, StreamHandler streams = {}) {
        server = std::make_unique<HttpServer>(
            io,
            [this](std::string_view target, HttpDone done) { site.get(target, std::move(done)); },
            limits,
            std::move(streams));
    }

    // Byte streams of WebSocket clients end up in `stream`.
    void start_with_streams(const HttpLimits& limits = {}) {
        start(limits, [this](int descriptor, const std::string& peer, std::uint64_t) {
            EXPECT_THAT(peer, StartsWith("127.0.0.1:"));
            stream.assign(asio::local::stream_protocol{}, descriptor);
        });
    }

    static std::string upgrade(const std::string& protocol, const std::string& more = {}) {
        return "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + more +
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               "Sec-WebSocket-Protocol: " +
               protocol + "\r\n\r\n";
    }

    // Reads from what another thread or the loop writes to.
    template <typename Socket>
    std::string read(Socket& from, std::size_t count) {
        std::string out(count, '\0');
        bool done = false;
        asio::async_read(
            from, asio::buffer(out), [&](const boost::system::error_code& error, auto) {
                EXPECT_FALSE(error) << error.message();
                done = true;
            });
        run_until([&] { return done; });
        return out;
    }

    tcp::socket connect() {
        tcp::socket client{io};
        client.connect(acceptor.local_endpoint());
        server->adopt(acceptor.accept().release(), 0, access);
        return client;
    }

    // Sends the text and reads until the server closes.
    std::string talk(const std::string& text) {
        tcp::socket socket = connect();
        asio::write(socket, asio::buffer(text));
        return rest_of(socket);
    }

    // As a client that goes on sending whatever is answered; closes when the server has.
    std::string talk_and_close(const std::string& text) {
        tcp::socket socket = connect();
        bool sent = false;
        asio::async_write(socket, asio::buffer(text), [&](const auto& error, std::size_t) {
            EXPECT_FALSE(error) << error.message();
            sent = true;
        });
        run_until([&] { return sent; });
        std::string out = rest_of(socket);
        socket.close();
        run_until([&] { return server->connections() == 0; });
        return out;
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

    HttpAccess access;
    FakeSource source;
    HttpSite site{source, [] { return std::string{}; }};
    asio::io_context io;
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    asio::local::stream_protocol::socket stream{io};
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

TEST_F(HttpServerTest, HasOnlyTheOfferedPages) {
    access.console = false;
    access.web_sockets = false;
    start();
    const auto get = [this](const std::string& path) {
        return talk("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    };
    EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(get("/api/listener"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(talk(upgrade("amqp")), StartsWith("HTTP/1.1 404"));
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
    const std::string refused =
        talk("DELETE /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(refused, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
    EXPECT_THAT(talk_and_close("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"),
                StartsWith("HTTP/1.1 431"));
    EXPECT_THAT(talk_and_close("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" +
                               std::string(100'000, 'x')),
                StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(talk_and_close("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
                StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpServerTest, TakesTargetsAsProxiesGetThem) {
    access.console = false;
    start();
    const auto get = [this](const std::string& target) {
        return talk("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    };
    EXPECT_THAT(get("http://node.example:80/livez"), EndsWith("ok\n"));
    EXPECT_THAT(get("HTTP://x/api/listener"), StartsWith("HTTP/1.1 404")) << "not offered";
    EXPECT_THAT(get("http://x"), StartsWith("HTTP/1.1 404"));
    access.console = true;
    EXPECT_THAT(get("http://x"), StartsWith("HTTP/1.1 200"));
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

TEST_F(HttpServerTest, SocketsThatAskNothingDoNotKeepOthersOut) {
    start({.connections = 2});
    tcp::socket first = connect();
    tcp::socket second = connect();
    EXPECT_THAT(talk("GET /livez HTTP/1.0\r\n\r\n"), EndsWith("ok\n"));
    EXPECT_EQ(rest_of(first), "") << "it has waited longest";
    asio::write(second, asio::buffer(std::string{"GET /livez HTTP/1.0\r\n\r\n"}));
    EXPECT_THAT(rest_of(second), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, BoundsItsConnections) {
    start({.connections = 2});
    source.later = true;  // both have asked, and wait for the answer
    tcp::socket first = connect();
    tcp::socket second = connect();
    for (tcp::socket* client : {&first, &second}) {
        asio::write(*client, asio::buffer(std::string{"GET /metrics HTTP/1.0\r\n\r\n"}));
    }
    run_until([&] { return source.queried.size() == 2; });
    tcp::socket third = connect();
    EXPECT_EQ(rest_of(third), "") << "closed at once";
    first.close();
    source.later = false;
    source.run();
    run_until([&] { return server->connections() == 0; });
    EXPECT_THAT(rest_of(second), HasSubstr("200 OK"));
    EXPECT_THAT(talk("GET /livez HTTP/1.0\r\n\r\n"), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, WebSocketsBecomeByteStreams) {
    start_with_streams();
    tcp::socket client = connect();
    asio::write(client, asio::buffer(upgrade("chat, amqp")));
    // RFC 6455, 1.3: the answer to the sample nonce.
    std::string answer;
    while (answer.find("\r\n\r\n") == std::string::npos) {
        answer += read(client, 1);
    }
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 101 "));
    EXPECT_THAT(answer, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    EXPECT_THAT(answer, HasSubstr("Sec-WebSocket-Protocol: amqp\r\n"));
    EXPECT_EQ(server->connections(), 0U) << "it is no HTTP connection any more";
    // A binary frame of five bytes, masked with zeros; and back, which is not masked.
    asio::write(client, asio::buffer(std::string{"\x82\x85\0\0\0\0AMQP\3", 11}));
    EXPECT_EQ(read(stream, 5), "AMQP\3");
    asio::write(stream, asio::buffer(std::string{"back"}));
    EXPECT_EQ(read(client, 6),
              "\x82\x04"
              "back");
    // The node closes: so does the WebSocket, with the code for it.
    stream.close();
    EXPECT_EQ(read(client, 4), (std::string{"\x88\x02\x03\xe8", 4}));
}

TEST_F(HttpServerTest, AWebSocketClientThatGoesEndsItsByteStream) {
    start_with_streams();
    tcp::socket client = connect();
    asio::write(client, asio::buffer(upgrade("amqp")));
    EXPECT_EQ(read(client, 12), "HTTP/1.1 101");
    client.close();
    bool ended = false;
    std::string rest;
    asio::async_read(stream, asio::dynamic_buffer(rest), [&](const auto&, auto) { ended = true; });
    run_until([&] { return ended; });
    EXPECT_EQ(rest, "");
}

TEST_F(HttpServerTest, RefusesWebSocketsThatAreNotForAmqp) {
    start_with_streams();
    EXPECT_THAT(talk(upgrade("chat")), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(talk(upgrade("amqp") + "too early"), StartsWith("HTTP/1.1 400"));
    EXPECT_FALSE(stream.is_open());
    start();  // nobody takes streams here
    EXPECT_THAT(talk(upgrade("amqp")), StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpServerTest, RefusesWebSocketsOfForeignPages) {
    start_with_streams();
    EXPECT_THAT(talk(upgrade("amqp", "Origin: http://evil.example\r\n")),
                StartsWith("HTTP/1.1 403"));
    EXPECT_FALSE(stream.is_open());
    EXPECT_THAT(talk(upgrade("amqp", "Origin: http://x\r\n")), StartsWith("HTTP/1.1 403"))
        << "whoever owns that name may have led it here";
    access.host = "x";
    tcp::socket own = connect();
    asio::write(own, asio::buffer(upgrade("amqp", "Origin: http://x\r\n")));
    EXPECT_EQ(read(own, 12), "HTTP/1.1 101");
    access.origins = {"http://evil.example"};
    tcp::socket allowed = connect();
    stream = asio::local::stream_protocol::socket{io};
    asio::write(allowed, asio::buffer(upgrade("amqp", "Origin: http://evil.example\r\n")));
    EXPECT_EQ(read(allowed, 12), "HTTP/1.1 101");
}

TEST_F(HttpServerTest, AsksForAPassword) {
    start_with_streams();
    access.user = "Aladdin";
    access.password = "open sesame";
    const std::string end = "Connection: close\r\n\r\n";
    const std::string answer = talk("GET /metrics HTTP/1.1\r\nHost: x\r\n" + end);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 401 Unauthorized\r\n"));
    EXPECT_THAT(answer, HasSubstr("WWW-Authenticate: Basic realm=\"amqmesh\""));
    EXPECT_THAT(talk(upgrade("amqp")), StartsWith("HTTP/1.1 401"));
    EXPECT_THAT(talk("GET /livez HTTP/1.1\r\nHost: x\r\n" + end), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(talk("GET /metrics HTTP/1.1\r\nHost: x\r\n"
                     "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" +
                     end),
                StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, BoundsItsWebSockets) {
    start_with_streams({.web_sockets = 0});
    EXPECT_THAT(talk(upgrade("amqp")), StartsWith("HTTP/1.1 503"));
}

TEST_F(HttpServerTest, EndsWhileWebSocketsAreOpen) {
    start_with_streams();
    tcp::socket client = connect();
    asio::write(client, asio::buffer(upgrade("amqp")));
    EXPECT_EQ(read(client, 12), "HTTP/1.1 101");
    server.reset();
    rest_of(client);  // ends
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
