#include "router/poller.h"

#include "router/clock.h"
#include "router/mailbox.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace amqmesh::router {
namespace {

constexpr routing::Time kFar = 20 * routing::kSecond;

struct Pair {
    Pair() {
        std::array<int, 2> fds{-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
        here = UniqueFd(fds[0]);
        there = UniqueFd(fds[1]);
    }

    UniqueFd here, there;
};

std::string read_all(int fd) {
    std::array<char, 256> bytes{};
    const ssize_t count = ::recv(fd, bytes.data(), bytes.size(), 0);
    return count < 0 ? "nothing" : std::string(bytes.data(), static_cast<std::size_t>(count));
}

void write_all(int fd, const std::string& text) {
    EXPECT_EQ(::send(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
}

std::vector<Poller::Event> wait(Poller& poller, routing::Time limit = kFar) {
    const auto events = poller.wait(now() + limit);
    return {events.begin(), events.end()};
}

TEST(Poller, tells_of_each_arrival_once) {
    Pair pair;
    Poller poller;
    ASSERT_FALSE(poller.watch(pair.here.get(), 7));
    auto events = wait(poller);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].key, 7U);
    EXPECT_TRUE(events[0].writable);
    EXPECT_FALSE(events[0].readable);

    write_all(pair.there.get(), "one");
    events = wait(poller);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(events[0].readable);
    EXPECT_FALSE(events[0].ended);
    EXPECT_TRUE(wait(poller, 0).empty()) << "unread bytes are the owner's to remember";
    write_all(pair.there.get(), "two");
    EXPECT_EQ(wait(poller).size(), 1U);
    EXPECT_EQ(read_all(pair.here.get()), "onetwo");
}

TEST(Poller, tells_that_the_peer_has_ended) {
    Pair pair;
    Poller poller;
    ASSERT_FALSE(poller.watch(pair.here.get(), 1));
    write_all(pair.there.get(), "last words");
    pair.there.reset();
    const auto events = wait(poller);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(events[0].readable);
    EXPECT_TRUE(events[0].ended);
    EXPECT_EQ(read_all(pair.here.get()), "last words");
    EXPECT_EQ(read_all(pair.here.get()), "");
}

TEST(Poller, tells_when_there_is_space_again) {
    Pair pair;
    Poller poller;
    ASSERT_FALSE(poller.watch(pair.here.get(), 1));
    const std::string block(4096, 'x');
    while (::send(pair.here.get(), block.data(), block.size(), 0) > 0) {
    }
    (void)wait(poller, 0);
    EXPECT_TRUE(wait(poller, 0).empty());
    while (read_all(pair.there.get()) != "nothing") {
    }
    const auto events = wait(poller);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(events[0].writable);
}

TEST(Poller, a_closed_socket_is_forgotten) {
    Pair pair;
    Poller poller;
    ASSERT_FALSE(poller.watch(pair.here.get(), 1));
    write_all(pair.there.get(), "never read");
    pair.here.reset();
    EXPECT_TRUE(wait(poller, 0).empty());
}

TEST(Poller, what_cannot_be_watched_is_an_error) {
    Poller poller;
    EXPECT_EQ(poller.watch(-1, 1), std::errc::bad_file_descriptor);
}

TEST(Poller, waits_until_its_deadline) {
    Poller poller;
    const routing::Time begun = now();
    EXPECT_TRUE(wait(poller, 20 * routing::kMillisecond).empty());
    EXPECT_GE(now(), begun + 20 * routing::kMillisecond) << "never early: a loop would spin";
    EXPECT_FALSE(poller.take_wake());
}

TEST(Poller, a_wake_before_the_wait_ends_it) {
    Poller poller;
    poller.wake();
    poller.wake();
    EXPECT_TRUE(poller.wait(std::nullopt).empty());
    EXPECT_TRUE(poller.take_wake());
    EXPECT_FALSE(poller.take_wake()) << "two wakes before one wait are one";
}

TEST(Poller, more_events_than_fit_come_with_the_next_wait) {
    std::vector<Pair> pairs(Poller::kEventsMax + 10);
    Poller poller;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        ASSERT_FALSE(poller.watch(pairs[i].here.get(), i));
    }
    std::vector<bool> seen(pairs.size());
    for (int turn = 0; turn < 2; ++turn) {
        for (const auto& event : wait(poller)) {
            seen[event.key] = true;
        }
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<long>(pairs.size()));
}

// Two threads hand a count to and fro through mailboxes, asleep whenever nothing is there. One wake
// that is lost hangs it.
TEST(Poller, no_wake_of_another_thread_is_lost) {
    constexpr int kRounds = 20'000;
    Poller here;
    Poller there;
    Mailbox<int> to_there(
        {.name = "there", .limit = 10, .wake = [&] { there.wake(); }, .space = {}});
    Mailbox<int> to_here({.name = "here", .limit = 10, .wake = [&] { here.wake(); }, .space = {}});
    const auto play =
        [](Poller& poller, MailboxReceiver<int> in, MailboxSender<int> out, int next) {
            std::vector<int> got;
            while (next < kRounds) {
                (void)poller.wait(std::nullopt);
                if (!poller.take_wake()) {
                    continue;
                }
                got.clear();
                in.drain(got);
                for (const int number : got) {
                    EXPECT_EQ(number, next);
                    next += 2;
                    int answer = number + 1;
                    EXPECT_TRUE(out.try_push(answer));
                }
            }
        };
    std::thread other(play, std::ref(there), to_there.receiver(), to_here.sender(), 0);
    int first = 0;
    EXPECT_TRUE(to_there.sender().try_push(first));
    play(here, to_here.receiver(), to_there.sender(), 1);
    other.join();
}

}  // namespace
}  // namespace amqmesh::router
