// Multicast deliveries in the simulated world: forwarded by each router as link/choose.cpp does it,
// and judged by what ROUTING 1.7 promises.
//
// Judged half a second after it was sent. Let T be the origin's tree when it sent, and a hop of T
// undisturbed when both its routers had it in their graphs at that time, and nothing happened to
// them and its cables since. Then
//   - a router all of whose hops from the origin are undisturbed got it, whatever the others knew;
//   - if all routers had the origin's graph all the time, nobody had to drop a second copy.
// That nobody takes it twice is the window's doing, which here is a flag per router and life.
#include "routing/assert.h"
#include "routing/topology_history.h"
#include "tests/sim/world.h"

#include <algorithm>

namespace amqmesh::sim {

namespace {

constexpr Time kJudgedAfter = 500 * routing::kMillisecond;
constexpr std::size_t kProbeBytes = 200;
constexpr std::size_t kProbesMax = 256;

}  // namespace

void World::send_probe(std::size_t origin) {
    const Router& router = routers_[origin];
    if (!router.node || router.paused || router.stopped || !router.mirror.topology ||
        probes_.size() >= kProbesMax) {
        return;
    }
    const std::uint64_t number = ++last_probe_;
    Probe& probe = probes_[number];
    probe.origin = origin;
    probe.sent_at = now_;
    probe.topology = router.mirror.topology;
    probe.lives.assign(routers_.size(), 0);
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        const auto& topology = routers_[i].mirror.topology;
        probe.versions.push_back(topology ? topology->version : 0);
        probe.agreed = probe.agreed &&
                       (!topology || topology->index_of(router.id) == routing::Topology::npos ||
                        topology->digest == probe.topology->digest);
    }
    for (const Cable& cable : cables_) {
        probe.generations.push_back(cable.generation);
    }
    const std::vector<std::size_t> place = places(*probe.topology);
    const auto parents = routing::compute_tree_parents(*probe.topology, router.id);
    for (std::size_t i = 0; i < parents.size(); ++i) {
        probe.usable.push_back(parents[i] != routing::Topology::npos &&
                               neighbours(place[i], place[parents[i]]));
    }
    push({.at = now_ + kJudgedAfter, .kind = Kind::kJudge, .token = number});
    take_probe(origin, number, 0);
}

// `arrival`: the link it came from; 0 at the origin.
void World::take_probe(std::size_t index, std::uint64_t number, AdjacencyId arrival) {
    const auto found = probes_.find(number);
    const Router& router = routers_[index];
    if (found == probes_.end() || !router.mirror.topology) {
        return;
    }
    Probe& probe = found->second;
    if (probe.lives[index] == router.life) {
        ++probe.dropped;
        return;
    }
    probe.lives[index] = router.life;
    const RouterId origin = routers_[probe.origin].id;
    const std::uint16_t label = routing::label_digest(*probe.topology);
    const routing::Topology& current = *router.mirror.topology;
    std::set<AdjacencyId> to;
    const routing::MulticastTree own = routing::compute_multicast_tree(current, origin);
    to.insert(own.children.begin(), own.children.end());
    if (label != routing::label_digest(current)) {
        const routing::Topology* theirs = router.mirror.topologies.find(label);
        ++(theirs != nullptr ? totals_.probes_remembered : totals_.probes_unknown);
        if (theirs != nullptr) {
            probe.ambiguous = probe.ambiguous || theirs->digest != probe.topology->digest;
            for (const auto child : routing::compute_multicast_tree(*theirs, origin).routers) {
                const auto link = current.adjacency_to(current.index_of(theirs->ids[child]));
                to.insert(link.value_or(0));
            }
        } else {
            for (auto e = current.first[current.self];
                 e < current.first[current.self + std::size_t{1}];
                 ++e) {
                to.insert(current.edges[e].adjacency);
            }
        }
    } else {
        probe.ambiguous = probe.ambiguous || current.digest != probe.topology->digest;
    }
    for (const AdjacencyId link : to) {
        const auto cable = router.cables.find(link);
        if (link == arrival || cable == router.cables.end()) {
            continue;
        }
        const auto [wire, end] = cable->second;
        if (cables_[wire].link[end] == link) {
            transmit(wire, end, {.kind = Kind::kProbe, .token = number}, kProbeBytes);
        }
    }
}

// Which router each index of a graph is.
std::vector<std::size_t> World::places(const routing::Topology& graph) const {
    std::vector<std::size_t> place(graph.ids.size(), routers_.size());
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        const auto index = graph.index_of(routers_[i].id);
        if (index != routing::Topology::npos) {
            place[index] = i;
        }
    }
    return place;
}

// Whether both have a link to each other in their graphs.
bool World::neighbours(std::size_t a, std::size_t b) const {
    if (a >= routers_.size() || b >= routers_.size()) {
        return false;
    }
    const auto knows = [&](std::size_t from, std::size_t to) {
        const auto& topology = routers_[from].mirror.topology;
        return topology && topology->adjacency_to(topology->index_of(routers_[to].id));
    };
    return knows(a, b) && knows(b, a);
}

bool World::undisturbed(const Probe& probe, std::size_t a, std::size_t b) const {
    const auto quiet = [&](std::size_t index) {
        const Router& router = routers_[index];
        return router.node && !router.stopped && !router.paused &&
               router.disturbed_at < probe.sent_at;
    };
    if (!quiet(a) || !quiet(b) || !neighbours(a, b)) {
        return false;
    }
    bool any = false;
    for (std::size_t c = 0; c < cables_.size(); ++c) {
        const Cable& cable = cables_[c];
        if ((cable.end[0] == a && cable.end[1] == b) || (cable.end[0] == b && cable.end[1] == a)) {
            any = true;
            if (!cable.connected || cable.link[0] == 0 || cable.link[1] == 0 ||
                cable.disturbed_at >= probe.sent_at || cable.generation != probe.generations[c] ||
                cable.reader_delay[0] > 0 || cable.reader_delay[1] > 0 || cable.pipe[0].stalled ||
                cable.pipe[1].stalled) {
                return false;
            }
        }
    }
    return any;
}

void World::judge_probe(std::uint64_t number) {
    const auto found = probes_.find(number);
    AMQMESH_ASSERT(found != probes_.end());
    const Probe probe = std::move(found->second);
    probes_.erase(found);
    ++totals_.probes;
    if (probe.ambiguous || options_.bytes_per_second < 10'000'000) {
        return;  // two graphs of one label; or too slow to be over by now
    }
    const routing::Topology& graph = *probe.topology;
    const std::vector<std::size_t> place = places(graph);
    const std::vector<std::uint32_t> parents =
        routing::compute_tree_parents(graph, routers_[probe.origin].id);
    bool all_undisturbed = probe.agreed;
    for (std::size_t i = 0; i < parents.size(); ++i) {
        bool safe = parents[i] != routing::Topology::npos;
        for (std::size_t at = i; safe && parents[at] != routing::Topology::npos; at = parents[at]) {
            safe = probe.usable[at] && undisturbed(probe, place[at], place[parents[at]]);
        }
        if (parents[i] == routing::Topology::npos) {
            continue;
        }
        all_undisturbed = all_undisturbed && safe;
        totals_.probes_judged += safe ? 1U : 0U;
        if (safe && probe.lives[place[i]] != routers_[place[i]].life && probe_failure_.empty()) {
            probe_failure_ = "t=" + std::to_string(now_) + "us: multicast " +
                             std::to_string(number) + " of " + routers_[probe.origin].name +
                             " did not reach " + routers_[place[i]].name;
        }
    }
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        const auto& topology = routers_[i].mirror.topology;
        all_undisturbed =
            all_undisturbed && probe.versions[i] == (topology ? topology->version : 0);
    }
    if (all_undisturbed && probe.dropped > 0 && probe_failure_.empty()) {
        probe_failure_ = "multicast " + std::to_string(number) + " of " +
                         routers_[probe.origin].name + " doubled though all agreed";
    }
}

}  // namespace amqmesh::sim
