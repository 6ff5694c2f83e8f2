// Priority: what waits for an inter-router connection leaves it in order of priority.
#include "link/mesh_label.h"
#include "link/message_scan.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::Treatment;

/// A message with header priority and `body` as data.
std::string urgent(std::uint8_t priority, const std::string& body) {
    std::string message("\x00\x53\x70\xc0\x04\x02\x40\x50", 8);
    message.push_back(static_cast<char>(priority));
    const auto head = data_header(static_cast<std::uint32_t>(body.size()));
    message.append(reinterpret_cast<const char*>(head.bytes), sizeof head.bytes);
    return message + body;
}

TEST(PriorityClass, SharesTheEnds) {
    EXPECT_EQ(priority_class(0), priority_class(1));
    EXPECT_EQ(priority_class(8), priority_class(9));
    EXPECT_EQ(priority_class(255), priority_class(9));
    for (std::uint8_t priority = 1; priority < 8; ++priority) {
        EXPECT_LT(priority_class(priority),
                  priority_class(static_cast<std::uint8_t>(priority + 1)));
    }
}

TEST(PriorityClass, TravelsInTheLabel) {
    for (std::uint8_t priority = 0; priority < 10; ++priority) {
        for (const bool presettled : {false, true}) {
            MeshLabel label;
            label.ingress = label.address = 1;
            label.presettled = presettled;
            label.priority = priority_class(priority);
            const auto decoded = MeshLabel::decode(label.encode());
            ASSERT_TRUE(decoded);
            EXPECT_EQ(decoded->priority, priority_class(priority));
            EXPECT_EQ(decoded->presettled, presettled);
        }
    }
}

TEST(HeaderPriority, IsReadOrFour) {
    EXPECT_EQ(header_priority(as_bytes(urgent(9, "x"))), 9);
    EXPECT_EQ(header_priority(as_bytes(urgent(0, "x"))), 0);
    EXPECT_EQ(header_priority({}), 4);
    EXPECT_EQ(header_priority(as_bytes(std::string("\x00\x53\x70\x45", 4))), 4);
    EXPECT_EQ(header_priority(as_bytes(std::string("\x00\x53\x70\xc0\x02\x01\x41", 7))), 4);
    EXPECT_EQ(header_priority(as_bytes(std::string("\x00\x53\x70\xc0\xff\x02\x41", 7))), 4);
    EXPECT_EQ(header_priority(as_bytes(std::string("\x00\x53\x77\xa1\x01x", 6))), 4);
}

/// A - B - C with little room for output between the nodes.
class Priority : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    void SetUp() override {
        const auto settings = std::make_shared<const routing::AddressSettings>(
            std::vector<routing::AddressRule>{{"", "rush/#", Treatment::kBalanced, 9}},
            Treatment::kBalanced);
        for (auto* node : {&a_, &b_, &c_}) {
            node->builder.set_settings(settings);
            node->publish(world_.now);
        }
        world_.output_bytes_max = 4096;
        world_.link(a_, b_);
        world_.link(b_, c_);
        world_.route(a_, c_, b_, 2);
        world_.route(c_, a_, b_, 2);
    }

    TestClient& listening(const std::string& address) {
        auto& receiver = world_.client(c_);
        receiver.receiver(address, 1000);
        world_.run();
        world_.share("M0" + address, Treatment::kBalanced);
        return receiver;
    }

    TestWorld world_;
    TestNode& a_ = world_.node("A", GetParam());
    TestNode& b_ = world_.node("B", GetParam());
    TestNode& c_ = world_.node("C", GetParam());
};

INSTANTIATE_TEST_SUITE_P(Workers, Priority, ::testing::Values(1, 2));

TEST_P(Priority, HigherOnesGoFirstAndEqualOnesInOrder) {
    auto& receiver = listening("q");
    auto& sender = world_.client(a_);
    const auto link = sender.sender("q");
    world_.run();
    const std::string filler(1000, '.');
    for (int i = 0; i < 60; ++i) {
        sender.send(link, urgent(4, "bulk" + filler));
    }
    for (const int priority : {2, 9, 5, 0, 9, 7, 5}) {
        sender.send(link, urgent(static_cast<std::uint8_t>(priority), "urgent"));
    }
    world_.run();
    ASSERT_EQ(receiver.received.size(), 67U);
    std::vector<int> order;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < receiver.received.size(); ++i) {
        if (receiver.received[i].body.ends_with("urgent")) {
            order.push_back(header_priority(as_bytes(receiver.received[i].body)));
            places.push_back(i);
        }
    }
    EXPECT_EQ(order, (std::vector<int>{9, 9, 7, 5, 5, 2, 0}));
    EXPECT_LT(places[4], 30U) << "past the bulk that waited";
    EXPECT_EQ(places[5], 65U);
    EXPECT_EQ(places[6], 66U);
}

TEST_P(Priority, TheAddresssOwnPriorityCountsMoreThanTheHeaders) {
    auto& receiver = listening("q");
    auto& rushing = listening("rush/q");
    auto& sender = world_.client(a_);
    const auto link = sender.sender("q");
    const auto rush = sender.sender("rush/q");
    world_.run();
    const std::string filler(1000, '.');
    for (int i = 0; i < 60; ++i) {
        sender.send(link, urgent(5, filler));
    }
    sender.send(rush, urgent(1, "now"));
    while (rushing.received.empty() && receiver.received.size() < 60) {
        world_.step();
    }
    ASSERT_EQ(rushing.received.size(), 1U);
    EXPECT_LT(receiver.received.size(), 40U);
    world_.run();
    EXPECT_EQ(receiver.received.size(), 60U);
}

TEST_P(Priority, WhatLeavesTheQueueKeepsItInOrder) {
    auto& receiver = listening("q");
    auto& quitting = world_.client(a_);
    auto& sender = world_.client(a_);
    const auto gone = quitting.sender("q");
    const auto link = sender.sender("q");
    world_.run();
    const std::string filler(1000, '.');
    for (int i = 0; i < 20; ++i) {
        sender.send(link, urgent(4, filler));
    }
    quitting.send(gone, urgent(9, "half"), false, true);  // aborted while it waits
    for (const int priority : {9, 3, 9, 3}) {
        sender.send(link, urgent(static_cast<std::uint8_t>(priority), "x"));
    }
    world_.cut(quitting);
    world_.run();
    std::vector<int> order;
    for (const auto& delivery : receiver.received) {
        if (delivery.complete && !delivery.aborted && delivery.body.size() < 100) {
            order.push_back(header_priority(as_bytes(delivery.body)));
        }
    }
    EXPECT_EQ(order, (std::vector<int>{9, 9, 3, 3}));
}

}  // namespace
}  // namespace amqmesh::link::test
