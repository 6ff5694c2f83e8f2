#include "tests/sim/world.h"

#include "routing/assert.h"
#include "routing/hash.h"
#include "routing/recording.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace amqmesh::sim {

namespace {

namespace event = routing::event;

constexpr Time kRetryFirst = 100 * routing::kMillisecond;
constexpr Time kRetryMax = 3 * routing::kSecond;
constexpr std::size_t kFrameOverhead = 38;  // AMQP frame header and transfer performative
constexpr std::size_t kDispositionBytes = 22;
constexpr std::size_t kEmptyFrameBytes = 8;
constexpr std::size_t kRecentMax = 8;

}  // namespace

void add(routing::Marks& sum, const routing::Marks& marks) {
    for (std::size_t i = 0; i < sum.size(); ++i) {
        sum[i] += marks[i];
    }
}

World::World(Options options, std::uint64_t seed) : options_(options), random_(seed) {}

World::World(const Graph& graph, const Options& options, std::uint64_t seed)
    : World(options, seed) {
    for (const std::string& name : graph.nodes) {
        add_router(name);
    }
    for (const GraphEdge& edge : graph.edges) {
        add_cable(edge.a, edge.b, edge.cost, edge.delay);
    }
}

std::size_t World::add_router(std::string name) {
    Router& router = routers_.emplace_back();
    router.id = routing::router_id(name);
    router.name = std::move(name);
    router.clock_ms = 1'700'000'000'000 + random_.below(100'000);
    // Looking through a node's whole database costs in proportion to the number of routers.
    check_mask_ = std::max(check_mask_, std::bit_ceil(4 * routers_.size()) - 1);
    return routers_.size() - 1;
}

std::size_t World::add_cable(std::size_t a, std::size_t b, Cost cost, Time delay) {
    Cable& cable = cables_.emplace_back();
    cable.end = {a, b};
    cable.cost = {cost, cost};
    cable.delay = std::max<Time>(delay, 1);
    schedule_connect(cables_.size() - 1, 0);
    return cables_.size() - 1;
}

void World::push(Item item) {
    item.number = ++last_number_;
    queue_.push(std::move(item));
}

void World::run_until(Time time) {
    while (!queue_.empty() && queue_.next_at() <= time) {
        step();
    }
    now_ = std::max(now_, time);
}

void World::step() {
    Item item = queue_.pop();
    AMQMESH_ASSERT(item.at >= now_);
    now_ = item.at;
    ++totals_.events;
    dispatch(item);
}

void World::dispatch(Item& item) {
    switch (item.kind) {
        case Kind::kConnect:
            on_connect(item.target);
            return;
        case Kind::kHeartbeat:
            on_heartbeat(item);
            return;
        case Kind::kTick:
            on_tick(item);
            return;
        case Kind::kRelease:
            release(item.target, item.end);
            return;
        case Kind::kResume:
            resume(item.target);
            return;
        case Kind::kWork:
            work(item);
            return;
        case Kind::kJudge:
            judge_probe(item.token);
            return;
        case Kind::kLinkUp:
        case Kind::kFrame:
        case Kind::kSettled:
        case Kind::kAlive:
        case Kind::kProbe:
        case Kind::kLinkDown:
            deliver(item);
            return;
    }
}

void World::on_tick(const Item& item) {
    Router& router = routers_[item.target];
    if (!router.node || router.life != item.generation || router.tick_at != item.at ||
        router.paused) {
        return;
    }
    router.tick_at = 0;
    handle(item.target, event::Tick{0});
}

// Something reaches one end of a cable: is it still wanted, and is anybody awake?
void World::deliver(Item& item) {
    Cable& cable = cables_[item.target];
    const std::size_t index = cable.end[item.end];
    Router& router = routers_[index];
    Pipe& pipe = cable.pipe[other(item.end)];
    if (item.kind != Kind::kLinkDown) {
        if (item.generation != cable.generation || item.at > pipe.cut_at) {
            return;
        }
        if (item.kind != Kind::kLinkUp && (pipe.stalled || !pipe.held.empty())) {
            pipe.held.push_back(std::move(item));
            return;
        }
    }
    if (!router.node) {
        return;
    }
    if (router.paused) {
        router.inbox.push_back(std::move(item));
        return;
    }
    if (router.event_time > 0) {
        ++totals_.busy;
        if (router.work.empty()) {
            push({.at = now_ + router.event_time,
                  .kind = Kind::kWork,
                  .target = index,
                  .generation = router.life});
        }
        router.work.push_back(std::move(item));
        return;
    }
    deliver_now(item, index);
}

// A slow processor is done with the oldest arrival.
void World::work(const Item& item) {
    const Router& router = routers_[item.target];
    if (!router.node || router.life != item.generation || router.paused || router.work.empty()) {
        return;  // crashed, or resume() sees to it
    }
    Item done = std::move(routers_[item.target].work.front());
    routers_[item.target].work.pop_front();
    if (!router.work.empty()) {
        push({.at = now_ + std::max<Time>(router.event_time, 1),
              .kind = Kind::kWork,
              .target = item.target,
              .generation = item.generation});
    }
    deliver_now(done, item.target);
}

void World::deliver_now(Item& item, std::size_t index) {
    Router& router = routers_[index];
    Cable& cable = cables_[item.target];
    if (item.kind == Kind::kLinkDown) {
        const auto link = static_cast<AdjacencyId>(item.token);
        if (router.cables.erase(link) > 0) {
            handle(index, event::LinkDown{link});
        }
        return;
    }
    if (item.generation != cable.generation) {
        return;
    }
    if (item.kind == Kind::kLinkUp) {
        link_up(item, index);
        return;
    }
    const AdjacencyId link = cable.link[item.end];
    if (!router.cables.contains(link)) {
        return;  // closed at this end already
    }
    if (item.kind == Kind::kAlive) {
        handle(index, event::Alive{link});
    } else if (item.kind == Kind::kProbe) {
        take_probe(index, item.token, link);
    } else if (item.kind == Kind::kSettled) {
        cable.unsettled[item.end] -= 1;
        handle(index, event::Settled{link, item.token});
        if (router.cables.contains(link)) {
            const std::uint32_t used = std::min(options_.credit, cable.unsettled[item.end]);
            handle(index, event::Credit{link, options_.credit - used});
        }
    } else {
        handle(index, event::Frame{link, std::move(item.bytes)});
        if (item.token != 0 && cable.generation == item.generation && cable.connected) {
            transmit(item.target,
                     item.end,
                     {.kind = Kind::kSettled, .token = item.token},
                     kDispositionBytes);
        }
    }
}

void World::link_up(const Item& item, std::size_t index) {
    Router& router = routers_[index];
    Cable& cable = cables_[item.target];
    if (!cable.connected) {
        return;
    }
    const AdjacencyId link = ++router.last_link;
    cable.link[item.end] = link;
    router.cables[link] = {item.target, item.end};
    handle(index, event::LinkUp{link, cable.cost[item.end]});
    if (router.cables.contains(link)) {
        handle(index, event::Credit{link, options_.credit});
    }
}

void World::release(std::size_t index, std::size_t end) {
    Pipe& pipe = cables_[index].pipe[other(end)];
    if (pipe.stalled) {
        return;
    }
    std::deque<Item> held = std::move(pipe.held);
    pipe.held.clear();
    for (Item& item : held) {
        item.at = std::min(item.at, pipe.cut_at);
        deliver(item);
    }
}

// The driver's loop finds itself late: first it says so, then it reads what has come in.
void World::resume(std::size_t index) {
    Router& router = routers_[index];
    if (!router.paused || router.paused_until > now_) {
        return;
    }
    router.paused = false;
    if (!router.node) {
        router.inbox.clear();
        router.work.clear();
        return;
    }
    handle(index, event::Tick{now_ - router.paused_at});
    std::deque<Item> inbox = std::exchange(router.work, {});
    for (Item& item : std::exchange(router.inbox, {})) {
        inbox.push_back(std::move(item));
    }
    for (Item& item : inbox) {
        if (routers_[index].node) {
            deliver_now(item, index);
        }
    }
}

void World::schedule_connect(std::size_t cable, Time delay) {
    if (!cables_[cable].connect_scheduled) {
        cables_[cable].connect_scheduled = true;
        push({.at = now_ + delay, .kind = Kind::kConnect, .target = cable});
    }
}

void World::on_connect(std::size_t index) {
    Cable& cable = cables_[index];
    cable.connect_scheduled = false;
    const Router& a = routers_[cable.end[0]];
    const Router& b = routers_[cable.end[1]];
    if (cable.connected || a.stopped || b.stopped) {
        return;
    }
    if (!cable.up || !a.node || !b.node || a.paused || b.paused) {
        cable.retry_interval = std::clamp(cable.retry_interval * 2, kRetryFirst, kRetryMax);
        schedule_connect(index,
                         cable.retry_interval * 3 / 4 + random_.below(cable.retry_interval / 2));
        return;
    }
    cable.connected = true;
    cable.disturbed_at = now_;
    cable.retry_interval = 0;
    ++cable.generation;
    cable.unsettled = {0, 0};
    cable.link = {0, 0};
    for (Pipe& pipe : cable.pipe) {
        pipe = Pipe{.stalled = pipe.stalled, .bytes = pipe.bytes, .messages = pipe.messages};
    }
    // TCP, SASL, open, begin, attach: a few round trips.
    for (std::uint8_t end = 0; end < 2; ++end) {
        const Time at = now_ + (6 + end) * cable.delay;
        cable.pipe[other(end)].last_arrival = at;
        push({.at = at,
              .kind = Kind::kLinkUp,
              .end = end,
              .target = index,
              .generation = cable.generation});
    }
    push({.at = now_ + 8 * cable.delay + options_.heartbeat_ms * routing::kMillisecond,
          .kind = Kind::kHeartbeat,
          .target = index,
          .generation = cable.generation});
}

void World::on_heartbeat(const Item& item) {
    const Cable& cable = cables_[item.target];
    if (!cable.connected || cable.generation != item.generation) {
        return;
    }
    for (std::size_t end = 0; end < 2; ++end) {
        const Router& router = routers_[cable.end[end]];
        if (router.node && !router.paused && cable.link[end] != 0) {
            transmit(item.target, end, {.kind = Kind::kAlive}, kEmptyFrameBytes);
        }
    }
    Time interval = options_.heartbeat_ms * routing::kMillisecond;
    if (options_.heartbeat_jitter > 0) {
        const double part = options_.heartbeat_jitter * (2 * random_.unit() - 1);
        interval = static_cast<Time>(static_cast<double>(interval) * (1 + part));
    }
    push({.at = now_ + interval,
          .kind = Kind::kHeartbeat,
          .target = item.target,
          .generation = item.generation});
}

void World::transmit(std::size_t index, std::size_t from_end, Item item, std::size_t bytes) {
    Cable& cable = cables_[index];
    Pipe& pipe = cable.pipe[from_end];
    const Time start = std::max(now_, pipe.busy_until);
    pipe.busy_until = start + bytes * routing::kSecond / options_.bytes_per_second;
    const Time lag = cable.delay + cable.reader_delay[other(from_end)];
    // Of a message that takes long, the first bytes are a sign of life already.
    const Time step = std::max<Time>(options_.heartbeat_ms * routing::kMillisecond / 4, 1);
    for (Time at = start + step; at < pipe.busy_until; at += step) {
        pipe.last_arrival = std::max(pipe.last_arrival, at + lag);
        push({.at = pipe.last_arrival,
              .kind = Kind::kAlive,
              .end = static_cast<std::uint8_t>(other(from_end)),
              .target = index,
              .generation = cable.generation});
    }
    Time arrival = pipe.busy_until + lag;
    if (options_.jitter_mean > 0) {
        arrival += random_.exponential(options_.jitter_mean);
    }
    pipe.last_arrival = std::max(pipe.last_arrival, arrival);
    pipe.bytes += bytes;
    cable.total_bytes += bytes;
    item.at = pipe.last_arrival;
    item.target = index;
    item.end = static_cast<std::uint8_t>(other(from_end));
    item.generation = cable.generation;
    push(std::move(item));
}

void World::send(std::size_t index, std::size_t from_end, routing::Send& message) {
    Cable& cable = cables_[index];
    Pipe& pipe = cable.pipe[from_end];
    ++totals_.frames;
    ++pipe.messages;
    totals_.frame_bytes += message.bytes.size();
    cable.unsettled[from_end] += 1;
    const std::size_t size = message.bytes.size() + kFrameOverhead;
    if (options_.replay_chance > 0) {
        pipe.recent.push_back(message.bytes);
    }
    Item item = {.kind = Kind::kFrame, .token = message.token, .bytes = std::move(message.bytes)};
    if (options_.bit_flip_chance > 0 && !item.bytes.empty() &&
        random_.chance(options_.bit_flip_chance)) {
        ++totals_.flips;
        char& byte = item.bytes[random_.below(item.bytes.size())];
        byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random_.below(8)));
    }
    if (options_.replay_chance > 0) {
        const std::size_t older = pipe.recent.size() - 1;
        if (older > 0 && random_.chance(options_.replay_chance)) {
            ++totals_.replays;
            Item replay = {.kind = Kind::kFrame, .bytes = pipe.recent[random_.below(older)]};
            const std::size_t replay_size = replay.bytes.size() + kFrameOverhead;
            transmit(index, from_end, std::move(replay), replay_size);
        }
        if (pipe.recent.size() > kRecentMax) {
            pipe.recent.pop_front();
        }
    }
    transmit(index, from_end, std::move(item), size);
}

void World::record(std::size_t router, std::string& recording) {
    AMQMESH_ASSERT(!routers_[router].node);
    routers_[router].recording = &recording;
}

void World::handle(std::size_t router, const routing::Event& event) {
    effects_.clear();
    std::string* recording = routers_[router].recording;
    if (recording != nullptr) {
        *recording += routing::record(now_, event);
    }
    routers_[router].node->handle(now_, event, effects_);
    if (recording != nullptr) {
        const auto outcome = routing::outcome_of(*routers_[router].node, event, effects_);
        *recording += routing::record(outcome);
    }
    if ((totals_.events & check_mask_) == 0) {
        routers_[router].node->check_invariants();
    }
    carry_out(router);
    schedule_tick(router);
}

// The driver's work, in the order that node.h asks for.
void World::carry_out(std::size_t index) {
    Router& router = routers_[index];
    routing::Effects effects = std::move(effects_);
    effects_ = routing::Effects();
    for (routing::Send& message : effects.send) {
        const auto it = router.cables.find(message.link);
        AMQMESH_ASSERT(it != router.cables.end());
        const auto [cable, end] = it->second;
        if (cables_[cable].link[end] == message.link) {
            send(cable, end, message);
        }
    }
    if (effects.topology) {
        router.mirror.topology = effects.topology;
        router.mirror.topology_changed_at = now_;
        router.mirror.topologies.add(effects.topology);
    }
    for (const routing::RouteChange& change : effects.routes) {
        last_route_change_ = now_;
        if (change.next_hops.empty()) {
            router.mirror.routes.erase(change.router);
        } else {
            router.mirror.routes[change.router] = {change.cost, change.next_hops};
        }
        if (on_route_) {
            on_route_(index, change);
        }
    }
    for (routing::AddressChange& change : effects.addresses) {
        auto key = std::pair(change.router, std::move(change.key));
        if (change.present) {
            router.mirror.addresses[std::move(key)] = {change.treatment, change.weight};
        } else {
            AMQMESH_ASSERT(router.mirror.addresses.erase(key) == 1);
        }
    }
    for (const routing::LinkClose& request : effects.close) {
        close(index, request);
    }
    for (const routing::Note& note : effects.notes) {
        ++notes_[note.code];
    }
    effects.clear();
    effects_ = std::move(effects);
}

void World::close(std::size_t router, const routing::LinkClose& request) {
    const auto it = routers_[router].cables.find(request.link);
    if (it == routers_[router].cables.end()) {
        return;
    }
    ++totals_.closes;
    const auto [index, end] = it->second;
    routers_[router].cables.erase(it);
    if (cables_[index].link[end] != request.link) {
        return;  // a newer connection runs over the cable
    }
    cables_[index].retry_interval = 0;
    disconnect(index, end, false);
    schedule_connect(
        index,
        std::max<Time>(request.retry_after_ms * routing::kMillisecond, routing::kMillisecond));
}

// The connection ends at `closing_end` now. The other end learns it in order behind what is under
// way, unless nobody is there to tell it (`silent`): then it has to find out by the silence.
void World::disconnect(std::size_t index, std::size_t closing_end, bool silent) {
    Cable& cable = cables_[index];
    if (!cable.connected) {
        return;
    }
    cable.disturbed_at = now_;
    routers_[cable.end[closing_end]].cables.erase(cable.link[closing_end]);
    const std::size_t far = other(closing_end);
    if (silent) {
        cable.link[closing_end] = 0;
        cable.connected = cable.link[far] != 0;
        return;
    }
    cable.connected = false;
    Pipe& pipe = cable.pipe[closing_end];
    pipe.cut_at = std::max(pipe.last_arrival, now_ + cable.delay);
    cable.pipe[far].cut_at = now_;
    if (cable.link[far] != 0) {
        push({.at = pipe.cut_at,
              .kind = Kind::kLinkDown,
              .end = static_cast<std::uint8_t>(far),
              .target = index,
              .token = cable.link[far]});
    }
}

void World::schedule_tick(std::size_t index) {
    Router& router = routers_[index];
    const auto deadline = router.node->next_deadline();
    if (!deadline) {
        return;
    }
    const Time at = std::max(now_, *deadline);
    if (router.tick_at == 0 || at < router.tick_at || router.tick_at < now_) {
        router.tick_at = at;
        push({.at = at, .kind = Kind::kTick, .target = index, .generation = router.life});
    }
}

void World::start_all() {
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        start(i);
    }
}

void World::start(std::size_t index) {
    Router& router = routers_[index];
    if (router.node) {
        return;
    }
    ++router.life;
    router.disturbed_at = now_;
    router.clock_ms += random_.between(1, 100);
    router.mirror = Mirror();
    router.cables.clear();
    router.draining = false;
    router.stopped = false;
    router.paused = false;
    router.inbox.clear();
    router.work.clear();
    router.tick_at = 0;
    const routing::RecordedNode made = {{.name = router.name,
                                         .heartbeat_ms = options_.heartbeat_ms,
                                         .detect_mult = options_.detect_mult,
                                         .max_paths = options_.max_paths,
                                         .limits = options_.limits},
                                        random_.next()};
    if (router.recording != nullptr) {
        *router.recording = routing::record(made);
    }
    router.node = std::make_unique<routing::Node>(made.config, made.seed);
    handle(index, event::Start{router.clock_ms});
    for (const auto& [key, address] : router.local) {
        handle(index, event::LocalAddress{key, address.treatment, address.weight, true});
    }
    for (std::size_t c = 0; c < cables_.size(); ++c) {
        if (cables_[c].end[0] == index || cables_[c].end[1] == index) {
            schedule_connect(c, random_.below(kRetryFirst));
        }
    }
}

void World::crash(std::size_t index, bool silent) {
    Router& router = routers_[index];
    if (!router.node) {
        return;
    }
    for (std::size_t c = 0; c < cables_.size(); ++c) {
        for (std::size_t end = 0; end < 2; ++end) {
            if (cables_[c].end[end] == index && cables_[c].connected) {
                disconnect(c, end, silent);
                schedule_connect(c, kRetryFirst);
            }
        }
    }
    add(past_marks_, router.node->summary().marks);
    router.recording = nullptr;
    router.node.reset();
    router.cables.clear();
    router.mirror = Mirror();
}

void World::stop(std::size_t index) {
    Router& router = routers_[index];
    router.stopped = true;
    router.disturbed_at = now_;
    handle(index, event::Stop{});
}

void World::pause(std::size_t index, Time time) {
    Router& router = routers_[index];
    if (!router.paused) {
        router.paused = true;
        router.paused_at = now_;
        router.paused_until = now_;
    }
    router.disturbed_at = now_ + time;
    router.paused_until = std::max(router.paused_until, now_ + time);
    push({.at = router.paused_until, .kind = Kind::kResume, .target = index});
}

void World::drain(std::size_t index, bool on) {
    Router& router = routers_[index];
    if (router.node) {
        router.draining = on;
        handle(index, event::Drain{on});
    }
}

void World::set_address(std::size_t index,
                        const std::string& key,
                        std::optional<Mirror::Address> address) {
    Router& router = routers_[index];
    if (address) {
        router.local[key] = *address;
    } else {
        router.local.erase(key);
    }
    if (router.node) {
        const Mirror::Address value = address.value_or(Mirror::Address());
        handle(index, event::LocalAddress{key, value.treatment, value.weight, address.has_value()});
    }
}

// As a TCP reset: of what is under way a random prefix still arrives, in each direction.
void World::reset(std::size_t index) {
    Cable& cable = cables_[index];
    if (!cable.connected) {
        return;
    }
    for (std::size_t end = 0; end < 2; ++end) {
        Pipe& pipe = cable.pipe[end];
        const Time latest = std::max(pipe.last_arrival, now_ + 1);
        pipe.cut_at = now_ + random_.below(latest - now_ + 1);
        if (pipe.stalled) {
            pipe.cut_at = now_;
        }
        const std::size_t far = other(end);
        if (cable.link[far] != 0) {
            push({.at = pipe.cut_at,
                  .kind = Kind::kLinkDown,
                  .end = static_cast<std::uint8_t>(far),
                  .target = index,
                  .token = cable.link[far]});
        }
    }
    const Time over = std::max(cable.pipe[0].cut_at, cable.pipe[1].cut_at) + cable.delay;
    cable.connected = false;
    cable.disturbed_at = now_;
    schedule_connect(index, over - now_ + 1);
}

void World::set_up(std::size_t cable, bool up) {
    cables_[cable].up = up;
    if (!up) {
        reset(cable);
    }
}

void World::stall(std::size_t cable, std::size_t from_end, bool on) {
    cables_[cable].pipe[from_end].stalled = on;
    cables_[cable].disturbed_at = now_;
    if (!on) {
        push({.at = now_,
              .kind = Kind::kRelease,
              .end = static_cast<std::uint8_t>(other(from_end)),
              .target = cable});
    }
}

void World::set_cost(std::size_t index, std::size_t end, Cost cost) {
    Cable& cable = cables_[index];
    cable.cost[end] = cost;
    const AdjacencyId link = cable.link[end];
    if (cable.connected && link != 0 && routers_[cable.end[end]].node) {
        handle(cable.end[end], event::SetCost{link, cost});
    }
}

void World::set_reader_delay(std::size_t cable, std::size_t end, Time delay) {
    cables_[cable].reader_delay[end] = delay;
    cables_[cable].disturbed_at = now_;
}

void World::forge(std::size_t cable, std::size_t from_end, std::string bytes) {
    if (cables_[cable].connected) {
        ++totals_.forged;
        const std::size_t size = bytes.size() + kFrameOverhead;
        transmit(cable, from_end, {.kind = Kind::kFrame, .bytes = std::move(bytes)}, size);
    }
}

void World::heal() {
    options_.bit_flip_chance = 0;
    options_.replay_chance = 0;
    for (std::size_t c = 0; c < cables_.size(); ++c) {
        Cable& cable = cables_[c];
        cable.up = true;
        stall(c, 0, false);
        stall(c, 1, false);
        cable.reader_delay = {0, 0};
        if (!cable.connected) {
            schedule_connect(c, 0);
        }
    }
    for (std::size_t i = 0; i < routers_.size(); ++i) {
        start(i);
    }
}

routing::Marks World::marks() const {
    routing::Marks sum = past_marks_;
    for (const Router& router : routers_) {
        if (router.node) {
            add(sum, router.node->summary().marks);
        }
    }
    return sum;
}

std::uint64_t World::digest() const {
    routing::Hasher hasher;
    hasher.add(now_).add(totals_.events).add(totals_.frame_bytes);
    for (const Router& router : routers_) {
        hasher.add(router.node ? router.node->digest() : 0);
    }
    return hasher.value();
}

}  // namespace amqmesh::sim
