// What two neighbours say to each other: getting to know, refusing, losing and finding again.
#include "routing/hash.h"
#include "tests/routing/pair.h"

#include <gtest/gtest.h>

namespace amqmesh::routing {
namespace {

bool full(const Pair& pair) {
    return pair.state(0) == AdjacencyState::kFull && pair.state(1) == AdjacencyState::kFull;
}

TEST(Adjacency, BecomesFullAndRoutes) {
    Pair pair;
    pair.connect(7);
    ASSERT_TRUE(full(pair));
    pair.run_for(100 * kMillisecond);
    ASSERT_FALSE(pair.sides[0].routes.empty());
    EXPECT_EQ(pair.sides[0].routes.back().name, "b");
    EXPECT_EQ(pair.sides[0].routes.back().cost, 7U);
    EXPECT_EQ(pair.sides[0].routes.back().next_hops, std::vector<AdjacencyId>{pair.link});
    ASSERT_NE(pair.sides[0].topology, nullptr);
    EXPECT_EQ(pair.sides[0].topology->digest, pair.sides[1].topology->digest);
    EXPECT_TRUE(pair.sides[0].noted("ADJ_FULL"));
}

// The cost of a link is the higher of both ends' costs, and a change is taken over at once.
TEST(Adjacency, CostChangesAreTakenOverAtOnce) {
    Pair pair;
    pair.connect(2);
    pair.run_for(3 * kSecond);
    pair.sides[1].handle(pair.now, event::SetCost{pair.link, 9});
    pair.exchange();
    EXPECT_EQ(pair.sides[0].routes.back().cost, 9U);
    EXPECT_EQ(pair.sides[1].routes.back().cost, 9U);
    EXPECT_EQ(pair.sides[0].node.view(pair.now).adjacencies.at(0).peer_cost, 9U);
}

TEST(Adjacency, LossWithdrawsInTheSameStep) {
    Pair pair;
    pair.connect();
    pair.run_for(100 * kMillisecond);
    const std::size_t before = pair.sides[0].routes.size();
    pair.sides[0].handle(pair.now, event::LinkDown{pair.link});
    ASSERT_EQ(pair.sides[0].routes.size(), before + 1);
    EXPECT_TRUE(pair.sides[0].routes.back().next_hops.empty());
    EXPECT_EQ(pair.sides[0].routes.back().name, "b");
}

TEST(Adjacency, OtherAreaIsRefusedByNameOnBothSides) {
    Pair pair(Config{.name = "a", .area = "0"}, Config{.name = "b", .area = "1"});
    pair.connect();
    for (const Side& side : pair.sides) {
        ASSERT_EQ(side.closes.size(), 1U);
        EXPECT_EQ(side.closes[0].condition, "amqmesh:area-mismatch");
        EXPECT_GE(side.closes[0].retry_after_ms, 1000U);
    }
    pair.connect();
    EXPECT_GE(pair.sides[0].closes.back().retry_after_ms, 2000U) << "backs off";
}

// Each stranger is told its own waiting time, also by a node that never believed it.
TEST(Adjacency, RefusedStrangersAreToldApart) {
    Side a(Config{.name = "a"});
    a.handle(kSecond, event::Start{1'700'000'000'000});
    AdjacencyId link = 0;
    const auto retry_of = [&](const std::string& name) {
        ++link;
        a.handle(kSecond, event::LinkUp{link, 1});
        const Hello hello = {.rid = router_id(name),
                             .name = name,
                             .life = 5,
                             .min_version = kWireVersionMin,
                             .max_version = kWireVersionMax,
                             .area = "other",
                             .link_id = link,
                             .heartbeat_ms = 300,
                             .detect_mult = 3,
                             .state = AdjacencyState::kInit};
        a.handle(kSecond, event::Frame{link, encode(hello)});
        return a.closes.empty() ? 0U : a.closes.back().retry_after_ms;
    };
    EXPECT_EQ(retry_of("x"), 1000U);
    EXPECT_EQ(retry_of("y"), 1000U);
    EXPECT_EQ(retry_of("x"), 2000U);
    EXPECT_EQ(retry_of("z"), 1000U);
}

TEST(Adjacency, SameNameIsRefusedByNameOnBothSides) {
    Pair pair(Config{.name = "a"}, Config{.name = "a"});
    pair.connect();
    for (std::size_t i = 0; i < 2; ++i) {
        ASSERT_EQ(pair.sides[i].closes.size(), 1U);
        EXPECT_EQ(pair.sides[i].closes[0].condition, "amqmesh:duplicate-router-id");
        EXPECT_GE(pair.counters(i).duplicate_id, 1U);
    }
}

TEST(Adjacency, OtherVersionIsRefused) {
    Pair pair;
    pair.filter = [](std::size_t from, std::string& bytes) {
        Message message;
        EXPECT_EQ(decode(bytes, Limits{}, message), Fault::kNone);
        if (auto* hello = std::get_if<Hello>(&message); hello != nullptr && from == 1) {
            hello->min_version = 5;
            hello->max_version = 6;
            bytes = encode(*hello);
        }
        return true;
    };
    pair.connect();
    ASSERT_FALSE(pair.sides[0].closes.empty());
    EXPECT_EQ(pair.sides[0].closes[0].condition, "amqmesh:version-mismatch");
}

TEST(Adjacency, IdentityMustMatchTheName) {
    Pair pair;
    pair.filter = [](std::size_t from, std::string& bytes) {
        Message message;
        EXPECT_EQ(decode(bytes, Limits{}, message), Fault::kNone);
        if (auto* hello = std::get_if<Hello>(&message); hello != nullptr && from == 1) {
            hello->rid += 1;
            bytes = encode(*hello);
        }
        return true;
    };
    pair.connect();
    ASSERT_FALSE(pair.sides[0].closes.empty());
    EXPECT_EQ(pair.sides[0].closes[0].condition, "amqp:decode-error");
}

// Silence is measured by what the neighbour promised: 400 ms x 2, not our own 300 ms x 3.
TEST(Detection, SilenceByTheNeighboursOwnPromise) {
    Pair pair(Config{.name = "a"}, Config{.name = "b", .heartbeat_ms = 400, .detect_mult = 2});
    pair.connect();
    pair.run_for(100 * kMillisecond);
    pair.heartbeats = false;
    pair.mute = true;
    Side& a = pair.sides[0];
    const Time heard = pair.now;
    a.handle(heard, event::Alive{pair.link});
    a.handle(heard + 799 * kMillisecond, event::Tick{});
    EXPECT_TRUE(a.closes.empty());
    a.handle(heard + 800 * kMillisecond, event::Tick{});
    ASSERT_EQ(a.closes.size(), 1U);
    EXPECT_EQ(a.closes[0].link, pair.link);
    EXPECT_TRUE(a.noted("ADJ_DOWN"));
    EXPECT_TRUE(a.routes.back().next_hops.empty());
}

// Of a neighbour that beats every 100 ms we hear each third of our own second: that is no silence.
TEST(Detection, ANeighbourThatBeatsFasterIsHeardOfAtOurPace) {
    Pair pair(Config{.name = "a", .heartbeat_ms = 1000}, Config{.name = "b", .heartbeat_ms = 100});
    pair.connect();
    pair.heartbeats = false;
    Side& a = pair.sides[0];
    Side& b = pair.sides[1];
    for (int third = 0; third < 30; ++third) {
        for (int tenth = 0; tenth < 10; ++tenth) {
            b.handle(pair.now, event::Alive{pair.link});
            pair.run_for(33'300);
        }
        a.handle(pair.now, event::Alive{pair.link});
    }
    EXPECT_TRUE(a.closes.empty());
    ASSERT_TRUE(full(pair));
    const Time heard = pair.now;
    a.handle(heard + 599 * kMillisecond, event::Tick{});
    EXPECT_TRUE(a.closes.empty());
    a.handle(heard + 600 * kMillisecond, event::Tick{});
    EXPECT_EQ(a.closes.size(), 1U);
}

TEST(Detection, OwnStallIsNotTheirSilence) {
    Pair pair;
    pair.connect();
    pair.run_for(100 * kMillisecond);
    Side& a = pair.sides[0];
    const Time heard = pair.now;
    a.handle(heard, event::Alive{pair.link});
    // Two seconds late: the loop says so, and the link lives on.
    a.handle(heard + 2 * kSecond, event::Tick{2 * kSecond});
    EXPECT_TRUE(a.closes.empty());
    a.handle(heard + 2 * kSecond + 901 * kMillisecond, event::Tick{});
    EXPECT_EQ(a.closes.size(), 1U) << "then the time runs again";
}

TEST(Detection, BytesWithoutHelloAreNotEnough) {
    Pair pair;
    pair.connect();
    pair.run_for(100 * kMillisecond);
    pair.mute = true;
    pair.run_for(3100 * kMillisecond);
    EXPECT_TRUE(pair.sides[0].closes.empty());
    pair.run_for(1200 * kMillisecond);
    EXPECT_FALSE(pair.sides[0].closes.empty());
}

TEST(Detection, SilentStrangerIsDropped) {
    Pair pair;
    pair.mute = true;
    pair.connect();
    pair.run_for(4900 * kMillisecond);
    EXPECT_TRUE(pair.sides[0].closes.empty());
    pair.run_for(200 * kMillisecond);
    EXPECT_EQ(pair.sides[0].closes.size(), 1U);
    EXPECT_FALSE(pair.state(0));
}

TEST(Damping, ThirdFlapInAMinuteWaits) {
    Pair pair;
    for (int i = 0; i < 3; ++i) {
        pair.connect();
        ASSERT_TRUE(full(pair)) << i;
        pair.run_for(100 * kMillisecond);
        pair.disconnect();
    }
    pair.connect();
    EXPECT_EQ(pair.state(0), AdjacencyState::kSync);
    pair.run_for(900 * kMillisecond);
    EXPECT_EQ(pair.state(0), AdjacencyState::kSync);
    pair.run_for(200 * kMillisecond);
    EXPECT_TRUE(full(pair));
    EXPECT_EQ(pair.sides[0].node.view(pair.now).adjacencies.at(0).flaps, 3U);
}

// A neighbour that starts again loses all its parallel links at once: one flap, not many.
TEST(Damping, ParallelLinksAreLostTogetherOnce) {
    Pair pair(Config{.name = "a", .heartbeat_ms = 1000, .detect_mult = 10},
              Config{.name = "b", .heartbeat_ms = 1000, .detect_mult = 10});
    const AdjacencyId links = 12;
    for (int life = 0; life < 2; ++life) {
        for (AdjacencyId i = 0; i < links; ++i) {
            pair.connect();
        }
        pair.run_for(3 * kSecond);
        ASSERT_TRUE(full(pair)) << life;
        for (AdjacencyId i = 0; i < links; ++i) {
            for (Side& side : pair.sides) {
                side.handle(pair.now, event::LinkDown{pair.link - i});
            }
            pair.now += kMillisecond;
        }
        pair.exchange();
    }
    pair.connect();
    EXPECT_TRUE(full(pair)) << "the second loss within a minute is still free";
}

// Both hold the same hundred thousand... here two thousand addresses: nothing of them is sent
// again.
TEST(Sync, ReconnectWithEqualDatabasesIsCheap) {
    Pair pair;
    for (int i = 0; i < 2000; ++i) {
        pair.sides[0].handle(pair.now, event::LocalAddress{"key." + std::to_string(i)});
    }
    pair.connect();
    pair.run_for(kSecond);
    ASSERT_EQ(pair.sides[1].addresses.size(), 2000U);
    pair.disconnect();
    for (Side& side : pair.sides) {
        side.sent_bytes = 0;
    }
    pair.connect();
    ASSERT_TRUE(full(pair));
    EXPECT_LT(pair.sides[0].sent_bytes, 1000U);
    EXPECT_LT(pair.sides[1].sent_bytes, 1000U);
    EXPECT_EQ(pair.sides[1].addresses.size(), 2000U) << "nothing was told twice";
}

TEST(Sync, LostStepIsAskedForAgain) {
    Pair pair;
    pair.connect();
    pair.run_for(100 * kMillisecond);
    bool dropped = false;
    pair.filter = [&](std::size_t from, std::string& bytes) {
        Message message;
        EXPECT_EQ(decode(bytes, Limits{}, message), Fault::kNone);
        if (from == 0 && std::holds_alternative<Flood>(message) && !dropped) {
            dropped = true;
            return false;
        }
        return true;
    };
    pair.sides[0].handle(pair.now, event::LocalAddress{"lost"});
    pair.exchange();
    ASSERT_TRUE(dropped);
    EXPECT_TRUE(pair.sides[1].addresses.empty());
    pair.run_for(100 * kMillisecond);
    pair.sides[0].handle(pair.now, event::LocalAddress{"next"});
    pair.exchange();
    pair.run_for(100 * kMillisecond);
    EXPECT_EQ(pair.sides[1].addresses.size(), 2U);
    EXPECT_EQ(pair.counters(1).antientropy_repairs, 0U) << "a gap needs no repair";
}

// The same loss with nothing after it: only the digests can tell, and they do.
TEST(Sync, DigestsFindWhatNobodyMisses) {
    Pair pair;
    pair.connect();
    pair.run_for(100 * kMillisecond);
    bool dropped = false;
    pair.filter = [&](std::size_t from, std::string& bytes) {
        Message message;
        EXPECT_EQ(decode(bytes, Limits{}, message), Fault::kNone);
        const bool drop = from == 0 && std::holds_alternative<Flood>(message) && !dropped;
        dropped |= drop;
        return !drop;
    };
    pair.sides[0].handle(pair.now, event::LocalAddress{"lost"});
    pair.exchange();
    pair.run_for(8 * kSecond);
    EXPECT_EQ(pair.sides[1].addresses.size(), 1U);
    EXPECT_GE(pair.counters(0).antientropy_repairs + pair.counters(1).antientropy_repairs, 1U);
    EXPECT_TRUE(pair.sides[1].noted("DATABASE_DIFFERS") || pair.sides[0].noted("DATABASE_DIFFERS"));
}

// Whoever was stopped for a while finds several Hellos at once, all from before what it has just
// sent: no sign of a difference.
TEST(Sync, HellosThatComeAtOnceProveNothing) {
    Pair pair;
    pair.connect();
    pair.run_for(100 * kMillisecond);
    std::string hello;
    pair.filter = [&](std::size_t from, std::string& bytes) {
        Message message;
        EXPECT_EQ(decode(bytes, Limits{}, message), Fault::kNone);
        if (auto* found = std::get_if<Hello>(&message); found != nullptr && from == 1) {
            found->lsdb_digest += 1;
            hello = encode(*found);
        }
        return true;
    };
    pair.run_for(1100 * kMillisecond);
    ASSERT_FALSE(hello.empty());
    Side& a = pair.sides[0];
    for (int i = 0; i < 10; ++i) {
        a.handle(pair.now, event::Frame{pair.link, hello});
    }
    EXPECT_FALSE(a.noted("DATABASE_DIFFERS"));
    for (int second = 0; second < 3; ++second) {
        a.handle(pair.now + static_cast<Time>(second) * kSecond, event::Frame{pair.link, hello});
    }
    EXPECT_TRUE(a.noted("DATABASE_DIFFERS"));
}

TEST(Sync, BigTableOverLittleCredit) {
    Pair pair;
    for (int i = 0; i < 10'000; ++i) {
        pair.sides[0].handle(pair.now, event::LocalAddress{"some.long.key." + std::to_string(i)});
    }
    pair.connect();
    pair.run_for(kSecond);
    EXPECT_EQ(pair.sides[1].addresses.size(), 10'000U);
    EXPECT_EQ(pair.sides[0].node.view(pair.now).address_digest,
              pair.sides[1].node.view(pair.now).address_digest);
}

// Whoever asks for the whole table has reason to: the digests of its parts are no answer.
TEST(Sync, TheWholeTableMeansTheWholeTable) {
    Pair pair;
    for (int i = 0; i < 1000; ++i) {
        pair.sides[0].handle(pair.now, event::LocalAddress{"key." + std::to_string(i)});
    }
    pair.connect();
    pair.run_for(kSecond);
    ASSERT_EQ(pair.sides[1].addresses.size(), 1000U);
    const NodeView view = pair.sides[0].node.view(pair.now);
    std::size_t entries = 0;
    pair.filter = [&](std::size_t from, std::string& bytes) {
        Message message;
        EXPECT_EQ(decode(bytes, Limits{}, message), Fault::kNone);
        if (const auto* flood = std::get_if<Flood>(&message); flood != nullptr && from == 0) {
            for (const FloodedDelta& flooded : flood->deltas) {
                AddressDelta delta;
                EXPECT_EQ(decode_delta(flooded.body, Limits{}, delta), Fault::kNone);
                EXPECT_TRUE(delta.reset);
                entries += delta.add.size();
            }
        }
        return true;
    };
    const Request request = {
        .have = {{.rid = view.id, .incarnation = view.incarnation, .seq = 100, .addr_seq = 1}},
        .table = true};
    pair.sides[0].handle(pair.now, event::Frame{pair.link, encode(request)});
    pair.exchange();
    EXPECT_EQ(entries, 1000U);
}

TEST(BadNeighbour, ThreeMalformedMessagesEndIt) {
    Pair pair;
    pair.connect();
    Side& a = pair.sides[0];
    a.handle(pair.now, event::Frame{pair.link, "garbage"});
    a.handle(pair.now, event::Frame{pair.link, "garbage"});
    EXPECT_TRUE(a.closes.empty());
    EXPECT_EQ(pair.counters(0).malformed, 2U);
    a.handle(pair.now, event::Frame{pair.link, "garbage"});
    ASSERT_EQ(a.closes.size(), 1U);
    EXPECT_EQ(a.closes[0].condition, "amqp:decode-error");
    Message goodbye;
    ASSERT_EQ(decode(a.out.back().bytes, Limits{}, goodbye), Fault::kNone);
    EXPECT_EQ(std::get<Goodbye>(goodbye).reason, Reason::kMalformed);
}

TEST(BadNeighbour, ThreeFaultsInMoreThanAMinuteAreForgiven) {
    Pair pair;
    pair.connect();
    for (int i = 0; i < 5; ++i) {
        pair.sides[0].handle(pair.now, event::Frame{pair.link, "garbage"});
        pair.run_for(31 * kSecond);
    }
    EXPECT_TRUE(pair.sides[0].closes.empty());
    EXPECT_EQ(pair.counters(0).malformed, 5U);
}

TEST(BadNeighbour, OversizedMessagesEndItByAnotherName) {
    Pair pair(Config{.name = "a", .limits = {.message_bytes = 2000}}, Config{.name = "b"});
    pair.connect();
    for (int i = 0; i < 3; ++i) {
        pair.sides[0].handle(pair.now, event::Frame{pair.link, std::string(2001, 'x')});
    }
    ASSERT_EQ(pair.sides[0].closes.size(), 1U);
    EXPECT_EQ(pair.sides[0].closes[0].condition, "amqp:resource-limit-exceeded");
    EXPECT_EQ(pair.counters(0).over_limit, 3U);
}

// A record whose hash does not fit its bytes is neither stored nor passed on.
TEST(BadNeighbour, CorruptLspIsDroppedNotFlooded) {
    Pair pair;
    pair.connect();
    const Lsp lie = {
        .rid = router_id("c"), .incarnation = 5, .seq = 1, .life = 5, .name = "c", .area = "0"};
    const std::uint32_t count =
        static_cast<std::uint32_t>(pair.sides[0].node.view(pair.now).routers.size());
    const Flood flood = {.lsps = {{encode_lsp(lie), 1000, 12345}}};
    pair.sides[0].handle(pair.now, event::Frame{pair.link, encode(flood)});
    EXPECT_EQ(pair.sides[0].node.view(pair.now).routers.size(), count);
    EXPECT_TRUE(pair.sides[0].out.empty());
    EXPECT_EQ(pair.counters(0).malformed, 1U);
}

// Link state of an earlier life of ours, as neighbours that were away still have it.
Event echo(const Pair& pair, std::uint64_t incarnation) {
    const Lsp lsp = {.rid = router_id("a"),
                     .incarnation = incarnation,
                     .seq = 5,
                     .life = incarnation,
                     .name = "a",
                     .area = "0"};
    const std::string body = encode_lsp(lsp);
    return event::Frame{
        pair.link,
        encode(Flood{.lsps = {{.body = body, .lifetime_ms = 60'000, .hash = hash_bytes(body)}}})};
}

// Every neighbour that lacks the renewal sends its copy again and again.
TEST(OwnEcho, CopiesDoNotPutTheRenewalOff) {
    Pair pair;
    pair.connect();
    pair.run_for(kSecond);
    Side& side = pair.sides[0];
    constexpr std::uint64_t kOther = 1'800'000'000'000;
    side.handle(pair.now, echo(pair, kOther));
    pair.exchange();
    const std::uint64_t before = pair.counters(0).originations;
    for (int i = 0; i < 8; ++i) {  // the next renewal comes a second after the first
        side.handle(pair.now, echo(pair, kOther + 7));
        pair.exchange();
        pair.run_for(300 * kMillisecond);
    }
    EXPECT_EQ(pair.counters(0).originations, before + 1);
    EXPECT_EQ(pair.sides[0].topology->incarnations, pair.sides[1].topology->incarnations);
    EXPECT_FALSE(side.noted("DUPLICATE_ROUTER_ID"));
}

// A dead life falls silent; one that goes beyond each renewal lives.
TEST(OwnEcho, WhoeverGoesBeyondEachRenewalIsAnotherRouterOfThatName) {
    Pair pair;
    pair.connect();
    pair.run_for(kSecond);
    for (std::uint64_t i = 0; i < 5; ++i) {
        pair.sides[0].handle(pair.now, echo(pair, 1'800'000'000'000 + 10 * i));
        pair.exchange();
        pair.run_for(kSecond);
    }
    EXPECT_TRUE(pair.sides[0].noted("DUPLICATE_ROUTER_ID"));
}

TEST(Overload, StartsWithoutTransitUntilTheFirstNeighbourIsFull) {
    Pair pair;
    const auto flags = [&] { return pair.sides[0].node.view(pair.now).routers.at(0).flags; };
    EXPECT_EQ(flags(), lsp_flag::kStarting | lsp_flag::kNoTransit);
    pair.connect();
    pair.run_for(100 * kMillisecond);
    EXPECT_EQ(flags(), 0U);

    Pair alone;
    alone.run_for(5 * kSecond + kMillisecond);
    EXPECT_EQ(alone.sides[0].node.view(alone.now).routers.at(0).flags, 0U);
}

TEST(Drain, NeighboursSeeWeightZeroAndNoTransit) {
    Pair pair;
    pair.sides[0].handle(pair.now, event::LocalAddress{"q", Treatment::kBalanced, 5, true});
    pair.connect();
    pair.run_for(100 * kMillisecond);
    ASSERT_EQ(pair.sides[1].addresses.size(), 1U);
    EXPECT_EQ(pair.sides[1].addresses.back().weight, 5U);
    pair.sides[0].handle(pair.now, event::Drain{true});
    pair.exchange();
    EXPECT_EQ(pair.sides[1].addresses.back().weight, 0U);
    EXPECT_TRUE(pair.sides[1].addresses.back().present);
    pair.run_for(300 * kMillisecond);
    EXPECT_TRUE(
        pair.sides[1].topology->no_transit.at(pair.sides[1].topology->index_of(router_id("a"))));
    pair.sides[0].handle(pair.now, event::Drain{false});
    pair.exchange();
    EXPECT_EQ(pair.sides[1].addresses.back().weight, 5U);
}

TEST(Stop, WithdrawsEverythingAndSaysGoodbye) {
    Pair pair;
    pair.sides[0].handle(pair.now, event::LocalAddress{"q"});
    pair.connect();
    pair.run_for(100 * kMillisecond);
    pair.sides[0].handle(pair.now, event::Stop{});
    ASSERT_EQ(pair.sides[0].closes.size(), 1U);
    pair.exchange();
    Side& b = pair.sides[1];
    EXPECT_FALSE(b.addresses.back().present);
    EXPECT_TRUE(b.routes.back().next_hops.empty());
    EXPECT_TRUE(b.noted("PEER_GOODBYE"));
    ASSERT_EQ(b.closes.size(), 1U);
    pair.connect();
    EXPECT_EQ(pair.sides[0].closes.size(), 2U) << "a stopped router takes no new link";
}

TEST(Ageing, SilentOriginLeavesTheDatabaseOneHourLater) {
    Pair pair;
    pair.connect();
    pair.run_for(100 * kMillisecond);
    pair.disconnect();
    EXPECT_EQ(pair.sides[0].node.view(pair.now).routers.size(), 2U);
    pair.run_for(3601 * kSecond);
    EXPECT_EQ(pair.sides[0].node.view(pair.now).routers.size(), 1U);
    pair.connect();
    EXPECT_TRUE(full(pair));
    EXPECT_EQ(pair.sides[0].node.view(pair.now).routers.size(), 2U);
}

// Back with a clock that went back, while the neighbour remembers only the number of its last
// words.
TEST(Ageing, WhoComesBackWithAnOlderClockOutbidsItsTombstone) {
    Pair pair;
    pair.connect();
    pair.run_for(kSecond);
    pair.sides[0].handle(pair.now, event::Stop{});
    pair.exchange();
    pair.disconnect();
    pair.run_for(130 * kSecond);
    ASSERT_EQ(pair.sides[1].node.view(pair.now).routers.size(), 1U);
    pair.sides[0] = Side(Config{.name = "a"});
    pair.sides[0].handle(pair.now, event::Start{1'600'000'000'000});
    pair.connect();
    pair.run_for(2 * kSecond);
    EXPECT_TRUE(full(pair));
    EXPECT_EQ(pair.sides[1].node.view(pair.now).routers.size(), 2U);
    ASSERT_FALSE(pair.sides[1].routes.empty());
    EXPECT_EQ(pair.sides[1].routes.back().name, "a");
    EXPECT_FALSE(pair.sides[1].routes.back().next_hops.empty());
}

TEST(Ageing, RefreshKeepsTheNeighbourAndRunsNoShortestPaths) {
    Pair pair;
    pair.connect();
    pair.run_for(60 * kSecond);
    const NodeCounters before = pair.counters(0);
    pair.run_for(2 * 3600 * kSecond);
    EXPECT_TRUE(full(pair));
    EXPECT_EQ(pair.counters(0).spf_runs, before.spf_runs);
    EXPECT_GT(pair.counters(0).originations, before.originations);
}

TEST(Credit, NothingIsSentWithoutIt) {
    Pair pair;
    Side& a = pair.sides[0];
    a.handle(pair.now, event::LinkUp{9, 1});
    EXPECT_TRUE(a.out.empty());
    a.handle(pair.now, event::Credit{9, 1});
    EXPECT_EQ(a.out.size(), 1U);
    a.handle(pair.now + 3 * kSecond, event::Tick{});
    EXPECT_EQ(a.out.size(), 1U);
}

// Events of a link that is gone, or never was, change nothing.
TEST(Links, StaleEventsAreIgnored) {
    Pair pair;
    pair.connect();
    Side& a = pair.sides[0];
    const std::uint64_t digest = a.node.digest();
    a.handle(pair.now, event::Frame{99, "x"});
    a.handle(pair.now, event::Settled{99, 1});
    a.handle(pair.now, event::Settled{pair.link, 4711});
    a.handle(pair.now, event::Credit{99, 5});
    a.handle(pair.now, event::Alive{99});
    a.handle(pair.now, event::LinkDown{99});
    a.handle(pair.now, event::SetCost{99, 5});
    EXPECT_EQ(a.node.digest(), digest);
}

}  // namespace
}  // namespace amqmesh::routing
