#include "tests/sim/small_mesh.h"

#include "routing/hash.h"

#include <algorithm>
#include <optional>

namespace amqmesh::sim {

namespace {

namespace event = routing::event;
using routing::Time;

constexpr std::uint32_t kCredit = 100'000;
constexpr Time kSettled = 4 * routing::kSecond;  // of the mesh before anything happens
constexpr std::uint64_t kClock = 1'700'000'000'000;

bool under_way(const SmallState& state) {
    return std::any_of(state.links.begin(), state.links.end(), [](const SmallLink& link) {
        return !link.to[0].empty() || !link.to[1].empty();
    });
}

}  // namespace

std::string SmallMesh::name(std::size_t router) {
    return std::string(1, static_cast<char>('a' + router));
}

std::size_t SmallMesh::router_of(std::size_t link, std::size_t end) const {
    return end == 0 ? world_.links[link].first : world_.links[link].second;
}

bool SmallMesh::happened(const SmallState& state, const Happening& happening) const {
    const auto it = std::find(world_.happenings.begin(), world_.happenings.end(), happening);
    return it != world_.happenings.end() &&
           state.happened[static_cast<std::size_t>(it - world_.happenings.begin())];
}

SmallState SmallMesh::first_state() {
    SmallState state;
    state.now = routing::kSecond;
    state.links.resize(world_.links.size());
    state.happened.assign(world_.happenings.size(), false);
    for (std::size_t i = 0; i < world_.routers; ++i) {
        // Links without traffic: only Hellos tell of life, and they come once a second.
        routing::Config config = {.name = name(i), .heartbeat_ms = 60'000, .detect_mult = 100};
        state.members.push_back(
            std::make_shared<const Member>(Member{.node = routing::Node(std::move(config), i),
                                                  .routes = {},
                                                  .addresses = {},
                                                  .records = {}}));
        handle(state, i, event::Start{kClock + i});
    }
    for (std::size_t l = 0; l < world_.links.size(); ++l) {
        const Happening later = {Happening::Kind::kConnect, l};
        if (std::find(world_.happenings.begin(), world_.happenings.end(), later) ==
            world_.happenings.end()) {
            connect(state, l);
        }
    }
    if (!world_.from_start) {
        settle(state, state.now + kSettled);
    }
    return state;
}

void SmallMesh::connect(SmallState& state, std::size_t link) const {
    if (!state.members[router_of(link, 0)] || !state.members[router_of(link, 1)]) {
        return;
    }
    state.links[link].carries = true;
    for (std::size_t end = 0; end < 2; ++end) {
        state.pending.push_back({Step::Kind::kUp, link, end, ++state.last_adjacency});
    }
}

// Each end that knows of the connection will notice; what is on the way may still arrive before.
void SmallMesh::lose(SmallState& state, std::size_t index) const {
    SmallLink& link = state.links[index];
    link.carries = false;
    for (std::size_t end = 0; end < 2; ++end) {
        if (link.adjacency[end] != 0) {
            state.pending.push_back({Step::Kind::kDown, index, end, link.adjacency[end]});
        }
    }
    std::erase_if(state.pending, [&](const Step& step) {
        return step.kind == Step::Kind::kUp && step.index == index;
    });
}

void SmallMesh::handle(SmallState& state, std::size_t router, const routing::Event& what) {
    const Member& before = *state.members[router];
    Member after = {
        before.node.fork(), before.routes, before.addresses, before.graph, before.records, 0};
    routing::Effects effects;
    after.node.handle(state.now, what, effects);
    after.node.check_invariants();
    for (routing::Send& send : effects.send) {
        transmit(state, send);
    }
    for (const routing::RouteChange& change : effects.routes) {
        if (change.next_hops.empty()) {
            after.routes.erase(change.router);
        } else {
            after.routes[change.router] = {change.cost, change.next_hops.front()};
        }
    }
    for (const routing::AddressChange& change : effects.addresses) {
        if (change.present) {
            after.addresses[{change.router, change.key}] = change.weight;
        } else {
            after.addresses.erase({change.router, change.key});
        }
    }
    if (effects.topology) {
        after.graph = effects.topology->digest;
    }
    if (!effects.close.empty() && failure_.empty()) {
        failure_ = name(router) + " closes a link: " + effects.close.front().text;
    }
    keep_records(after, router, state.now);
    after.conduct = after.node.conduct();
    state.members[router] = std::make_shared<const Member>(std::move(after));
}

void SmallMesh::transmit(SmallState& state, routing::Send& send) const {
    if (++state.messages == world_.lost_message) {
        return;
    }
    for (SmallLink& link : state.links) {
        for (std::size_t end = 0; end < 2; ++end) {
            if (link.adjacency[end] == send.link && link.carries) {
                const std::uint64_t hash = routing::hash_bytes(send.bytes);
                link.to[1 - end].push_back(
                    {std::make_shared<const std::string>(std::move(send.bytes)), hash, send.token});
                return;
            }
        }
    }
}

void SmallMesh::keep_records(Member& member, std::size_t router, Time now) {
    for (const routing::LinkStateView& record : member.node.view(now).routers) {
        const auto version = std::pair(record.incarnation, record.sequence);
        auto& newest = member.records[record.router];
        if (version < newest && failure_.empty()) {
            failure_ = name(router) + ": the record of " + record.name + " went back";
        }
        newest = version;
    }
}

std::vector<Step> SmallMesh::choices(const SmallState& state, Time horizon) const {
    std::vector<Step> steps;
    for (std::size_t l = 0; l < state.links.size(); ++l) {
        for (std::size_t end = 0; end < 2; ++end) {
            if (!state.links[l].to[end].empty() && state.links[l].adjacency[end] != 0) {
                steps.push_back({Step::Kind::kDeliver, l, end, 0});
            }
        }
    }
    steps.insert(steps.end(), state.pending.begin(), state.pending.end());
    for (std::size_t h = 0; h < state.happened.size(); ++h) {
        if (!state.happened[h]) {
            steps.push_back({Step::Kind::kHappen, h, 0, 0});
        }
    }
    const bool overtakes = !steps.empty();
    if (next_timer(state) <= horizon && (!overtakes || state.early_timers < world_.early_timers)) {
        steps.push_back({Step::Kind::kTimer, overtakes ? std::size_t{1} : 0, 0, 0});
    }
    return steps;
}

Time SmallMesh::next_timer(const SmallState& state) {
    Time earliest = ~Time{0};
    for (const auto& member : state.members) {
        if (member) {
            earliest = std::min(earliest, member->node.next_deadline().value_or(earliest));
        }
    }
    return std::max(earliest, state.now);
}

void SmallMesh::take(SmallState& state, const Step& step) {
    switch (step.kind) {
        case Step::Kind::kDeliver:
            deliver(state, step.index, step.end);
            break;
        case Step::Kind::kHappen:
            state.happened[step.index] = true;
            happen(state, world_.happenings[step.index]);
            break;
        case Step::Kind::kDown:
            end_link(state, step);
            break;
        case Step::Kind::kUp:
            begin_link(state, step);
            break;
        case Step::Kind::kTimer:
            state.early_timers += step.index;
            run_timers(state);
            break;
    }
}

void SmallMesh::deliver(SmallState& state, std::size_t link, std::size_t end) {
    const SmallLink::Message message = state.links[link].to[end].front();
    state.links[link].to[end].pop_front();
    handle(state,
           router_of(link, end),
           event::Frame{state.links[link].adjacency[end], *message.bytes});
}

void SmallMesh::begin_link(SmallState& state, const Step& step) {
    std::erase(state.pending, step);
    const std::size_t router = router_of(step.index, step.end);
    const bool dear = step.end == 0 && happened(state, {Happening::Kind::kCost, step.index});
    state.links[step.index].adjacency[step.end] = step.adjacency;
    handle(state, router, event::LinkUp{step.adjacency, dear ? kDear : 1});
    handle(state, router, event::Credit{step.adjacency, kCredit});
}

void SmallMesh::end_link(SmallState& state, const Step& step) {
    std::erase(state.pending, step);
    SmallLink& link = state.links[step.index];
    link.to[step.end].clear();
    if (link.adjacency[step.end] == step.adjacency) {
        link.adjacency[step.end] = 0;
        handle(state, router_of(step.index, step.end), event::LinkDown{step.adjacency});
    }
}

void SmallMesh::run_timers(SmallState& state) {
    state.now = next_timer(state);
    for (std::size_t i = 0; i < state.members.size(); ++i) {
        if (state.members[i] &&
            state.members[i]->node.next_deadline().value_or(~Time{0}) <= state.now) {
            handle(state, i, event::Tick{});
        }
    }
}

void SmallMesh::happen(SmallState& state, const Happening& happening) {
    const std::size_t index = happening.index;
    switch (happening.kind) {
        case Happening::Kind::kLose:
            lose(state, index);
            break;
        case Happening::Kind::kConnect:
            connect(state, index);
            break;
        case Happening::Kind::kCost:
            change_cost(state, index);
            break;
        case Happening::Kind::kDrain:
            if (state.members[index]) {
                handle(state, index, event::Drain{true});
            }
            break;
        case Happening::Kind::kAddress:
            if (state.members[index]) {
                handle(state, index, event::LocalAddress{"consumer"});
            }
            break;
        case Happening::Kind::kCrash:
            crash(state, index);
            break;
    }
}

void SmallMesh::change_cost(SmallState& state, std::size_t link) {
    const std::size_t router = router_of(link, 0);
    if (state.links[link].adjacency[0] != 0 && state.members[router]) {
        handle(state, router, event::SetCost{state.links[link].adjacency[0], kDear});
    }
}

void SmallMesh::crash(SmallState& state, std::size_t router) const {
    for (std::size_t l = 0; l < state.links.size(); ++l) {
        for (std::size_t end = 0; end < 2; ++end) {
            if (router_of(l, end) == router) {
                state.links[l].adjacency[end] = 0;
                state.links[l].to[end].clear();
                std::erase_if(state.pending,
                              [&](const Step& step) { return step.index == l && step.end == end; });
                lose(state, l);
            }
        }
    }
    state.members[router] = nullptr;
}

void SmallMesh::settle(SmallState& state, Time until) {
    for (;;) {
        if (!state.pending.empty()) {
            const Step first = state.pending.front();
            take(state, first);
        } else if (!under_way(state)) {
            renew_credit(state);
            if (next_timer(state) > until) {
                state.now = until;
                return;
            }
            run_timers(state);
        }
        for (std::size_t l = 0; l < state.links.size(); ++l) {
            for (std::size_t end = 0; end < 2; ++end) {
                if (state.links[l].adjacency[end] == 0) {
                    state.links[l].to[end].clear();
                } else if (!state.links[l].to[end].empty() && state.pending.empty()) {
                    settle_first(state, l, end);
                }
            }
        }
    }
}

void SmallMesh::settle_first(SmallState& state, std::size_t link, std::size_t end) {
    const std::uint64_t token = state.links[link].to[end].front().token;
    deliver(state, link, end);
    const routing::AdjacencyId from = state.links[link].adjacency[1 - end];
    if (from != 0) {
        handle(state, router_of(link, 1 - end), event::Settled{from, token});
    }
}

void SmallMesh::renew_credit(SmallState& state) {
    for (std::size_t l = 0; l < state.links.size(); ++l) {
        for (std::size_t end = 0; end < 2; ++end) {
            const routing::AdjacencyId adjacency = state.links[l].adjacency[end];
            if (adjacency != 0) {
                handle(state, router_of(l, end), event::Credit{adjacency, kCredit});
            }
        }
    }
}

std::uint64_t SmallMesh::digest(const SmallState& state) {
    routing::Hasher hasher;
    hasher.add(state.now).add(state.early_timers).add(state.last_adjacency);
    for (const auto& member : state.members) {
        hasher.add(member ? member->conduct : 0);
    }
    for (const SmallLink& link : state.links) {
        hasher.add(link.adjacency[0]).add(link.adjacency[1]).add(link.carries ? 1 : 0);
        for (const auto& messages : link.to) {
            hasher.add(messages.size());
            for (const SmallLink::Message& message : messages) {
                hasher.add(message.hash);
            }
        }
    }
    // The notices to come are a set.
    std::uint64_t notices = 0;
    for (const Step& step : state.pending) {
        notices ^= routing::hash_words(
            {static_cast<std::uint64_t>(step.kind), step.index, step.end, step.adjacency});
    }
    hasher.add(notices);
    for (const bool happened : state.happened) {
        hasher.add(happened ? 1 : 0);
    }
    return hasher.value();
}

std::string SmallMesh::describe(const Step& step) const {
    switch (step.kind) {
        case Step::Kind::kDeliver:
            return name(router_of(step.index, 1 - step.end)) + ">" +
                   name(router_of(step.index, step.end));
        case Step::Kind::kHappen:
            return "happening" + std::to_string(step.index);
        case Step::Kind::kDown:
            return name(router_of(step.index, step.end)) + "-lost-" +
                   name(router_of(step.index, 1 - step.end));
        case Step::Kind::kUp:
            return name(router_of(step.index, step.end)) + "-found-" +
                   name(router_of(step.index, 1 - step.end));
        case Step::Kind::kTimer:
            return "timer";
    }
    return {};
}

}  // namespace amqmesh::sim
