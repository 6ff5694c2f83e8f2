#include "router/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace amqmesh::router {
namespace {

TEST(Mailbox, keeps_order_and_wakes_once_per_burst) {
    int wakes = 0;
    Mailbox<int> box({.name = "test", .limit = 10, .wake = [&] { ++wakes; }, .space = {}});
    auto sender = box.sender();
    auto receiver = box.receiver();
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(sender.try_push(i));
    }
    EXPECT_EQ(wakes, 1);
    std::vector<int> got;
    receiver.drain(got);
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2}));
    int next = 3;
    EXPECT_TRUE(sender.try_push(next));
    EXPECT_EQ(wakes, 2);
}

TEST(Mailbox, refuses_above_its_limit_and_tells_when_there_is_space) {
    int spaces = 0;
    Mailbox<std::string> box({.name = "bytes", .limit = 10, .wake = {}, .space = [&] { ++spaces; }},
                             [](const std::string& text) { return text.size(); });
    auto sender = box.sender();
    auto receiver = box.receiver();
    std::string large(50, 'a');
    EXPECT_TRUE(sender.try_push(large)) << "one always fits, however large";
    std::string small = "b";
    EXPECT_FALSE(sender.try_push(small));
    EXPECT_EQ(small, "b") << "a refused item stays with its owner";
    std::vector<std::string> got;
    receiver.drain(got);
    EXPECT_EQ(spaces, 1);
    EXPECT_TRUE(sender.try_push(small));
    got.clear();
    receiver.drain(got);
    EXPECT_EQ(spaces, 1) << "nobody was refused since";
    const MailboxFigures figures = box.figures();
    EXPECT_EQ(figures.pushed, 2U);
    EXPECT_EQ(figures.refused, 1U);
    EXPECT_EQ(figures.depth, 0U);
    EXPECT_EQ(figures.depth_max, 51U);
}

TEST(Mailbox, close_ends_a_waiting_push) {
    Mailbox<int> box({.name = "test", .limit = 1, .wake = {}, .space = {}});
    int first = 1;
    ASSERT_TRUE(box.sender().try_push(first));
    bool taken = true;
    std::thread waiter([&] { taken = box.sender().push(2); });
    box.close();
    waiter.join();
    EXPECT_FALSE(taken);
}

TEST(Mailbox, many_threads_lose_nothing_and_keep_each_senders_order) {
    constexpr int kSenders = 4;
    constexpr int kEach = 20'000;
    std::atomic<int> wakes{0};
    Mailbox<int> box({.name = "test", .limit = 64, .wake = [&] { ++wakes; }, .space = {}});
    std::vector<std::thread> senders;
    for (int s = 0; s < kSenders; ++s) {
        senders.emplace_back([&box, s] {
            auto sender = box.sender();
            for (int i = 0; i < kEach; ++i) {
                EXPECT_TRUE(sender.push(s * kEach + i));
            }
        });
    }
    std::vector<int> next(kSenders, 0);
    auto receiver = box.receiver();
    std::vector<int> got;
    int total = 0;
    while (total < kSenders * kEach) {
        got.clear();
        receiver.drain(got);
        EXPECT_LE(got.size(), 64U);
        for (const int item : got) {
            int& expected = next[static_cast<std::size_t>(item / kEach)];
            ASSERT_EQ(item % kEach, expected++);
            ++total;
        }
        if (got.empty()) {
            std::this_thread::yield();
        }
    }
    for (auto& thread : senders) {
        thread.join();
    }
    EXPECT_GT(wakes.load(), 0);
}

}  // namespace
}  // namespace amqmesh::router
