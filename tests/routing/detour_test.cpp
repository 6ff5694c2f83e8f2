// Ways round on thousands of random graphs of which some routers have heard the news: what takes
// one arrives.
#include "routing/detour.h"

#include "tests/routing/graphs.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace amqmesh::routing {
namespace {

constexpr std::uint32_t kPreferences = 4;

// Every router's view of one graph, and its routes.
struct Views {
    std::vector<std::shared_ptr<const Topology>> topology;
    std::vector<Spf> spf;
};

Views views(const TestGraph& graph, std::uint64_t digest) {
    Views all;
    for (std::uint32_t i = 0; i < graph.size; ++i) {
        Topology topology = graph.seen_from(i);
        topology.digest = digest << 48U;
        topology.preferences = kPreferences;
        all.spf.push_back(compute_spf(topology, kPreferences));
        all.topology.push_back(std::make_shared<const Topology>(std::move(topology)));
    }
    return all;
}

// The router at the other end of one of a router's links, in any of the graphs (a link that is lost
// is not in all of them).
std::uint32_t across(const TestGraph& all, std::uint32_t from, AdjacencyId link) {
    for (const TestEdge& edge : all.edges) {
        if (edge.a == from && edge.a_adjacency == link) {
            return edge.b;
        }
        if (edge.b == from && edge.b_adjacency == link) {
            return edge.a;
        }
    }
    return Topology::npos;
}

struct Outcomes {
    std::size_t arrived = 0;
    std::size_t waiting = 0;
    std::size_t detours = 0;
};

class News {
  public:
    // `lost`: the link's loss is the news; or else its coming.
    News(const TestGraph& with, std::size_t edge, bool lost) : with_(with) {
        TestGraph less = with;
        less.edges.erase(less.edges.begin() + static_cast<std::ptrdiff_t>(edge));
        gone_ = with.edges[edge];
        before_ = views(lost ? with : less, 1);
        after_ = views(lost ? less : with, 2);
    }

    // By the routers in `fresh` going by the news, and the others not.
    void send(std::uint32_t fresh,
              std::uint32_t from,
              std::uint32_t to,
              std::uint32_t preference,
              Outcomes& outcomes) {
        std::uint32_t before = Topology::npos;
        bool surely = false;
        for (std::size_t hops = 0; from != to; ++hops) {
            ASSERT_LE(hops, 4 * with_.size) << "runs round";
            const bool knows = ((fresh >> from) & 1U) != 0;
            const Views& known = knows ? after_ : before_;
            const auto choice = known.spf[from].next_hops(to);
            std::uint32_t next = choice.empty()
                                     ? Topology::npos
                                     : across(with_, from, choice[preference % choice.size()]);
            if (next != Topology::npos && next == before) {
                TopologyHistory history;
                history.add(before_.topology[from]);
                if (knows) {
                    history.add(after_.topology[from]);
                }
                const auto link = detours_.find(history, 100 + to, 100 + before, preference).link;
                next = link ? across(with_, from, *link) : Topology::npos;
                surely = surely || link.has_value();
                outcomes.detours += link ? 1U : 0U;
            }
            if (next == Topology::npos) {
                ASSERT_FALSE(surely) << "a way round led nowhere";
                ++outcomes.waiting;
                return;
            }
            before = std::exchange(from, next);
        }
        ++outcomes.arrived;
    }

    // Both ends of a link know of it at once.
    [[nodiscard]] std::uint32_t ends() const { return 1U << gone_.a | 1U << gone_.b; }

  private:
    TestGraph with_;
    TestEdge gone_;
    Views before_;
    Views after_;
    Detours detours_;
};

TEST(Detours, NothingRunsRoundAndWhatTakesOneArrives) {
    std::mt19937_64 random(7);
    Outcomes outcomes;
    for (std::uint64_t seed = 0; seed < 1500; ++seed) {
        TestGraph graph = random_test_graph(seed);
        if (graph.edges.empty()) {
            continue;
        }
        if (seed % 2 == 0) {
            graph.no_transit.assign(graph.size, false);
        }
        News news(graph, random() % graph.edges.size(), seed % 3 != 0);
        for (int i = 0; i < 10; ++i) {
            const auto fresh = static_cast<std::uint32_t>(random()) | news.ends();
            const auto preference = static_cast<std::uint32_t>(random() % kPreferences);
            for (std::uint32_t from = 0; from < graph.size; ++from) {
                for (std::uint32_t to = 0; to < graph.size; ++to) {
                    news.send(fresh, from, to, preference, outcomes);
                    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
                }
            }
        }
    }
    EXPECT_GT(outcomes.arrived, 100'000U);
    EXPECT_GT(outcomes.waiting, 1000U);
    EXPECT_GT(outcomes.detours, 100U);
}

// A square: 0 - 1 - 2 - 3 - 0, the last link dear.
TEST(Detours, BackToWhoHadNotHeardOfALossOnly) {
    const TestGraph square = {
        .size = 4,
        .edges = {{0, 1, 1, 1, 1}, {1, 2, 1, 2, 1}, {2, 3, 1, 2, 1}, {3, 0, 9, 2, 2}},
        .no_transit = std::vector<bool>(4, false)};
    TestGraph cut = square;
    cut.edges.erase(cut.edges.begin() + 1);
    const Views all = views(square, 1);
    const Views less = views(cut, 2);
    TopologyHistory lost;
    lost.add(all.topology[1]);
    lost.add(less.topology[1]);
    Detours detours;
    EXPECT_TRUE(detours.find(lost, 103, 100, 0).back);
    EXPECT_FALSE(detours.find(lost, 103, 100, 0).link);
    TopologyHistory unknown;
    unknown.add(less.topology[1]);
    EXPECT_FALSE(detours.find(unknown, 103, 100, 0).back) << "nothing says why 0 sent it here";

    TestGraph near = square;
    near.edges.back().cost = 1;
    TopologyHistory gained;
    gained.add(all.topology[1]);
    gained.add(views(near, 3).topology[1]);
    EXPECT_FALSE(detours.find(gained, 103, 100, 0).back) << "good news is taken in later";
}

TEST(Detours, NoneWithoutAReason) {
    const TestGraph line = {.size = 4,
                            .edges = {{0, 1, 1, 1, 1}, {1, 2, 1, 2, 1}, {2, 3, 1, 2, 1}},
                            .no_transit = std::vector<bool>(4, false)};
    const Views known = views(line, 1);
    TopologyHistory history;
    history.add(known.topology[1]);
    Detours detours;
    EXPECT_FALSE(detours.find(history, 103, 102, 0).link) << "nothing has changed that we know of";
    EXPECT_FALSE(detours.find(history, 999, 102, 0).link) << "an unknown router";
}

}  // namespace
}  // namespace amqmesh::routing
