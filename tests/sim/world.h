// A deterministic world of routers: the real routing::Node in each, everything around it simulated.
//
// Model:  one heap of events ordered by (time, number). A cable joins two routers; over it runs at
//         most one connection at a time, FIFO and reliable like TCP, with delay, bandwidth and
//         credit. Faults act on cables and routers; every choice comes from one seed.
// Driver: each router has the driver that the daemon has: timers by next_deadline(), heartbeats,
//         settlement, credit, connectors that retry; and it keeps what the effects told it (routes,
//         addresses, topology), which is what the oracle judges.
#pragma once

#include "routing/node.h"
#include "routing/topology_history.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/graph.h"
#include "tests/sim/random.h"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::sim {

using routing::AdjacencyId;
using routing::Cost;
using routing::RouterId;
using routing::Time;

struct Options {
    std::uint32_t heartbeat_ms = 300;
    std::uint32_t detect_mult = 3;
    std::uint32_t max_paths = 1;
    std::uint32_t credit = 64;
    std::uint64_t bytes_per_second = 100'000'000;
    Time jitter_mean = 0;         ///< exponential extra delay per message
    double bit_flip_chance = 0;   ///< per message
    double replay_chance = 0;     ///< per message: an older one of the same connection again
    double heartbeat_jitter = 0;  ///< each interval is so much longer or shorter at most, in parts
    routing::Limits limits;
};

/// What a router's driver has been told, as the daemon would hold it.
struct Mirror {
    struct Address {
        routing::Treatment treatment = routing::Treatment::kBalanced;
        std::uint32_t weight = 1;

        bool operator==(const Address&) const = default;
    };

    std::map<RouterId, std::pair<Cost, std::vector<AdjacencyId>>> routes;
    std::map<std::pair<RouterId, std::string>, Address> addresses;
    std::shared_ptr<const routing::Topology> topology;
    routing::TopologyHistory topologies;  ///< that one and those before it
    Time topology_changed_at = 0;
};

enum class Kind : std::uint8_t {
    kTick,
    kConnect,
    kLinkUp,
    kFrame,
    kSettled,
    kAlive,
    kHeartbeat,
    kLinkDown,
    kRelease,
    kResume,
    kWork,
    kProbe,
    kJudge
};

/// Something that will happen.
struct Item {
    Time at = 0;
    std::uint64_t number = 0;
    Kind kind = Kind::kTick;
    std::uint8_t end = 0;    ///< the receiving end of the cable
    std::size_t target = 0;  ///< router (tick, resume) or cable
    std::uint64_t generation = 0;
    std::uint64_t token = 0;
    std::string bytes = {};
};

struct Router {
    std::string name;
    RouterId id = 0;
    std::unique_ptr<routing::Node> node;  ///< null while crashed
    std::uint64_t life = 0;      ///< counts starts; stale events of earlier ones are dropped
    std::uint64_t clock_ms = 0;  ///< wall clock at the next start
    AdjacencyId last_link = 0;
    std::map<AdjacencyId, std::pair<std::size_t, std::size_t>> cables;  ///< live: cable, end
    bool paused = false;
    Time paused_at = 0;
    Time paused_until = 0;
    std::deque<Item> inbox;  ///< arrived while paused
    Time event_time = 0;     ///< what the router's processor takes for whatever arrives
    std::deque<Item> work;   ///< arrived while it was busy
    Time tick_at = 0;        ///< when the next Tick is scheduled; 0: none
    bool draining = false;
    bool stopped = false;
    std::map<std::string, Mirror::Address> local;  ///< what this router announces
    Mirror mirror;
    std::uint64_t duplicate_id_notes = 0;
    Time disturbed_at = 0;  ///< last start, crash, stop or pause
    std::string* recording = nullptr;
};

/// One direction of a connection.
struct Pipe {
    Time busy_until = 0;     ///< the sender's end, for bandwidth
    Time last_arrival = 0;   ///< nothing overtakes
    Time cut_at = ~Time{0};  ///< what arrives later is lost
    bool stalled = false;
    std::deque<Item> held = {};           ///< arrived while stalled
    std::deque<std::string> recent = {};  ///< for replays
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
};

struct Cable {
    std::array<std::size_t, 2> end = {0, 0};
    std::array<Cost, 2> cost = {1, 1};
    Time delay = routing::kMillisecond;
    bool up = true;  ///< may be connected
    bool connected = false;
    std::uint64_t generation = 0;  ///< of the connection
    std::array<AdjacencyId, 2> link = {0, 0};
    std::array<std::uint32_t, 2> unsettled = {0, 0};
    std::array<Pipe, 2> pipe;  ///< [i]: from end[i]
    std::array<Time, 2> reader_delay = {0, 0};
    Time retry_interval = 0;
    bool connect_scheduled = false;
    std::uint64_t total_bytes = 0;
    Time disturbed_at = 0;  ///< last time it was connected, lost or stalled
};

/// A multicast delivery under way (tests/sim/probe.cpp).
struct Probe {
    std::size_t origin = 0;
    Time sent_at = 0;
    std::shared_ptr<const routing::Topology> topology;  ///< of the origin, when it sent
    std::vector<std::uint64_t> lives;        ///< per router: the life that took it; 0: none
    std::vector<std::uint64_t> versions;     ///< per router: its graph's when it was sent
    std::vector<std::uint64_t> generations;  ///< per cable, likewise
    std::vector<bool> usable;   ///< per router of the graph: both ends know the hop to it
    std::uint64_t dropped = 0;  ///< second copies
    bool agreed = true;         ///< all had the origin's graph when it was sent
    bool ambiguous = false;     ///< somebody knew another graph by the same label
};

struct Totals {
    std::uint64_t events = 0;
    std::uint64_t frames = 0;
    std::uint64_t frame_bytes = 0;
    std::uint64_t closes = 0;
    std::uint64_t flips = 0;
    std::uint64_t replays = 0;
    std::uint64_t forged = 0;
    std::uint64_t busy = 0;  ///< arrivals that a slow processor kept waiting
    std::uint64_t probes = 0;
    std::uint64_t probes_judged = 0;      ///< routers that had to get one
    std::uint64_t probes_remembered = 0;  ///< taken by a router that had left the origin's graph
    std::uint64_t probes_unknown = 0;     ///< by one that did not know it
};

void add(routing::Marks& sum, const routing::Marks& marks);

class World {
  public:
    World(Options options, std::uint64_t seed);
    World(const Graph& graph, const Options& options, std::uint64_t seed);

    std::size_t add_router(std::string name);
    std::size_t add_cable(std::size_t a, std::size_t b, Cost cost, Time delay);

    // Time.
    [[nodiscard]] Time now() const { return now_; }

    void run_until(Time time);

    void run_for(Time time) { run_until(now_ + time); }

    /// Runs until `done` holds after some event, or the time has passed. True: it held.
    template <typename Done>
    bool run_until_true(Time limit, Done done);

    // Routers.
    void start(std::size_t router);
    void start_all();
    void crash(std::size_t router, bool silent);
    void stop(std::size_t router);
    void pause(std::size_t router, Time time);
    void drain(std::size_t router, bool on);
    void set_address(std::size_t router,
                     const std::string& key,
                     std::optional<Mirror::Address> address);

    /// Keeps the router's next life, from its start on, in `recording` (not owned).
    void record(std::size_t router, std::string& recording);

    /// Called after each change of a route, when it is in the router's mirror.
    using OnRoute = std::function<void(std::size_t router, const routing::RouteChange& change)>;

    void on_route(OnRoute on_route) { on_route_ = std::move(on_route); }

    /// A multicast delivery to all routers, from this one.
    void send_probe(std::size_t origin);

    /// Why a multicast delivery did not do what it must; empty: all did.
    [[nodiscard]] const std::string& probe_failure() const { return probe_failure_; }

    // Cables.
    void reset(std::size_t cable);
    void set_up(std::size_t cable, bool up);
    void stall(std::size_t cable, std::size_t from_end, bool on);
    void set_cost(std::size_t cable, std::size_t end, Cost cost);
    void set_reader_delay(std::size_t cable, std::size_t end, Time delay);
    /// Sends this in the name of one end, if it is connected.
    void forge(std::size_t cable, std::size_t from_end, std::string bytes);
    /// Everything back to normal: no stalls, no slow readers, cables up, crashed routers started.
    void heal();

    [[nodiscard]] std::vector<Router>& routers() { return routers_; }

    [[nodiscard]] const std::vector<Router>& routers() const { return routers_; }

    [[nodiscard]] const std::vector<Cable>& cables() const { return cables_; }

    [[nodiscard]] Random& random() { return random_; }

    [[nodiscard]] const Totals& totals() const { return totals_; }

    [[nodiscard]] Options& options() { return options_; }

    [[nodiscard]] std::uint64_t digest() const;

    /// When any router's mirror changed last.
    [[nodiscard]] Time last_route_change() const { return last_route_change_; }

    /// Codes of all notes seen, for tests that a thing was reported.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& notes() const { return notes_; }

    /// How often all routers in all their lives took their rare branches.
    [[nodiscard]] routing::Marks marks() const;

    /// Asserts every node's invariants after each event, instead of each 256th (or rarer, in
    /// big worlds).
    void check_always(bool on) { check_mask_ = on ? 0 : 255; }

  private:
    void push(Item item);
    void step();
    void dispatch(Item& item);
    void deliver(Item& item);
    void deliver_now(Item& item, std::size_t router);
    void link_up(const Item& item, std::size_t router);
    void on_tick(const Item& item);
    void release(std::size_t cable, std::size_t end);
    void resume(std::size_t router);
    void work(const Item& item);
    void on_connect(std::size_t cable);
    void on_heartbeat(const Item& item);
    void schedule_connect(std::size_t cable, Time delay);
    void disconnect(std::size_t cable, std::size_t closing_end, bool silent);
    void handle(std::size_t router, const routing::Event& event);
    void carry_out(std::size_t router);
    void send(std::size_t cable, std::size_t from_end, routing::Send& message);
    void transmit(std::size_t cable, std::size_t from_end, Item item, std::size_t bytes);
    void close(std::size_t router, const routing::LinkClose& close);
    void schedule_tick(std::size_t router);
    void take_probe(std::size_t router, std::uint64_t number, AdjacencyId arrival);
    void judge_probe(std::uint64_t number);
    [[nodiscard]] std::vector<std::size_t> places(const routing::Topology& graph) const;
    [[nodiscard]] bool neighbours(std::size_t a, std::size_t b) const;
    [[nodiscard]] bool undisturbed(const Probe& probe, std::size_t a, std::size_t b) const;

    [[nodiscard]] std::size_t other(std::size_t end) const { return 1 - end; }

    Options options_;
    Random random_;
    Time now_ = 0;
    std::uint64_t last_number_ = 0;
    EventQueue<Item> queue_;
    std::vector<Router> routers_;
    std::vector<Cable> cables_;
    routing::Effects effects_;
    Totals totals_;
    std::map<std::string, std::uint64_t> notes_;
    routing::Marks past_marks_ = {};  ///< of lives that are over
    Time last_route_change_ = 0;
    std::uint64_t check_mask_ = 255;
    std::map<std::uint64_t, Probe> probes_;
    std::uint64_t last_probe_ = 0;
    std::string probe_failure_;
    OnRoute on_route_;
};

template <typename Done>
bool World::run_until_true(Time limit, Done done) {
    const Time end = now_ + limit;
    while (!done()) {
        if (queue_.empty() || queue_.next_at() > end) {
            now_ = end;
            return done();
        }
        step();
    }
    return true;
}

}  // namespace amqmesh::sim
