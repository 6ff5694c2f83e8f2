// What the filters in front of shortest paths let pass (ROUTING 1.5): exactly what changes a route.
#include "routing/routes.h"

#include "routing/codec.h"
#include "routing/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::routing {
namespace {

// A mesh as the database of router 0 holds it, with single changes made to it.
class Database {
  public:
    Database(std::uint32_t routers, std::uint32_t extra, std::uint64_t seed)
        : random_(seed), flags_(routers, 0), sequence_(routers, 0) {
        for (std::uint32_t i = 1; i < routers; ++i) {
            connect(i, below(i));
        }
        for (std::uint32_t i = 0; i < extra; ++i) {
            const std::uint32_t a = below(routers);
            const std::uint32_t b = below(routers);
            if (a != b) {
                connect(a, b);
            }
        }
        for (std::uint32_t i = 0; i < routers; ++i) {
            store(i);
        }
    }

    // Of one link at one end (as LSPs do), or of whether a router may be crossed.
    GraphChange change() {
        const auto routers = static_cast<std::uint32_t>(flags_.size());
        if (below(8) == 0) {
            const std::uint32_t router = below(routers);
            turn(router);
            return store(router);
        }
        Wire& wire = wires_[below(static_cast<std::uint32_t>(wires_.size()))];
        if (below(8) == 0) {  // both at once, as after a start
            turn(wire.a);
        }
        if (below(2) == 0) {
            wire.up = !wire.up;
        } else {
            wire.cost = 1 + below(6);
        }
        return store(wire.a);
    }

    [[nodiscard]] const Lsdb& lsdb() const { return lsdb_; }

    [[nodiscard]] static RouterId id(std::uint32_t router) {
        return router_id("r" + std::to_string(router));
    }

  private:
    struct Wire {
        std::uint32_t a = 0;
        std::uint32_t b = 0;
        Cost cost = 1;
        bool up = true;
    };

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

    // Few at a time may not be crossed.
    void turn(std::uint32_t router) {
        if (flags_[router] != 0 || std::ranges::count(flags_, 0U) + 4 > std::ssize(flags_)) {
            flags_[router] ^= lsp_flag::kNoTransit;
        }
    }

    void connect(std::uint32_t a, std::uint32_t b) { wires_.push_back({a, b, 1 + below(6)}); }

    GraphChange store(std::uint32_t router) {
        Lsp lsp = {.rid = id(router),
                   .incarnation = 1,
                   .seq = ++sequence_[router],
                   .life = 1,
                   .name = "r" + std::to_string(router),
                   .area = "0",
                   .flags = flags_[router]};
        for (std::uint32_t w = 0; w < wires_.size(); ++w) {
            const Wire& wire = wires_[w];
            if (wire.a == router && wire.up) {
                lsp.links.push_back({id(wire.b), wire.cost, w + 1, w + 1});
            } else if (wire.b == router) {
                lsp.links.push_back({id(wire.a), 1, w + 1, w + 1});
            }
        }
        std::sort(lsp.links.begin(), lsp.links.end(), [](const LspLink& x, const LspLink& y) {
            return std::pair(x.peer, x.link_id) < std::pair(y.peer, y.link_id);
        });
        std::string body = encode_lsp(lsp);
        const std::uint64_t hash = hash_bytes(body);
        return lsdb_.store(1, std::move(lsp), std::move(body), hash, 3600 * kSecond).graph;
    }

    std::mt19937_64 random_;
    std::vector<Wire> wires_;
    std::vector<std::uint32_t> flags_;
    std::vector<std::uint64_t> sequence_;
    Lsdb lsdb_;
};

struct Judged {
    int avoided = 0;   // and rightly so
    int chosen = 0;    // only choices were made again
    int wrong = 0;     // not as if computed anew
    int together = 0;  // of several changes at once
    int needless = 0;  // run for a single change, though it changed nothing
    int runs = 0;
};

using Told = std::map<RouterId, std::pair<std::uint32_t, std::vector<AdjacencyId>>>;

Told all_routes(const Routes& routes) {
    Told all;
    routes.for_each([&](RouterId router, const Routes::Route& route) {
        all[router] = {route.cost, {route.next_hops.begin(), route.next_hops.end()}};
    });
    return all;
}

void add_up(Told& told, const Effects& effects) {
    for (const RouteChange& change : effects.routes) {
        if (change.next_hops.empty()) {
            told.erase(change.router);
        } else {
            told[change.router] = {change.cost, change.next_hops};
        }
    }
}

Judged judge(std::uint64_t seed, std::uint32_t max_paths) {
    Judged judged;
    Database database(24, 20, seed);
    Routes routes(max_paths);
    Told told;
    Effects effects;
    routes.run(database.lsdb(), Database::id(0), effects);
    add_up(told, effects);
    for (int i = 0; i < 300; ++i) {
        // Up to three changes in one step.
        Routes::Relevance relevance;
        int changes = 0;
        for (int more = i % 3; more >= 0 && !relevance.run; --more) {
            const GraphChange change = database.change();
            if (change.any()) {
                ++changes;
                relevance = routes.relevance(change);
            }
        }
        if (changes == 0) {
            continue;
        }
        effects.clear();
        if (relevance.run) {
            routes.run(database.lsdb(), Database::id(0), effects);
            judged.runs += changes == 1 ? 1 : 0;
            judged.needless += changes == 1 && effects.routes.empty() ? 1 : 0;
        } else {
            routes.update_topology(database.lsdb(), Database::id(0), relevance.from, effects);
            ++(effects.routes.empty() ? judged.avoided : judged.chosen);
            judged.together += changes > 1 ? 1 : 0;
        }
        add_up(told, effects);
        Routes anew(max_paths);
        effects.clear();
        anew.run(database.lsdb(), Database::id(0), effects);
        judged.wrong += all_routes(routes) != all_routes(anew) || told != all_routes(anew) ? 1 : 0;
    }
    return judged;
}

TEST(Routes, AvoidNothingThatMatters) {
    Judged sum;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        for (const std::uint32_t max_paths : {1U, 4U}) {
            const Judged one = judge(seed, max_paths);
            EXPECT_EQ(one.wrong, 0) << "seed " << seed << ", paths " << max_paths;
            sum.avoided += one.avoided;
            sum.chosen += one.chosen;
            sum.together += one.together;
            sum.needless += one.needless;
            sum.runs += one.runs;
        }
    }
    EXPECT_GT(sum.avoided, 1000);
    EXPECT_GT(sum.chosen, 100);
    EXPECT_GT(sum.together, 100);
    // Own links, and routers that stop or begin to be crossed, get the benefit of the doubt.
    EXPECT_LT(sum.needless, sum.runs / 5) << sum.needless << " of " << sum.runs;
}

// Told are differences only: whoever adds them up has the routes.
TEST(Routes, DifferencesAddUp) {
    Database database(16, 10, 7);
    Routes routes(2);
    std::map<RouterId, std::pair<std::uint32_t, std::vector<AdjacencyId>>> told;
    for (int i = 0; i < 200; ++i) {
        Effects effects;
        routes.run(database.lsdb(), Database::id(0), effects);
        std::set<RouterId> once;
        for (const RouteChange& change : effects.routes) {
            EXPECT_TRUE(once.insert(change.router).second);
            if (change.next_hops.empty()) {
                EXPECT_EQ(told.erase(change.router), 1U) << "withdrawn, but never told";
            } else {
                told[change.router] = {change.cost, change.next_hops};
            }
        }
        std::size_t known = 0;
        routes.for_each([&](RouterId router, const Routes::Route& route) {
            ++known;
            ASSERT_TRUE(told.contains(router));
            EXPECT_EQ(told[router].first, route.cost);
            EXPECT_TRUE(std::ranges::equal(told[router].second, route.next_hops));
            EXPECT_EQ(routes.find(router)->cost, route.cost);
        });
        EXPECT_EQ(known, told.size());
        database.change();
    }
}

}  // namespace
}  // namespace amqmesh::routing
