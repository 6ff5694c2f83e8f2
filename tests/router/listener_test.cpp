// Listening sockets: all addresses of a host or none, and what happens when descriptors run out.
#include "router/listener.h"

#include "router/log.h"
#include "router/tcp.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::router {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

UniqueFd connect_to(int family, std::uint16_t port) {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    address.ss_family = static_cast<sa_family_t>(family);
    socklen_t length = sizeof(sockaddr_in);
    if (family == AF_INET6) {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
        v6.sin6_addr = in6addr_loopback;
        v6.sin6_port = htons(port);
        length = sizeof(sockaddr_in6);
    } else {
        auto& v4 = reinterpret_cast<sockaddr_in&>(address);
        v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        v4.sin_port = htons(port);
    }
    if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
        fd.reset();
    }
    return fd;
}

// The sanitizers need a descriptor to look at an object that they have not seen, a formatter's for
// one: nothing is logged meanwhile.
class FewDescriptors {
  public:
    FewDescriptors() {
        log::Setting none_at_all;
        none_at_all.enable = "none";
        std::string why;
        EXPECT_TRUE(log::configure({none_at_all}, why)) << why;
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit none = before_;
        none.rlim_cur = 3;
        ::setrlimit(RLIMIT_NOFILE, &none);
    }

    ~FewDescriptors() {
        ::setrlimit(RLIMIT_NOFILE, &before_);
        std::string why;
        log::configure({}, why);
    }

    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;

  private:
    rlimit before_{};
};

ListenerConfig everywhere() {
    ListenerConfig config;
    config.name = "all";
    config.port = "0";
    return config;
}

TEST(Listener, AcceptsOnAllAddressesAgainOnceThereAreDescriptors) {
    boost::asio::io_context io;
    std::vector<UniqueFd> accepted;
    Listener listener(
        io, everywhere(), [&](UniqueFd fd, const auto&) { accepted.push_back(std::move(fd)); });
    std::string why;
    ASSERT_TRUE(listener.open({}, why)) << why;
    std::vector<UniqueFd> clients;
    for (const int family : {AF_INET, AF_INET6}) {
        if (UniqueFd client = connect_to(family, listener.port())) {
            clients.push_back(std::move(client));
        }
    }
    ASSERT_FALSE(clients.empty());
    listener.start();
    {
        const FewDescriptors few;
        io.run_for(std::chrono::milliseconds(250));  // each of the sockets has rested twice
    }
    EXPECT_THAT(accepted, IsEmpty());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (accepted.size() < clients.size() && std::chrono::steady_clock::now() < deadline) {
        io.run_one_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(accepted.size(), clients.size());
    listener.close();
    io.run();
}

TEST(Listener, TakesOverTheSocketsOfOneThatLeaves) {
    boost::asio::io_context io;
    std::vector<std::string> accepted;
    auto old_one = std::make_unique<Listener>(
        io, everywhere(), [&](UniqueFd, const auto&) { accepted.emplace_back("old"); });
    std::string why;
    ASSERT_TRUE(old_one->open({}, why)) << why;
    old_one->start();
    ListenerConfig next = everywhere();
    next.port = std::to_string(old_one->port());
    next.family = AddressFamily::kV4;
    Listener new_one(io, next, [&](UniqueFd, const auto&) { accepted.emplace_back("new"); });
    EXPECT_FALSE(new_one.open({}, why));
    EXPECT_THAT(why, HasSubstr("in use"));
    ASSERT_TRUE(new_one.open({old_one.get()}, why)) << why;
    const UniqueFd waits = connect_to(AF_INET, old_one->port());  // before anybody accepts it
    ASSERT_TRUE(waits);
    old_one.reset();
    new_one.start();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (accepted.empty() && std::chrono::steady_clock::now() < deadline) {
        io.run_one_for(std::chrono::milliseconds(100));
    }
    EXPECT_THAT(accepted, testing::ElementsAre("new"));
    new_one.close();
    io.run();
}

TEST(ListenOn, APortThatSomebodyHasOnOneAddressIsNotOurs) {
    std::string why;
    const auto theirs = listen_on("127.0.0.1", "0", AddressFamily::kV4, {}, why);
    ASSERT_EQ(theirs.size(), 1U) << why;
    const std::string port = std::to_string(local_port(theirs.front().get()));
    EXPECT_THAT(listen_on("", port, AddressFamily::kAny, {}, why), IsEmpty());
    EXPECT_THAT(why, HasSubstr("in use"));
}

}  // namespace
}  // namespace amqmesh::router
