// Bounds in bytes: credit and windows follow them, and memory goes back after a burst.
#include "link/chunk.h"
#include "link/content.h"
#include "link/slab.h"
#include "link/starved_links.h"
#include "routing/address_key.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amqmesh::link::test {
namespace {

TEST(SlabTrim, GivesBackWhatNobodyUses) {
    Slab<int> slab;
    std::vector<std::uint32_t> slots;
    for (int i = 0; i < 1000; ++i) {
        slots.push_back(slab.take());
    }
    const auto high = slots.back();
    const auto old = slab.generation(high);
    for (const auto slot : slots) {
        slab.give_back(slot);
    }
    EXPECT_GE(slab.capacity(), 1000U);
    EXPECT_GT(slab.trim(), 0U);
    EXPECT_LE(slab.capacity(), 64U);
    EXPECT_EQ(slab.find(high, old), nullptr);
    EXPECT_EQ(slab.find(high, old + 1), nullptr) << "no life of it has begun";
    slots.clear();
    for (int i = 0; i < 1000; ++i) {
        slots.push_back(slab.take());
        EXPECT_NE(slab.find(slots.back(), slab.generation(slots.back())), nullptr);
    }
    EXPECT_EQ(slab.find(high, old), nullptr) << "a former life's name stays dead";
    int seen = 0;
    slab.for_each([&seen](std::uint32_t, int&) { ++seen; });
    EXPECT_EQ(seen, 1000);
}

TEST(SlabTrim, FreesWhatUnusedObjectsOwn) {
    Slab<std::string> slab;
    const auto used = slab.take();
    const auto unused = slab.take();
    slab.at(used).assign(8000, 'x');
    slab.at(unused).assign(8000, 'x');
    slab.give_back(unused);
    slab.trim();
    EXPECT_EQ(slab.at(used), std::string(8000, 'x'));
    ASSERT_EQ(slab.take(), unused);
    EXPECT_LT(slab.at(unused).capacity(), 100U);
}

TEST(SlabTrim, KeepsWhatIsLive) {
    Slab<int> slab;
    std::vector<std::uint32_t> slots;
    for (int i = 0; i < 640; ++i) {
        slots.push_back(slab.take());
        slab.at(slots.back()) = i;
    }
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (i != 333) {
            slab.give_back(slots[i]);
        }
    }
    const auto generation = slab.generation(slots[333]);
    slab.trim();
    ASSERT_NE(slab.find(slots[333], generation), nullptr);
    EXPECT_EQ(slab.at(slots[333]), 333);
    EXPECT_LE(slab.capacity(), 128U);
    std::vector<int> seen;
    slab.for_each([&seen](std::uint32_t, int& value) { seen.push_back(value); });
    EXPECT_EQ(seen, std::vector<int>{333});
    std::uint32_t cursor = 0;
    seen.clear();
    while (!slab.visit_some(cursor, 10, [&seen](std::uint32_t, int& v) { seen.push_back(v); })) {
    }
    EXPECT_EQ(seen, std::vector<int>{333});
}

TEST(Budget, LargeMessagesGetFewerCredits) {
    TestWorld world;
    auto& node = world.node("A");
    auto& receiver = world.client(node);
    auto& sender = world.client(node);
    const auto consumer = receiver.receiver("q", 1000);
    const auto link = sender.sender("q");
    world.run();
    EXPECT_EQ(sender.engine.send_credit(link), 250U);
    const std::string large(16'000, 'x');
    for (int i = 0; i < 400; ++i) {
        sender.send(link, large);
        world.run();
        receiver.accept_all();
        world.run();
        receiver.engine.set_credit(consumer, 1000);
        ASSERT_GT(sender.engine.send_credit(link), 0U);
    }
    EXPECT_LE(sender.engine.send_credit(link), (2U << 20U) / 16'000U);
    for (int i = 0; i < 400; ++i) {
        sender.send(link, "small");
        world.run();
        receiver.accept_all();
        world.run();
        receiver.engine.set_credit(consumer, 1000);
    }
    EXPECT_GT(sender.engine.send_credit(link), 180U);
}

TEST(Budget, TheProcessHoldsBackWhoeverComesAndLetsThemGoOn) {
    TestWorld world;
    auto& node = world.node("A", 1, 300'000);
    auto& receiver = world.client(node);
    auto& first = world.client(node);
    auto& late = world.client(node);
    const auto consumer = receiver.receiver("q", 0);
    const auto link = first.sender("q");
    world.run();
    const std::string body(4'000, 'x');
    for (int i = 0; i < 100; ++i) {
        first.send(link, body);
        world.run();
    }
    const auto late_link = late.sender("q");
    world.run();
    EXPECT_EQ(late.engine.send_credit(late_link), 1U) << "so that it is not shut out for good";
    late.send(late_link, body);
    world.run();
    EXPECT_EQ(late.engine.send_credit(late_link), 0U);
    receiver.engine.set_credit(consumer, 1000);
    world.run();
    EXPECT_EQ(receiver.received.size(), 101U);
    receiver.accept_all();
    world.run();
    EXPECT_GE(late.engine.send_credit(late_link), 180U);
    EXPECT_GE(first.engine.send_credit(link), 150U);
}

TEST(Budget, BeginningsOfMessagesThatNobodyEndsAreBounded) {
    TestWorld world;
    auto& node = world.node("A", 1, 400'000);
    auto& receiver = world.client(node);
    auto& sender = world.client(node);
    receiver.receiver("q", 100);
    std::vector<LinkIndex> links;
    for (int i = 0; i < 50; ++i) {
        links.push_back(sender.sender(std::nullopt));
    }
    world.run();
    // Annotations of 8,000 bytes, the last of which does not come; then properties with `to`.
    const std::string annotations = std::string("\x00\x53\x72\xb0\x00\x00\x1f\x40", 8);
    const std::string end("x\x00\x53\x73\xc0\x06\x03\x40\x40\xa1\x01q\x00\x53\x77\xa1\x01x", 18);
    std::vector<std::uint64_t> numbers;
    for (const auto link : links) {
        numbers.push_back(sender.send(link, annotations + std::string(7'999, 'x'), false, true));
        world.run();
    }
    const auto refused = sender.outcomes(Outcome::kRejected);
    EXPECT_EQ(refused, 50U - 12U) << "12 fit into a quarter of the node's memory";
    for (const auto link : links) {
        sender.write(link, end, false);
        world.run();
    }
    EXPECT_EQ(receiver.received.size(), 12U);
    receiver.accept_all();
    world.run();
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 12U);
    EXPECT_FALSE(sender.closed);
    // Whatever ends one makes room.
    for (int round = 0; round < 3; ++round) {
        auto& leaving = world.client(node);
        std::vector<LinkIndex> more;
        for (int i = 0; i < 12; ++i) {
            more.push_back(leaving.sender(std::nullopt));
        }
        world.run();
        for (const auto link : more) {
            leaving.send(link, annotations + std::string(7'999, 'x'), false, true);
            world.run();
        }
        EXPECT_EQ(leaving.outcomes(Outcome::kRejected), 0U);
        if (round == 0) {
            for (const auto link : more) {
                leaving.engine.abort_delivery(link);
            }
        } else if (round == 1) {
            for (const auto link : more) {
                leaving.engine.detach(link, {});
            }
        } else {
            world.cut(leaving);
        }
        world.run();
    }
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 12U);
}

TEST(StarvedLinks, EachIsThereOnceAndThoseGoneAreForgotten) {
    struct Outlet final : PlaneOutlet {
        bool post(std::uint16_t, CrossBatch&) override { return true; }

        void report(Report&&) override {}

        void output_ready(ConnectionId) override {}
    };

    Outlet outlet;
    Plane plane(PlaneConfig{}, outlet);
    StarvedLinks starved;
    IncomingLink link;
    for (int i = 0; i < 3; ++i) {
        starved.add(plane, link, {});
    }
    EXPECT_EQ(starved.size(), 1U);
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        IncomingLink gone;
        starved.add(plane, gone, {.connection = 7, .connection_generation = i + 1});
    }
    EXPECT_LE(starved.size(), StarvedLinks::kMin);
    EXPECT_TRUE(starved.take(plane).empty());
    EXPECT_EQ(starved.size(), 0U);
}

TEST(Budget, LinksOfAConnectionShareItsDeliveries) {
    TestWorld world;
    auto& node = world.node("A");
    auto& receiver = world.client(node);
    auto& sender = world.client(node);
    const auto consumer = receiver.receiver("q", 1000);
    std::vector<LinkIndex> links;
    std::size_t given = 0;
    for (std::size_t i = 1; i <= 2000; ++i) {
        links.push_back(sender.sender("q"));
        world.run();
        const auto credit = sender.engine.send_credit(links.back());
        EXPECT_EQ(credit, std::min<std::size_t>(250, 131'072 / i));
        given += credit;
    }
    EXPECT_LT(given, 320'000U) << "not 250 each";
    // Who was there before the others keeps what it was given, but gets no more than they.
    for (int i = 0; i < 250; ++i) {
        ASSERT_GT(sender.engine.send_credit(links.front()), 0U);
        sender.send(links.front(), "x");
        world.run();
        receiver.accept_all();
        receiver.engine.set_credit(consumer, 1000);
        world.run();
    }
    EXPECT_LE(sender.engine.send_credit(links.front()), 65U);
    for (std::size_t i = 1; i < links.size(); ++i) {
        sender.engine.detach(links[i], {});
    }
    world.run();
    for (int i = 0; i < 100; ++i) {
        sender.send(links.front(), "x");
        world.run();
        receiver.accept_all();
        receiver.engine.set_credit(consumer, 1000);
        world.run();
    }
    EXPECT_GT(sender.engine.send_credit(links.front()), 180U) << "alone again";
}

/// A client uses one address after the other: their figures do not stay for ever.
TEST(Budget, FiguresOfAddressesThatHaveGoneGo) {
    TestWorld world;
    auto& node = world.node("A");
    auto& client = world.client(node);
    client.receiver("stays", 1000);
    const auto staying = client.sender("stays");
    const auto idle = client.sender("comes back");
    world.run();
    const auto use = [&](LinkIndex sender) {
        client.send(sender, "x");
        world.run();
        client.accept_all();
        world.run();
    };
    use(staying);
    for (int i = 0; i < 10'000; ++i) {
        const auto address = "a" + std::to_string(i);
        const auto receiver = client.receiver(i == 0 ? "comes back" : address, 10);
        const auto sender = i == 0 ? idle : client.sender(address);
        world.run();
        use(sender);
        client.engine.detach(receiver, {});
        if (i != 0) {
            client.engine.detach(sender, {});
        }
        world.run();
        client.received.clear();
    }
    client.receiver("comes back", 10);
    world.run();
    use(idle);
    use(staying);
    node.command(0, command::TakeSnapshot{.request = 1, .addresses = true}, world.now);
    while (node.snapshots.empty()) {
        world.pass(10 * routing::kMillisecond);
    }
    const auto& figures = node.snapshots.front()->addresses;
    EXPECT_LE(figures.size(), 4'100U);
    const auto of = [&](std::string_view key) {
        std::pair<std::uint64_t, std::uint64_t> sum;  // in, out
        for (const auto& counters : figures) {
            if (counters.hash == routing::hash_key(key)) {
                sum.first += counters.ingress;
                sum.second += counters.egress;
            }
        }
        return sum;
    };
    EXPECT_EQ(of("M0stays"), std::pair(std::uint64_t{2}, std::uint64_t{2}));
    EXPECT_EQ(of("M0comes back"), std::pair(std::uint64_t{1}, std::uint64_t{1})) << "begun anew";
    EXPECT_EQ(client.outcomes(Outcome::kAccepted), 10'003U);
}

TEST(Budget, StreamsOfManySessionsShareTheConnections) {
    TestWorld world;
    auto& node = world.node("A");
    auto& receiver = world.client(node);
    auto& sender = world.client(node);
    std::vector<LinkIndex> links;
    for (int i = 0; i < 40; ++i) {
        receiver.receiver("q" + std::to_string(i), 0);
        sender.new_session();
        links.push_back(sender.sender("q" + std::to_string(i)));
    }
    world.run();
    const std::string part(10'000, 'x');
    std::size_t written = 0;
    for (const auto link : links) {
        sender.send(link, part, false, true);
    }
    world.run();
    bool moved = true;
    while (moved) {
        moved = false;
        for (const auto link : links) {
            while (sender.engine.writable(link)) {
                sender.write(link, part, true);
                written += part.size();
                moved = true;
            }
        }
        world.run();
    }
    EXPECT_LT(written, 40U * (5U << 19U)) << "each has its first window of 2 MiB, few have more";
    for (LinkIndex link = 0; link < 40; ++link) {
        receiver.engine.set_credit(link, 1);
    }
    world.run();
    for (const auto link : links) {
        ASSERT_TRUE(sender.engine.writable(link)) << "windows open again";
        sender.write(link, "end", false);
    }
    world.run();
    EXPECT_EQ(receiver.received.size(), 40U);
    for (const auto& delivery : receiver.received) {
        EXPECT_TRUE(delivery.complete);
    }
}

/// Large payload is taken over by the other worker, small is copied: both arrive as they were,
/// whether they wait there or not, whole or in pieces.
TEST(CrossWorker, PayloadOfAnySizeArrivesAsItWas) {
    for (const std::uint32_t credit : {0U, 100U}) {
        TestWorld world;
        auto& node = world.node("A", 2);
        auto& receiver = world.client(node, 0);
        auto& sender = world.client(node, 1);
        const auto consumer = receiver.receiver("q", credit);
        const auto link = sender.sender("q");
        world.run();
        std::vector<std::string> sent;
        for (const std::size_t size : {0U, 1U, 4'096U, 8'191U, 8'192U, 20'000U, 200'000U}) {
            sent.emplace_back(size, static_cast<char>('a' + sent.size()));
            sender.send(link, sent.back());
            world.run();
        }
        std::string stream;
        sender.send(link, "", false, true);
        for (const std::size_t size : {10U, 9'000U, 50U, 70'000U, 30U}) {
            const std::string part(size, static_cast<char>('A' + stream.size() % 26));
            stream += part;
            sender.write(link, part, size != 30);
            world.run();
        }
        sent.push_back(stream);
        receiver.engine.set_credit(consumer, 100);
        world.run();
        ASSERT_EQ(receiver.received.size(), sent.size());
        for (std::size_t i = 0; i < sent.size(); ++i) {
            EXPECT_TRUE(receiver.received[i].complete);
            EXPECT_EQ(receiver.received[i].body, sent[i]) << "message " << i;
        }
        receiver.accept_all();
        world.run();
        EXPECT_EQ(sender.outcomes(Outcome::kAccepted), sent.size());
    }
}

/// However many consumers a worker has, a multicast message's payload is handed to it once.
TEST(CrossWorker, PayloadForManyCrossesOnce) {
    TestWorld world;
    auto& node = world.node("A", 3);
    node.builder.set_settings(std::make_shared<const routing::AddressSettings>(
        std::vector<routing::AddressRule>{{"", "all", routing::Treatment::kMulticast, {}}},
        routing::Treatment::kBalanced));
    node.publish(world.now);
    auto& sender = world.client(node, 0);
    std::vector<TestClient*> receivers;
    for (std::uint16_t i = 0; i < 60; ++i) {
        receivers.push_back(&world.client(node, i % 3));
        receivers.back()->receiver("all", i % 2 == 0 ? 100 : 0);  // every other one takes it later
    }
    const auto link = sender.sender("all");
    world.run();
    std::vector<std::string> sent;
    for (const std::size_t size : {100U, 5'000U, 20'000U}) {
        const auto before = node.bytes_across;
        sent.emplace_back(size, static_cast<char>('a' + sent.size()));
        sender.send(link, sent.back());
        world.step();
        world.step();
        EXPECT_LT(node.bytes_across - before, 2 * size + 40 * 400);
        world.run();
    }
    const auto before = node.bytes_across;
    sent.emplace_back(60'000, 's');
    sender.send(link, std::string_view(sent.back()).substr(0, 10'000), false, true);
    for (std::size_t at = 10'000; at < 60'000; at += 10'000) {
        world.run();
        sender.write(link, std::string_view(sent.back()).substr(at, 10'000), at + 10'000 < 60'000);
    }
    world.run();
    EXPECT_LT(node.bytes_across - before, std::size_t{2} * 60'000 + std::size_t{40} * 60 * 200);
    for (auto* receiver : receivers) {
        receiver->engine.set_credit(0, 100);
        world.run();
        ASSERT_EQ(receiver->received.size(), sent.size());
        for (std::size_t i = 0; i < sent.size(); ++i) {
            EXPECT_TRUE(receiver->received[i].complete);
            EXPECT_EQ(receiver->received[i].body, sent[i]) << "message " << i;
        }
        receiver->accept_all();
    }
    world.run();
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), sent.size());
}

/// The worker that a large message waits on keeps what it was handed, not another copy of it.
TEST(CrossWorker, LargePayloadIsNotCopiedWhereItWaits) {
    ChunkPool pool;
    Content content;
    std::string payload(20'000, 'x');
    const auto* bytes = payload.data();
    {
        const ChunkRef owner = pool.adopt(std::move(payload));
        content.append(std::as_bytes(std::span(owner.get()->adopted)), &owner);
    }
    EXPECT_EQ(pool.live(), 1U);
    EXPECT_LT(content.memory(), 100U);
    EXPECT_EQ(static_cast<const void*>(content.front().data()), static_cast<const void*>(bytes));
    content.consume(20'000);
    EXPECT_EQ(pool.live(), 0U);
}

}  // namespace
}  // namespace amqmesh::link::test
