// What a neighbour's records may not do to a node (ROUTING 1.11), how fast they may come (1.4), and
// that they are passed on as they are.
#include "routing/hash.h"
#include "routing/origin_addresses.h"
#include "tests/routing/pair.h"

#include <gtest/gtest.h>

namespace amqmesh::routing {
namespace {

Lsp lsp_of(const std::string& name, std::uint64_t incarnation, std::uint64_t seq) {
    return {.rid = router_id(name),
            .incarnation = incarnation,
            .seq = seq,
            .life = incarnation,
            .name = name,
            .area = "0"};
}

FloodedLsp flooded(const std::string& body) {
    return {.body = body, .lifetime_ms = 600'000, .hash = hash_bytes(body)};
}

// One node under test with a neighbour that is played by hand, and a real one behind it.
class Middle {
  public:
    explicit Middle(Limits limits = {})
        : pair(Config{.name = "a", .limits = limits}, {.name = "b"}) {
        pair.connect();
        pair.run_for(3 * kSecond);
    }

    // From b's side of the link, past b.
    void receive(const Flood& flood) {
        pair.sides[0].handle(pair.now, event::Frame{pair.link, encode(flood)});
    }

    void receive(const Lsp& lsp) {
        receive(Flood{.lsps = {flooded(encode_lsp(lsp))}, .deltas = {}});
    }

    [[nodiscard]] std::size_t known() const {
        return pair.sides[0].node.view(pair.now).routers.size();
    }

    Pair pair;
};

TEST(Limits, RoutersBeyondTheLimitAreNotStoredAndNobodysFault) {
    Middle middle(Limits{.routers = 4});
    for (int i = 0; i < 20; ++i) {
        middle.receive(lsp_of("r" + std::to_string(i), 5, 1));
    }
    EXPECT_EQ(middle.known(), 4U);
    EXPECT_EQ(middle.pair.counters(0).over_limit, 18U);
    EXPECT_TRUE(middle.pair.sides[0].closes.empty());
    middle.receive(lsp_of("r1", 5, 2));
    EXPECT_EQ(middle.pair.counters(0).over_limit, 18U) << "who is known may say more";
}

// What a neighbour says is there, and never sends, is remembered up to the number of routers that
// could be taken in.
TEST(Limits, WhatIsAwaitedHasABound) {
    Middle middle(Limits{.routers = 100});
    Side& a = middle.pair.sides[0];
    RouterId next = 1000;
    const auto summary = [&](bool first, bool complete) {
        Summary lies = {.first = first, .complete = complete};
        for (int i = 0; i < 80; ++i) {
            lies.origins.push_back({.rid = ++next, .incarnation = 5, .seq = 1});
        }
        a.handle(middle.pair.now, event::Frame{middle.pair.link, encode(lies)});
        a.out.clear();
    };
    const std::uint64_t before = a.node.conduct();
    summary(false, true);
    summary(false, false);
    EXPECT_EQ(a.node.conduct(), before) << "no beginning: nothing to continue";
    summary(true, false);
    EXPECT_EQ(middle.pair.counters(0).over_limit, 0U);
    summary(false, true);
    EXPECT_EQ(middle.pair.counters(0).over_limit, 1U);
    EXPECT_TRUE(a.closes.empty());
    for (int i = 0; i < 2; ++i) {
        summary(true, false);
        summary(false, true);
    }
    ASSERT_EQ(a.closes.size(), 1U);
    EXPECT_EQ(a.closes[0].condition, "amqp:resource-limit-exceeded");
}

// Who waits for an announced record gets it soon or a new connection: other bytes are no progress.
TEST(Limits, RepetitionsAreNoProgressOfASynchronisation) {
    Side a(Config{.name = "a"});
    Time now = kSecond;
    a.handle(now, event::Start{1'700'000'000'000});
    a.handle(now, event::LinkUp{1, 1});
    const NodeView view = a.node.view(now);
    const Hello hello = {.rid = router_id("b"),
                         .name = "b",
                         .life = 5,
                         .peer_rid = view.id,
                         .peer_life = view.incarnation,
                         .min_version = kWireVersionMin,
                         .max_version = kWireVersionMax,
                         .area = "0",
                         .link_id = 1,
                         .peer_link_id = 1,
                         .heartbeat_ms = 1000,
                         .detect_mult = 3,
                         .state = AdjacencyState::kSync};
    const auto say = [&](const auto& message) { a.handle(now, event::Frame{1, encode(message)}); };
    say(hello);
    say(Summary{.origins = {{.rid = router_id("never"), .incarnation = 5, .seq = 1}},
                .first = true,
                .complete = true});
    const Flood repeated = {.lsps = {flooded(encode_lsp(lsp_of("far", 5, 1)))}, .deltas = {}};
    say(repeated);
    for (int half = 0; half < 12; ++half) {
        now += kSecond / 2;
        a.handle(now, event::Tick{});
        say(hello);
        say(repeated);
    }
    ASSERT_EQ(a.closes.size(), 1U);
    EXPECT_EQ(a.closes[0].text, "no progress in synchronisation");
}

TEST(Limits, TheDatabaseHasABound) {
    Middle middle(Limits{.database_bytes = 2000});
    for (int i = 0; i < 200; ++i) {
        middle.receive(lsp_of("some.longer.router.name." + std::to_string(i), 5, 1));
    }
    EXPECT_LT(middle.known(), 40U);
    EXPECT_GT(middle.pair.counters(0).over_limit, 150U);
    EXPECT_TRUE(middle.pair.sides[0].closes.empty());
}

AddressDelta step(std::uint64_t seq, std::uint32_t first, std::uint32_t count) {
    AddressDelta delta = {
        .rid = router_id("far"), .incarnation = 5, .base = seq - 1, .seq = seq, .add = {}};
    for (std::uint32_t i = first; i < first + count; ++i) {
        delta.add.push_back({.id = i, .key = "key." + std::to_string(i)});
    }
    return delta;
}

TEST(Limits, AnOriginsAddressesHaveABound) {
    // The digest of each table comes from a node without that limit.
    Middle generous;
    Middle strict(Limits{.addresses_per_origin = 10});
    OriginAddresses truth;
    for (Middle* middle : {&generous, &strict}) {
        middle->receive(lsp_of("far", 5, 1));
    }
    for (std::uint64_t seq = 1; seq <= 3; ++seq) {
        AddressDelta delta = step(seq, static_cast<std::uint32_t>(5 * seq), 5);
        delta.digest = *truth.content_after(delta);
        const std::string body = encode_delta(delta);
        std::vector<AddressDiff> diffs;
        ASSERT_EQ(truth.apply_step(delta, body, Limits{}, diffs), OriginAddresses::Applied::kDone);
        for (Middle* middle : {&generous, &strict}) {
            middle->receive(Flood{.lsps = {}, .deltas = {{body, hash_bytes(body)}}});
        }
    }
    EXPECT_EQ(generous.pair.sides[0].addresses.size(), 15U);
    EXPECT_EQ(strict.pair.sides[0].addresses.size(), 10U);
    EXPECT_EQ(strict.pair.counters(0).over_limit, 1U);
    EXPECT_TRUE(strict.pair.sides[0].closes.empty());
}

// Addresses that fill the database keep neither losses, new routers nor deletions out.
TEST(Limits, AFullDatabaseStillTakesLinkStateAndWhatShrinks) {
    Middle middle(Limits{.database_bytes = 4000});
    Side& a = middle.pair.sides[0];
    const auto stored = [&](const std::string& name) {
        const NodeView view = a.node.view(middle.pair.now);
        const auto it = std::find_if(view.routers.begin(),
                                     view.routers.end(),
                                     [&](const LinkStateView& r) { return r.name == name; });
        return it == view.routers.end() ? std::uint64_t{0} : it->sequence;
    };
    Lsp far = lsp_of("far", 5, 1);
    far.links = {{.peer = 7, .link_id = 1}, {.peer = 8, .link_id = 2}, {.peer = 9, .link_id = 3}};
    middle.receive(far);
    OriginAddresses truth;
    const auto say = [&](AddressDelta delta) {
        delta.digest = *truth.content_after(delta);
        const std::string body = encode_delta(delta);
        const std::uint64_t before = middle.pair.counters(0).over_limit;
        middle.receive(Flood{.lsps = {}, .deltas = {{body, hash_bytes(body)}}});
        const bool taken = middle.pair.counters(0).over_limit == before;
        std::vector<AddressDiff> diffs;
        if (taken) {
            EXPECT_EQ(truth.apply_step(delta, body, Limits{}, diffs),
                      OriginAddresses::Applied::kDone);
        }
        return taken;
    };
    std::uint32_t id = 0;
    while (id < 500 && say(step(truth.seq() + 1, id, 1))) {
        ++id;
    }
    ASSERT_GT(id, 20U);
    ASSERT_LT(id, 500U);
    EXPECT_TRUE(a.noted("DATABASE_LIMIT"));
    const auto notes = a.notes.size();
    EXPECT_FALSE(say(step(truth.seq() + 1, id, 1)));
    EXPECT_EQ(a.notes.size(), notes) << "said once a minute";

    far.seq = 2;
    far.flags = lsp_flag::kDraining;
    middle.receive(far);
    EXPECT_EQ(stored("far"), 2U);
    const std::string name = "a.router.that.joins.while.addresses.fill.the.database";
    middle.receive(lsp_of(name, 5, 1));
    EXPECT_EQ(stored(name), 1U);

    AddressDelta less = step(truth.seq() + 1, 0, 0);
    less.del = {3};
    EXPECT_TRUE(say(less));
    EXPECT_EQ(a.addresses.back().key, "key.3");
    EXPECT_FALSE(a.addresses.back().present);
    AddressDelta change = step(truth.seq() + 1, 4, 1);
    change.add[0].weight = 2;
    EXPECT_TRUE(say(change)) << "no bigger than what it replaces";
    EXPECT_EQ(middle.pair.state(0), AdjacencyState::kFull);
}

// A later version's router may say things that this one does not know.
TEST(Flooding, UnknownFieldsArePassedOnByteForByte) {
    Middle middle;
    std::string body = encode_lsp(lsp_of("far", 5, 1));
    body += std::string("\xfa\x07\x05") + "later";  // field 127, five bytes
    middle.receive(Flood{.lsps = {flooded(body)}, .deltas = {}});
    EXPECT_EQ(middle.known(), 3U);

    Side third(Config{.name = "c"});
    third.handle(middle.pair.now, event::Start{1'700'000'000'000});
    Side& a = middle.pair.sides[0];
    a.out.clear();
    a.handle(middle.pair.now, event::LinkUp{77, 1});
    a.handle(middle.pair.now, event::Credit{77, kCredit});
    third.handle(middle.pair.now, event::LinkUp{77, 1});
    third.handle(middle.pair.now, event::Credit{77, kCredit});
    bool passed = false;
    for (int i = 0; i < 20; ++i) {
        for (auto [from, to] : {std::pair(&a, &third), std::pair(&third, &a)}) {
            while (!from->out.empty()) {
                const Send send = from->out.front();
                from->out.pop_front();
                Message message;
                if (send.link != 77 || decode(send.bytes, Limits{}, message) != Fault::kNone) {
                    continue;
                }
                if (const auto* flood = std::get_if<Flood>(&message)) {
                    passed = passed || std::any_of(flood->lsps.begin(),
                                                   flood->lsps.end(),
                                                   [&](const auto& l) { return l.body == body; });
                }
                to->handle(middle.pair.now, event::Frame{77, send.bytes});
            }
        }
    }
    EXPECT_TRUE(passed);
    EXPECT_EQ(third.node.view(middle.pair.now).lsdb_digest,
              a.node.view(middle.pair.now).lsdb_digest);
}

// Ten a second and five at once are passed on as they come; more are stored, and the newest goes
// on later.
TEST(Flooding, OriginsThatChangeTooOftenAreHeldBackNotLost) {
    Middle middle;
    Side& a = middle.pair.sides[0];
    a.handle(middle.pair.now, event::LinkUp{77, 1});  // a neighbour that never answers
    const auto sent = [&] { return middle.pair.counters(0).lsp_sent; };
    std::uint64_t seq = 0;
    const std::uint64_t before = sent();
    for (int i = 0; i < 40; ++i) {
        middle.receive(lsp_of("far", 5, ++seq));
        middle.pair.exchange();
    }
    EXPECT_EQ(middle.pair.sides[0].node.view(middle.pair.now).routers.at(2).sequence, 40U);
    EXPECT_EQ(sent(), before) << "to whom it came from it does not go back";
    EXPECT_GE(middle.pair.sides[0]
                  .node.view(middle.pair.now)
                  .marks[static_cast<std::size_t>(Mark::kDeferred)],
              1U);
    middle.pair.run_for(kSecond);
    EXPECT_EQ(middle.pair.sides[1].node.view(middle.pair.now).routers.size(), 2U);
}

// A record of ours from the end of the range, which only a broken or hostile router can have made.
TEST(OwnEcho, FromTheEndOfTheRangeIsOutbidAllTheSame) {
    Middle middle;
    Lsp absurd = lsp_of("a", kIncarnationMax, 7);
    middle.receive(absurd);
    middle.pair.exchange();
    middle.pair.run_for(2 * kSecond);
    const auto own = middle.pair.sides[1].node.view(middle.pair.now).routers.at(0);
    EXPECT_EQ(own.name, "a");
    EXPECT_EQ(own.incarnation, kIncarnationMax);
    EXPECT_GT(own.sequence, 7U);
    EXPECT_EQ(middle.pair.state(1), AdjacencyState::kFull);
    EXPECT_EQ(middle.pair.counters(1).malformed, 0U);
}

// A lower number of the same incarnation does not take ours back.
TEST(OwnEcho, OfTheLastIncarnationTwice) {
    Middle middle;
    for (const std::uint64_t sequence : {900U, 7U}) {
        middle.receive(lsp_of("a", kIncarnationMax, sequence));
        middle.pair.exchange();
        middle.pair.run_for(2 * kSecond);
    }
    const auto own = middle.pair.sides[1].node.view(middle.pair.now).routers.at(0);
    EXPECT_EQ(own.incarnation, kIncarnationMax);
    EXPECT_GT(own.sequence, 900U);
    EXPECT_EQ(middle.pair.counters(1).malformed, 0U);
}

// Beyond the last number there is none: nothing is said that others would have to take for damaged.
TEST(OwnEcho, OfTheLastNumberIsReported) {
    Middle middle;
    middle.receive(lsp_of("a", kIncarnationMax, kSequenceMax));
    middle.pair.exchange();
    for (Cost cost = 2; cost < 8; ++cost) {
        middle.pair.sides[0].handle(middle.pair.now, event::SetCost{middle.pair.link, cost});
        middle.pair.exchange();
        middle.pair.run_for(2 * kSecond);
    }
    EXPECT_TRUE(middle.pair.sides[0].noted("OWN_LSP_ECHO"));
    EXPECT_EQ(middle.pair.counters(1).malformed, 0U);
    EXPECT_EQ(middle.pair.state(1), AdjacencyState::kFull);
}

// Costs that change all the time are told at growing intervals; the last one always.
TEST(Origination, ChangesOfCostAreToldAtGrowingIntervals) {
    Pair pair;
    pair.connect(2);
    pair.run_for(5 * kSecond);
    const std::uint64_t before = pair.counters(0).originations;
    for (Cost cost = 10; cost < 510; ++cost) {
        pair.sides[0].handle(pair.now, event::SetCost{pair.link, cost});
        pair.exchange();
        pair.run_for(2 * kMillisecond);
    }
    const std::uint64_t storm = pair.counters(0).originations - before;
    EXPECT_GE(storm, 4U);
    EXPECT_LE(storm, 8U) << "0, 20, 60, 140, 300, 620 ms …";
    pair.run_for(kSecond);
    EXPECT_EQ(pair.sides[1].routes.back().cost, 509U);
    EXPECT_EQ(pair.sides[0].routes.back().cost, 509U);
}

// An LSP that lists more links than allowed is refused by all: who has so many takes no more.
TEST(Limits, LinksOfOneRouterHaveABound) {
    const Config a = {
        .name = "a", .heartbeat_ms = 1000, .detect_mult = 10, .limits = {.links_per_router = 2}};
    Config b = a;
    b.name = "b";
    b.limits = {};
    Pair pair(a, b);
    for (int i = 0; i < 3; ++i) {
        pair.connect();
        pair.run_for(kSecond);
    }
    for (std::size_t side = 0; side < 2; ++side) {
        EXPECT_EQ(pair.state(side), AdjacencyState::kSync);
        EXPECT_TRUE(pair.sides[side].closes.empty());
        EXPECT_EQ(pair.counters(side).malformed, 0U);
    }
    EXPECT_TRUE(pair.sides[0].noted("DATABASE_LIMIT"));
    EXPECT_EQ(pair.counters(1).over_limit, 0U) << "nothing was sent that the other refuses";
    for (Side& side : pair.sides) {
        side.handle(pair.now, event::LinkDown{pair.link - 1});
    }
    pair.exchange();
    pair.run_for(kSecond);
    EXPECT_EQ(pair.state(0), AdjacencyState::kFull) << "now there is room";
    EXPECT_EQ(pair.state(1), AdjacencyState::kFull);
}

TEST(ParallelLinks, TheCheapestOfThoseThatAreThere) {
    Pair pair;
    pair.connect(3);
    const AdjacencyId dear = pair.link;
    for (Side& side : pair.sides) {
        side.handle(pair.now, event::LinkUp{50, 1});
        side.handle(pair.now, event::Credit{50, kCredit});
    }
    pair.exchange();
    pair.run_for(500 * kMillisecond);
    const auto route = [&](std::size_t side) { return pair.sides[side].routes.back(); };
    for (const std::size_t side : {0U, 1U}) {
        EXPECT_EQ(route(side).cost, 1U);
        EXPECT_EQ(route(side).next_hops, std::vector<AdjacencyId>{50});
    }
    pair.sides[0].handle(pair.now, event::LinkDown{50});
    EXPECT_EQ(route(0).cost, 3U) << "in the same step";
    EXPECT_EQ(route(0).next_hops, std::vector<AdjacencyId>{dear});
    pair.exchange();
    EXPECT_EQ(route(1).cost, 3U) << "one end's word is enough";
    EXPECT_EQ(route(1).next_hops, std::vector<AdjacencyId>{dear});
}

}  // namespace
}  // namespace amqmesh::routing
