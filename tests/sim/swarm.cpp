#include "tests/sim/swarm.h"

#include "tests/sim/check.h"
#include "tests/sim/forge.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <utility>

namespace amqmesh::sim {

namespace {

using routing::kMillisecond;
using routing::kSecond;

enum class Fault : std::uint8_t {
    kReset,
    kCut,
    kRepair,
    kStallOneWay,
    kStallBoth,
    kUnstall,
    kSlowReader,
    kCrash,
    kCrashSilently,
    kRestart,
    kRestartInThePast,
    kPause,
    kCost,
    kDrain,
    kAddresses,
    kAddressStorm,
    kPartition,
    kCount
};

constexpr Time kLongestLife = 3600 * kSecond;
constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::kCount);

constexpr std::array<const char*, kFaults> kFaultNames = {"reset",
                                                          "cut",
                                                          "repair",
                                                          "stall one way",
                                                          "stall",
                                                          "unstall",
                                                          "slow reader",
                                                          "crash",
                                                          "crash silently",
                                                          "restart",
                                                          "restart in the past",
                                                          "pause",
                                                          "cost",
                                                          "drain",
                                                          "addresses",
                                                          "address storm",
                                                          "partition"};

class Swarm {
  public:
    Swarm(std::uint64_t seed, const SwarmOptions& options)
        : options_(options),
          random_(seed),
          more_random_(~seed),
          forging_(options.more && options.corruption && more_random_.chance(0.1)),
          world_(make_world()) {
        for (Router& router : world_.routers()) {
            if (slow_routers_ && more_random_.chance(0.5)) {
                router.event_time = more_random_.between(1, 500);
            }
        }
        world_.start_all();
        // Swarm testing: each run leaves out some kinds of faults, so that others get room.
        for (std::uint64_t& weight : weights_) {
            weight = random_.chance(0.4) ? 0 : random_.between(1, 10);
        }
        pause_between_ = random_.between(options_.pause_max / 40, options_.pause_max);
    }

    SwarmResult run() {
        result_.routers = world_.routers().size();
        result_.cables = world_.cables().size();
        result_.corrupted = corrupting() || forging_;
        const Time end = world_.now() + options_.faults_for;
        while (world_.now() < end) {
            world_.run_for(random_.exponential(pause_between_) + 1);
            inject();
            if (forging_ && more_random_.chance(0.2)) {
                forge();
            }
            see_that_nothing_goes_back();
            // Multicast deliveries in the middle of it, from the moment of the fault on.
            for (std::uint64_t i = random_.below(3); i > 0; --i) {
                world_.send_probe(random_.below(world_.routers().size()));
                world_.run_for(random_.below(3) * kMillisecond);
            }
        }
        heal();
        judge();
        collect();
        return result_;
    }

  private:
    World make_world() {
        Options options;
        options.heartbeat_ms = random_.chance(0.5) ? 300 : 100;
        options.max_paths = random_.chance(0.5) ? 1 : 4;
        options.credit = static_cast<std::uint32_t>(random_.between(1, 64));
        options.bytes_per_second =
            random_.chance(0.3) ? random_.between(200'000, 2'000'000) : 100'000'000;
        options.jitter_mean = random_.chance(0.5) ? 0 : random_.between(10, 2000);
        if (options_.corruption && random_.chance(0.25)) {
            options.bit_flip_chance = random_.chance(0.5) ? 0.0 : random_.unit() * 0.02;
            options.replay_chance = random_.chance(0.3) ? 0.0 : random_.unit() * 0.05;
        }
        if (options_.more) {
            options.heartbeat_jitter = more_random_.chance(0.5) ? 0.1 : 0;
            slow_routers_ = more_random_.chance(0.3);
        }
        if (options_.graph != nullptr) {
            return World(*options_.graph, options, random_.next());
        }
        const std::size_t n = random_.between(options_.routers_min, options_.routers_max);
        const Graph graph = random_graph(n, random_.below(2 * n), random_.next());
        return World(graph, options, random_.next());
    }

    [[nodiscard]] bool corrupting() {
        return world_.options().bit_flip_chance > 0 || world_.options().replay_chance > 0;
    }

    void inject() {
        std::uint64_t total = 0;
        for (const std::uint64_t weight : weights_) {
            total += weight;
        }
        if (total == 0) {
            return;
        }
        std::uint64_t choice = random_.below(total);
        std::size_t fault = 0;
        while (choice >= weights_[fault]) {
            choice -= weights_[fault++];
        }
        ++result_.faults;
        const std::size_t router = random_.below(world_.routers().size());
        const std::size_t cable = random_.below(world_.cables().size());
        if (options_.trace) {
            std::printf("%10.3f ms %-20s router %s cable %zu (%s-%s)\n",
                        static_cast<double>(world_.now()) / 1000.0,
                        kFaultNames[fault],
                        world_.routers()[router].name.c_str(),
                        cable,
                        world_.routers()[world_.cables()[cable].end[0]].name.c_str(),
                        world_.routers()[world_.cables()[cable].end[1]].name.c_str());
        }
        act(static_cast<Fault>(fault), router, cable);
    }

    void forge() {
        const std::size_t cable = more_random_.below(world_.cables().size());
        const std::size_t liar = more_random_.below(2);
        const std::size_t receiver = world_.cables()[cable].end[1 - liar];
        world_.forge(cable, liar, forged_link_state(world_, receiver, more_random_));
    }

    void act(Fault fault, std::size_t router, std::size_t cable) {
        switch (fault) {
            case Fault::kReset:
                world_.reset(cable);
                break;
            case Fault::kCut:
                world_.set_up(cable, false);
                break;
            case Fault::kRepair:
                world_.set_up(cable, true);
                break;
            case Fault::kStallOneWay:
                world_.stall(cable, random_.below(2), true);
                break;
            case Fault::kStallBoth:
                world_.stall(cable, 0, true);
                world_.stall(cable, 1, true);
                break;
            case Fault::kUnstall:
                world_.stall(cable, 0, false);
                world_.stall(cable, 1, false);
                break;
            case Fault::kSlowReader:
                world_.set_reader_delay(cable, random_.below(2), random_.below(500) * kMillisecond);
                break;
            case Fault::kCrash:
            case Fault::kCrashSilently:
                world_.crash(router, fault == Fault::kCrashSilently);
                break;
            case Fault::kRestart:
                world_.start(router);
                break;
            case Fault::kRestartInThePast:
                world_.crash(router, random_.chance(0.5));
                world_.routers()[router].clock_ms = 1 + random_.below(1'000'000);
                world_.start(router);
                break;
            case Fault::kPause:
                world_.pause(router, random_.below(3000) * kMillisecond);
                break;
            default:
                operate(fault, router, cable);
        }
    }

    void operate(Fault fault, std::size_t router, std::size_t cable) {
        switch (fault) {
            case Fault::kCost:
                world_.set_cost(cable, random_.below(2), static_cast<Cost>(random_.between(1, 20)));
                break;
            case Fault::kDrain:
                world_.drain(router, random_.chance(0.5));
                break;
            case Fault::kAddresses:
                change_address(router);
                break;
            case Fault::kAddressStorm:
                for (std::uint64_t i = random_.between(10, options_.storm_max); i > 0; --i) {
                    change_address(router);
                }
                break;
            case Fault::kPartition:
                partition();
                break;
            default:
                break;
        }
    }

    void change_address(std::size_t router) {
        const std::string key = "address." + std::to_string(random_.below(3000));
        if (random_.chance(0.6)) {
            world_.set_address(router,
                               key,
                               Mirror::Address{static_cast<routing::Treatment>(random_.below(3)),
                                               static_cast<std::uint32_t>(random_.below(3))});
        } else {
            world_.set_address(router, key, std::nullopt);
        }
    }

    // Cuts, or stalls, all cables between two random halves; or mends all.
    void partition() {
        if (random_.chance(0.4)) {
            for (std::size_t c = 0; c < world_.cables().size(); ++c) {
                world_.set_up(c, true);
                world_.stall(c, 0, false);
                world_.stall(c, 1, false);
            }
            return;
        }
        const bool silent = random_.chance(0.5);
        std::vector<bool> side(world_.routers().size());
        for (std::size_t i = 0; i < side.size(); ++i) {
            side[i] = random_.chance(0.5);
        }
        for (std::size_t c = 0; c < world_.cables().size(); ++c) {
            const Cable& cable = world_.cables()[c];
            if (side[cable.end[0]] == side[cable.end[1]]) {
                continue;
            }
            if (silent) {
                world_.stall(c, 0, true);
                world_.stall(c, 1, true);
            } else {
                world_.set_up(c, false);
            }
        }
    }

    void heal() {
        if (!result_.failure.empty()) {
            return;
        }
        const Time healed_at = world_.now();
        world_.heal();
        if (result_.corrupted) {
            // The last corrupt messages are still under way, and may cost a link yet.
            world_.run_for(8 * kSecond);
        }
        // The longest pauses that the protocol itself asks for: damping, and refused neighbours
        // (only corruption gets anyone refused).
        Time limit = 20 * kSecond + (result_.corrupted ? 130 * kSecond : Time{0});
        for (std::size_t i = 0; world_.now() < healed_at + limit; ++i) {
            world_.run_for(i < 20 ? 50 * kMillisecond : 500 * kMillisecond);
            if (i % 8 == 0) {
                see_that_nothing_goes_back();
                if (!result_.failure.empty()) {
                    return;
                }
            }
            if (i % 8 == 7) {
                limit = std::max(limit, held_for(healed_at) + 10 * kSecond);
            }
            if (connected(world_) && difference(world_).empty()) {
                result_.healed_in = world_.now() - healed_at;
                return;
            }
        }
        result_.failure = connected(world_) ? difference(world_) : "a cable is not connected";
    }

    // In one life of a router, no record of another's goes back, buried or purged as it may be
    // meanwhile.
    void see_that_nothing_goes_back() {
        newest_.resize(world_.routers().size());
        for (std::size_t i = 0; i < newest_.size(); ++i) {
            const Router& router = world_.routers()[i];
            if (!router.node) {
                continue;
            }
            Newest& newest = newest_[i];
            if (std::exchange(newest.life, router.life) != router.life) {
                newest.of.clear();
            }
            for (const auto& record : router.node->view(world_.now()).routers) {
                const std::pair number = {record.incarnation, record.sequence};
                auto& before = newest.of[record.router];
                if (number < before && result_.failure.empty()) {
                    result_.failure =
                        router.name + " went back to an older record of " + record.name;
                }
                before = std::max(before, number);
            }
        }
    }

    [[nodiscard]] Time held_for(Time since) const {
        Time longest = 0;
        for (const Router& router : world_.routers()) {
            if (!router.node) {
                continue;
            }
            for (const routing::AdjacencyView& adjacency :
                 router.node->view(world_.now()).adjacencies) {
                if (adjacency.held_until > since) {
                    longest = std::max(longest, adjacency.held_until - since);
                }
            }
        }
        return longest;
    }

    void judge() {
        if (!result_.failure.empty()) {
            return;
        }
        result_.failure = multicast_difference(world_);
        // A lie about a router cuts it off until its owner has heard of it.
        if (result_.failure.empty() && !forging_) {
            result_.failure = world_.probe_failure();
        }
        // A damped parallel link may still come in; then nothing may happen any more.
        do {
            world_.run_for(held_for(world_.now()) + kSecond);
        } while (!all_full() && world_.now() < kLongestLife);
        const std::uint64_t before = originations();
        world_.run_for(options_.quiet_for);
        if (result_.failure.empty()) {
            result_.failure = difference(world_);
        }
        if (result_.failure.empty() && originations() != before) {
            result_.failure = "not quiet after the truth was known";
        }
    }

    [[nodiscard]] bool all_full() const {
        return std::ranges::all_of(world_.routers(), [&](const Router& router) {
            return !router.node ||
                   std::ranges::all_of(router.node->view(world_.now()).adjacencies,
                                       [](const routing::AdjacencyView& adjacency) {
                                           return adjacency.state == routing::AdjacencyState::kFull;
                                       });
        });
    }

    [[nodiscard]] std::uint64_t originations() const {
        std::uint64_t sum = 0;
        for (const Router& router : world_.routers()) {
            sum += router.node ? router.node->summary().counters.originations : 0;
        }
        return sum;
    }

    void collect() {
        std::uint64_t malformed = 0;
        for (const Router& router : world_.routers()) {
            if (router.node) {
                const routing::NodeCounters counters = router.node->summary().counters;
                result_.spf_runs += counters.spf_runs;
                result_.spf_avoided += counters.spf_avoided;
                result_.repairs += counters.antientropy_repairs;
                malformed += counters.malformed + counters.over_limit;
            }
        }
        if (result_.failure.empty() && !result_.corrupted) {
            if (result_.repairs > 0 || world_.notes().contains("DATABASE_DIFFERS")) {
                result_.failure = "anti-entropy had to repair something";
            } else if (malformed > 0) {
                result_.failure = "own messages were found malformed";
            } else if (world_.notes().contains("DUPLICATE_ROUTER_ID")) {
                result_.failure = "a duplicate router id was seen where there is none";
            }
        }
        result_.digest = world_.digest();
        result_.events = world_.totals().events;
        result_.totals = world_.totals();
        result_.marks = world_.marks();
    }

    struct Newest {
        std::uint64_t life = 0;
        std::map<RouterId, std::pair<std::uint64_t, std::uint64_t>> of;
    };

    SwarmOptions options_;
    Random random_;
    Random more_random_;
    bool forging_;
    bool slow_routers_ = false;
    World world_;
    std::vector<Newest> newest_;  ///< by router
    std::array<std::uint64_t, kFaults> weights_{};
    Time pause_between_ = 0;
    SwarmResult result_;
};

}  // namespace

SwarmResult run_swarm(std::uint64_t seed, const SwarmOptions& options) {
    return Swarm(seed, options).run();
}

}  // namespace amqmesh::sim
