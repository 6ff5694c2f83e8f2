#include "tests/sim/flights.h"

#include <algorithm>

namespace amqmesh::sim {

namespace {

constexpr Time kNever = ~Time{0};
constexpr Time kParkTime = 100 * routing::kMillisecond;
// A message's own time on a cable, beyond the delay; more than that of the news before it.
constexpr Time kHopTime = 50;
constexpr std::size_t kAllPairsMax = 60;  // routers
constexpr std::size_t kPairs = 1000;      // judged, of more
constexpr Time kLongestWay = 200 * routing::kMillisecond;

}  // namespace

void Flown::add(const Flown& other) {
    messages += other.messages;
    lost += other.lost;
    sent_back += other.sent_back;
    waited += other.waited;
    given_up += other.given_up;
    ran_round += other.ran_round;
    longest_wait = std::max(longest_wait, other.longest_wait);
    last_wait = std::max(last_wait, other.last_wait);
    longest_extra = std::max(longest_extra, other.longest_extra);
    most_hops = std::max(most_hops, other.most_hops);
}

Flights::Flights(const World& world, std::uint32_t paths, bool send_back)
    : world_(world), paths_(paths), send_back_(send_back) {}

void Flights::keep(std::size_t router) {
    const Router& now = world_.routers()[router];
    auto& states = states_[router];
    if (states.empty() || states.back().since != world_.now()) {
        states.emplace_back();
    }
    states.back() = {world_.now(),
                     now.node != nullptr,
                     now.mirror.routes,
                     now.mirror.topologies,
                     now.mirror.topology_changed_at};
    for (const auto& [link, cable] : now.cables) {
        links_[router].try_emplace(link, cable);
    }
}

void Flights::begin() {
    begun_ = world_.now();
    states_.assign(world_.routers().size(), {});
    links_.assign(world_.routers().size(), {});
    cut_.assign(world_.cables().size(), kNever);
    for (std::size_t i = 0; i < states_.size(); ++i) {
        keep(i);
        states_[i].back().since = 0;
    }
    for (std::size_t c = 0; c < cut_.size(); ++c) {
        cut_[c] = world_.cables()[c].connected ? kNever : 0;
    }
}

// A router's routes change only with its graph.
void Flights::look() {
    for (std::size_t c = 0; c < cut_.size(); ++c) {
        if (cut_[c] == kNever && !world_.cables()[c].connected) {
            cut_[c] = world_.now();
        }
    }
    for (std::size_t i = 0; i < states_.size(); ++i) {
        const Router& router = world_.routers()[i];
        const State& last = states_[i].back();
        if (last.alive != (router.node != nullptr) ||
            last.topologies.current() != router.mirror.topologies.current()) {
            keep(i);
        }
    }
}

const Flights::State& Flights::state_at(std::size_t router, Time time, Time& until) const {
    const auto& states = states_[router];
    auto after = std::upper_bound(
        states.begin(), states.end(), time, [](Time t, const State& s) { return t < s.since; });
    until = after == states.end() ? kNever : after->since;
    return *(after - 1);
}

std::optional<Flights::Hop> Flights::over(std::size_t at, AdjacencyId link) const {
    const auto found = links_[at].find(link);
    if (found == links_[at].end()) {
        return std::nullopt;
    }
    const auto [cable, end] = found->second;
    return Hop{Hop::Kind::kGoes, cable, world_.cables()[cable].end[1 - end]};
}

// As link/forwarder_in.cpp and way_round() there.
Flights::Hop Flights::next(const State& state, const Message& message, const Place& place) {
    const RouterId target = world_.routers()[message.to].id;
    const auto route = state.routes.find(target);
    if (!state.alive) {
        return {Hop::Kind::kLost, 0, 0};
    }
    if (route == state.routes.end()) {
        return {};
    }
    const auto& hops = route->second.second;
    const auto straight = over(place.at, hops[message.flow % hops.size()]);
    if (!straight || straight->to != place.before) {
        return straight.value_or(Hop{});
    }
    if (place.time >= state.changed_at + routing::kDetourTime) {
        return {};
    }
    const RouterId sender = world_.routers()[place.before].id;
    const routing::Detour detour = detours_.find(state.topologies, target, sender, message.flow);
    if (detour.link) {
        return over(place.at, *detour.link).value_or(Hop{});
    }
    if (!send_back_) {
        return {};
    }
    if (detour.back) {
        return {Hop::Kind::kGoesBack, straight->cable, straight->to, false};
    }
    return {Hop::Kind::kWaits, straight->cable, straight->to, true};
}

Time Flights::fly(const Message& message, Time sent, Time usual, Flown& flown) {
    Time slack = kNever;
    Place place = {kNowhere, message.from, sent};
    Time waited = 0;
    std::size_t hops = 0;
    const std::size_t hops_max = std::min<std::size_t>(2 * states_.size() + 8, 255);
    bool back = false;
    bool given_up = false;
    bool ran_round = false;
    bool lost = false;
    while (place.at != message.to && !given_up && !ran_round && !lost) {
        Time until = kNever;
        const State& state = state_at(place.at, place.time, until);
        if (until != kNever) {
            slack = std::min(slack, until - place.time);
        }
        Hop hop = next(state, message, place);
        if (hop.kind == Hop::Kind::kLost) {
            lost = true;
            continue;
        }
        if (hop.kind == Hop::Kind::kWaits) {
            const Time patience = hop.then_back ? routing::kNewsTime : kParkTime;
            const Time end = std::min(until, place.time + patience);
            waited += end - place.time;
            flown.last_wait = std::max(flown.last_wait, end > begun_ ? end - begun_ : 0);
            place.time = end;
            if (end == until) {
                continue;
            }
            given_up = !hop.then_back;
            if (given_up) {
                continue;
            }
            hop.kind = Hop::Kind::kGoesBack;
        }
        const Cable& cable = world_.cables()[hop.cable];
        const Time arrival = place.time + cable.delay + kHopTime;
        lost = arrival > cut_[hop.cable];
        if (cut_[hop.cable] != kNever && !lost) {
            slack = std::min(slack, cut_[hop.cable] - arrival + 1);
        }
        back = back || hop.kind == Hop::Kind::kGoesBack;
        place = {place.at, hop.to, arrival};
        ran_round = ++hops > hops_max;
    }
    ++flown.messages;
    flown.lost += lost ? 1U : 0U;
    flown.sent_back += back ? 1U : 0U;
    flown.waited += waited > 0 ? 1U : 0U;
    flown.given_up += given_up ? 1U : 0U;
    flown.ran_round += ran_round ? 1U : 0U;
    flown.longest_wait = std::max(flown.longest_wait, waited);
    flown.most_hops = std::max(flown.most_hops, hops);
    if (!lost && !given_up && !ran_round) {
        const Time took = place.time - sent;
        flown.longest_extra = std::max(flown.longest_extra, took > usual ? took - usual : 0);
    }
    return slack;
}

// The cables a message passes by the first routes, or by the last ones; empty: it does not arrive.
std::vector<std::size_t> Flights::way(const Message& message, bool first) const {
    std::vector<std::size_t> cables;
    const RouterId target = world_.routers()[message.to].id;
    for (std::size_t at = message.from; at != message.to;) {
        const State& state = first ? states_[at].front() : states_[at].back();
        const auto route = state.routes.find(target);
        if (!state.alive || route == state.routes.end() || cables.size() > states_.size()) {
            return {};
        }
        const auto& hops = route->second.second;
        const auto hop = over(at, hops[message.flow % hops.size()]);
        if (!hop) {
            return {};
        }
        cables.push_back(hop->cable);
        at = hop->to;
    }
    return cables;
}

Time Flights::time_of(const std::vector<std::size_t>& way) const {
    Time sum = 0;
    for (const std::size_t cable : way) {
        sum += world_.cables()[cable].delay + kHopTime;
    }
    return sum;
}

Flown Flights::judge() {
    Flown flown;
    Time over = begun_;
    for (const auto& states : states_) {
        over = std::max(over, states.back().since);
    }
    const std::size_t n = states_.size();
    const std::size_t step = n <= kAllPairsMax ? 1 : n * n / kPairs;
    for (std::size_t from = 0; from < states_.size(); ++from) {
        for (std::size_t to = from % step; to < states_.size(); to += step) {
            for (std::uint32_t flow = 0; from != to && flow < paths_; ++flow) {
                const Message message = {from, to, flow};
                const auto last = way(message, false);
                const auto first = way(message, true);
                if (last == first) {
                    continue;  // nothing has changed for it
                }
                const Time usual = time_of(last);
                Flown to_the_dead;
                Flown& sum = last.empty() ? to_the_dead : flown;
                for (Time sent = begun_ - std::min(begun_, kLongestWay); sent <= over;) {
                    const Time slack = fly(message, sent, usual, sum);
                    sent = slack == kNever ? kNever : sent + slack;
                }
                flown.ran_round += to_the_dead.ran_round;
                flown.most_hops = std::max(flown.most_hops, to_the_dead.most_hops);
            }
        }
    }
    return flown;
}

}  // namespace amqmesh::sim
