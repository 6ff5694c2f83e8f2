// Time to live: what is left of it when a message reaches its consumer, and what becomes of one
// that has none left.
#include "link/message_scan.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <string>

namespace amqmesh::link::test {
namespace {

using routing::kMillisecond;
using routing::Treatment;

/// A message with a ttl of four bytes, durable and priority left out, and `body` as data.
std::string with_ttl(std::uint32_t ttl_ms, const std::string& body = "body") {
    std::string message("\x00\x53\x70\xc0\x08\x03\x40\x40\x70", 9);
    for (int shift = 24; shift >= 0; shift -= 8) {
        message.push_back(static_cast<char>((ttl_ms >> static_cast<unsigned>(shift)) & 0xffU));
    }
    const auto head = data_header(static_cast<std::uint32_t>(body.size()));
    message.append(reinterpret_cast<const char*>(head.bytes), sizeof head.bytes);
    return message + body;
}

std::uint32_t ttl_of(const std::string& message) {
    const auto ttl = find_ttl(as_bytes(message));
    return ttl ? ttl->ms : 0;
}

TEST(FindTtl, InEachOfItsEncodings) {
    const std::string four = with_ttl(0x12345678);
    const auto found = find_ttl(as_bytes(four));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->ms, 0x12345678U);
    EXPECT_EQ(found->at, 9U);
    EXPECT_EQ(found->width, 4U);
    const std::string one("\x00\x53\x70\xc0\x06\x03\x41\x50\x07\x52\xff", 11);
    EXPECT_EQ(find_ttl(as_bytes(one))->ms, 255U);
    EXPECT_EQ(find_ttl(as_bytes(one))->width, 1U);
    EXPECT_EQ(find_ttl(as_bytes(one))->at, 10U);
}

TEST(FindTtl, WhereThereIsNone) {
    for (const auto& message : {std::string{},
                                std::string("\x00\x53\x77\x40", 4),
                                std::string("\x00\x53\x70\x45", 4),
                                std::string("\x00\x53\x70\xc0\x03\x02\x40\x40", 8),
                                std::string("\x00\x53\x70\xc0\x04\x03\x40\x40\x40", 9),
                                std::string("\x00\x53\x70\xc0\x04\x03\x40\x40\x43", 9),
                                with_ttl(1000).substr(0, 12)}) {
        EXPECT_FALSE(find_ttl(as_bytes(message)));
    }
}

class Ttl : public LineTest {};

INSTANTIATE_TEST_SUITE_P(Workers, Ttl, ::testing::Values(1, 2));

TEST_P(Ttl, WhoDidNotWaitIsNotTouched) {
    auto& receiver = world_.client(c_, last_);
    auto& sender = world_.client(a_, last_);
    receiver.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    sender.send(link, with_ttl(1000));
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    EXPECT_EQ(receiver.received[0].body, with_ttl(1000));
}

TEST_P(Ttl, WaitingIsTakenOff) {
    for (auto* at : {&a_, &c_}) {
        for (const bool large : {false, true}) {
            const std::string address = "q" + at->name + (large ? "large" : "");
            const std::string body(large ? 40'000 : 4, 'x');
            auto& receiver = world_.client(*at, last_);
            auto& sender = world_.client(a_);
            const auto consumer = receiver.receiver(address, 0);
            const auto link = sender.sender(address);
            world_.run();
            world_.share("M0" + address, Treatment::kBalanced);
            sender.send(link, with_ttl(1000, body));
            world_.run();
            world_.pass(300 * kMillisecond);
            receiver.engine.set_credit(consumer, 10);
            world_.run();
            ASSERT_EQ(receiver.received.size(), 1U);
            const auto& arrived = receiver.received[0].body;
            EXPECT_EQ(ttl_of(arrived), 700U);
            EXPECT_EQ(arrived, with_ttl(700, body)) << "nothing else has changed";
            world_.cut(receiver);
            world_.cut(sender);
        }
    }
}

TEST_P(Ttl, EveryCopyOfAMulticastHasItsOwn) {
    const auto settings = std::make_shared<const routing::AddressSettings>(
        std::vector<routing::AddressRule>{{"", "all/#", Treatment::kMulticast, {}}},
        Treatment::kBalanced);
    a_.builder.set_settings(settings);
    a_.publish(world_.now);
    auto& early = world_.client(a_);
    auto& late = world_.client(a_, last_);
    auto& sender = world_.client(a_);
    early.receiver("all/q", 10);
    const auto consumer = late.receiver("all/q", 0);
    const auto link = sender.sender("all/q");
    world_.run();
    const std::string body(12'000, 'x');  // large enough to be kept by reference
    sender.send(link, with_ttl(1000, body));
    world_.run();
    world_.pass(500 * kMillisecond);
    late.engine.set_credit(consumer, 10);
    world_.run();
    ASSERT_EQ(early.received.size(), 1U);
    ASSERT_EQ(late.received.size(), 1U);
    EXPECT_EQ(early.received[0].body, with_ttl(1000, body));
    EXPECT_EQ(late.received[0].body, with_ttl(500, body));
}

TEST_P(Ttl, WhoHasNoneLeftIsReleasedInTime) {
    auto& receiver = world_.client(c_, last_);
    auto& sender = world_.client(a_);
    const auto consumer = receiver.receiver("q", 0);
    const auto link = sender.sender("q");
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    const auto expires = sender.send(link, with_ttl(200));
    const auto stays = sender.send(link, with_ttl(100'000));
    const auto settled = sender.send(link, with_ttl(200), true);
    world_.run();
    EXPECT_FALSE(sender.sent[expires].settled);
    world_.pass(300 * kMillisecond);
    EXPECT_EQ(sender.sent[expires].outcome, Outcome::kReleased);
    EXPECT_FALSE(sender.sent[stays].settled);
    EXPECT_EQ(sender.engine.send_credit(link), 250U - 3U);
    receiver.engine.set_credit(consumer, 10);
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U) << "the settled one is dropped";
    EXPECT_EQ(ttl_of(receiver.received[0].body), 99'700U);
    (void)settled;
}

TEST_P(Ttl, ADrainIsAnsweredWhenTheLastOneHasExpired) {
    auto& receiver = world_.client(a_, last_);
    auto& sender = world_.client(a_);
    const auto consumer = receiver.receiver("q", 0);
    const auto link = sender.sender("q");
    world_.run();
    sender.send(link, with_ttl(200));
    world_.run();
    world_.pass(300 * kMillisecond);
    receiver.engine.set_credit(consumer, 5, true);
    world_.run();
    EXPECT_EQ(receiver.drained.size(), 1U);
    EXPECT_TRUE(receiver.received.empty());
}

TEST_P(Ttl, AParkedDeliveryExpiresToo) {
    auto& sender = world_.client(a_);
    const auto link = sender.sender("_topo/0/C/nobody");
    world_.run();
    const auto number = sender.send(link, with_ttl(20));
    world_.run();
    world_.pass(60 * kMillisecond);
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kReleased) << "before parking ends";
}

}  // namespace
}  // namespace amqmesh::link::test
