#include "routing/node.h"

#include "routing/assert.h"
#include "routing/node_impl.h"

#include <algorithm>
#include <utility>

namespace amqmesh::routing {

namespace {

constexpr Time kStartingMax = 5 * kSecond;
constexpr Time kLimitNoteInterval = 60 * kSecond;

void keep_earliest(std::optional<Time>& earliest, std::optional<Time> candidate) {
    if (candidate && (!earliest || *candidate < *earliest)) {
        earliest = candidate;
    }
}

}  // namespace

void Effects::clear() {
    send.clear();
    routes.clear();
    topology.reset();
    addresses.clear();
    close.clear();
    notes.clear();
    ran_spf = false;
}

Node::Impl::Impl(Config config, std::uint64_t seed)
    : config_(std::move(config)),
      rid_(router_id(config_.name)),
      random_(seed ^ rid_),
      routes_(std::clamp(config_.max_paths, 1U, 8U)) {
    AMQMESH_ASSERT(!config_.name.empty() && config_.name.size() <= config_.limits.name_bytes);
}

void Node::Impl::handle(Time now, const Event& event, Effects& effects) {
    AMQMESH_ASSERT(now >= now_);
    now_ = now;
    effects_ = &effects;
    std::visit([this](const auto& e) { on(e); }, event);
    // A sign of life changes no state but a deadline: it is the most frequent event by far.
    if (started_ && !std::holds_alternative<event::Alive>(event)) {
        run_timers();
        finish_step();
    }
    effects_ = nullptr;
}

void Node::Impl::on(const event::Start& start) {
    AMQMESH_ASSERT(!started_);
    started_ = true;
    life_ = std::clamp<std::uint64_t>(start.wall_clock_ms, 1, kIncarnationMax / 2);
    incarnation_ = life_;
    starting_until_ = now_ + kStartingMax;
    originate();
    topology_dirty_ = true;
    note(NoteLevel::kInfo, "ROUTER_START", "router " + config_.name + " starts");
}

void Node::Impl::on(const event::LinkUp& up) {
    AMQMESH_ASSERT(started_ && !adjacencies_.contains(up.link));
    if (stopped_ || now_ < fenced_until_) {
        const auto wait = stopped_ ? 0 : (fenced_until_ - now_) / kMillisecond + 1;
        effects_->close.push_back(
            {up.link,
             stopped_ ? "amqp:connection:forced" : "amqmesh:duplicate-router-id",
             stopped_ ? "router is stopping" : "another router has the name " + config_.name,
             static_cast<std::uint32_t>(wait)});
        return;
    }
    Adjacency& adjacency = adjacencies_[up.link];
    adjacency.link = up.link;
    adjacency.cost = std::clamp<Cost>(up.cost, 1, 65'535);
    adjacency.since = now_;
    adjacency.up_at = now_;
    adjacency.last_heard = now_;
    adjacency.last_hello = now_;
    adjacency.hello_due = now_ + kSecond;
}

void Node::Impl::on(const event::LinkDown& down) {
    lose(down.link, "connection lost", std::nullopt);
}

void Node::Impl::on(const event::Frame& frame) {
    Adjacency* adjacency = find_adjacency(frame.link);
    if (adjacency == nullptr) {
        return;
    }
    adjacency->last_heard = now_;
    counters_.control_bytes_received += frame.bytes.size();
    Message message;
    if (const Fault fault = decode(frame.bytes, config_.limits, message); fault != Fault::kNone) {
        on_offence(*adjacency, fault);
        return;
    }
    if (const auto* hello = std::get_if<Hello>(&message)) {
        on_hello(*adjacency, *hello);
    } else if (auto* flood = std::get_if<Flood>(&message)) {
        on_flood(*adjacency, *flood);
    } else if (const auto* summary = std::get_if<Summary>(&message)) {
        on_summary(*adjacency, *summary);
    } else if (const auto* request = std::get_if<Request>(&message)) {
        on_request(*adjacency, *request);
    } else if (const auto* goodbye = std::get_if<Goodbye>(&message)) {
        on_goodbye(*adjacency, *goodbye);
    }
}

void Node::Impl::on(const event::Alive& alive) {
    if (Adjacency* adjacency = find_adjacency(alive.link)) {
        adjacency->last_heard = now_;
    }
}

void Node::Impl::on(const event::Settled& settled) {
    if (Adjacency* adjacency = find_adjacency(settled.link)) {
        adjacency->last_heard = now_;
        adjacency->control.on_settled(settled.token);
    }
}

void Node::Impl::on(const event::Credit& credit) {
    if (Adjacency* adjacency = find_adjacency(credit.link)) {
        adjacency->control.set_credit(credit.credit);
    }
}

void Node::Impl::on(const event::LocalAddress& change) {
    if (!own_addresses_.on_change(now_, change, config_.limits)) {
        ++counters_.over_limit;
        note(NoteLevel::kWarning, "ADDRESS_LIMIT", "local address not announced: over the limit");
    }
}

void Node::Impl::on(const event::SetCost& change) {
    Adjacency* adjacency = find_adjacency(change.link);
    if (adjacency == nullptr) {
        return;
    }
    adjacency->cost = std::clamp<Cost>(change.cost, 1, 65'535);
    adjacency->hello_owed = true;
    if (adjacency->state == AdjacencyState::kFull) {
        request_origination();  // at once, unless costs change all the time
    }
}

void Node::Impl::on(const event::Drain& drain) {
    if (draining_ != drain.on && !stopped_) {
        draining_ = drain.on;
        originate();
        note(NoteLevel::kInfo, "DRAIN", draining_ ? "draining" : "drain undone");
    }
}

void Node::Impl::on(const event::Stop&) {
    if (stopped_) {
        return;
    }
    stopped_ = true;
    originate();
    const Reason reason = draining_ ? Reason::kDrained : Reason::kShutdown;
    while (!adjacencies_.empty()) {
        Adjacency& adjacency = adjacencies_.begin()->second;
        pump(adjacency);
        send(adjacency, encode(Goodbye{.reason = reason, .retry_after_ms = 0}));
        lose(adjacency.link,
             "router stops",
             LinkClose{adjacency.link, "amqp:connection:forced", "router is stopping", 0});
    }
    note(NoteLevel::kInfo, "ROUTER_STOP", "router " + config_.name + " stops");
}

void Node::Impl::on(const event::Tick& tick) {
    if (tick.loop_lag > 10 * kMillisecond) {
        mark(Mark::kLoopLag);
    }
    if (tick.loop_lag > 0) {
        // Our own stall must not be taken for the silence of everyone else.
        for (auto& [link, adjacency] : adjacencies_) {
            adjacency.last_heard = std::min(now_, adjacency.last_heard + tick.loop_lag);
            adjacency.last_hello = std::min(now_, adjacency.last_hello + tick.loop_lag);
            adjacency.up_at = std::min(now_, adjacency.up_at + tick.loop_lag);
        }
    }
    detect_losses();
}

void Node::Impl::run_timers() {
    if (own_addresses_.due() && *own_addresses_.due() <= now_) {
        flush_own_addresses();
    }
    if (starting_until_ && *starting_until_ <= now_) {
        starting_until_.reset();
        request_origination();
    }
    if (!stopped_ && ((origination_due_ && *origination_due_ <= now_) || refresh_due_ <= now_)) {
        originate();
    }
    expire_records();
    release_deferred();
    for (auto& [link, adjacency] : adjacencies_) {
        if (adjacency.hello_due <= now_) {
            adjacency.hello_owed = true;
            adjacency.hello_due = now_ + kSecond;
        }
        maybe_full(adjacency);
    }
}

void Node::Impl::finish_step() {
    if (fence_wanted_) {
        fence();
    }
    if (schedule_.due()) {
        if (*schedule_.due() <= now_) {
            routes_.run(lsdb_, rid_, *effects_);
            ++counters_.spf_runs;
            counters_.spf_without_effect += effects_->routes.empty() ? 1U : 0U;
            effects_->ran_spf = true;
            if (change_since_) {
                counters_.last_convergence = now_ - *change_since_;
                counters_.max_convergence =
                    std::max(counters_.max_convergence, counters_.last_convergence);
                change_since_.reset();
            }
            schedule_.on_run(
                now_, routes_.topology()->ids.size(), routes_.topology()->edges.size());
            topology_dirty_ = false;
            choose_again_from_ = 0;
        }
    } else if (topology_dirty_) {
        const RouterId from = std::exchange(choose_again_from_, 0);
        routes_.update_topology(lsdb_, rid_, from, *effects_);
        topology_dirty_ = false;
    }
    for (auto& [link, adjacency] : adjacencies_) {
        pump(adjacency);
    }
}

std::optional<Time> Node::Impl::next_deadline() const {
    if (!started_) {
        return std::nullopt;
    }
    std::optional<Time> earliest;
    keep_earliest(earliest, own_addresses_.due());
    keep_earliest(earliest, starting_until_);
    keep_earliest(earliest, lsdb_.next_expiry());
    keep_earliest(earliest, schedule_.due());
    if (!stopped_) {
        keep_earliest(earliest, origination_due_);
        keep_earliest(earliest, refresh_due_);
    }
    for (const auto& [slot, due] : deferred_) {
        keep_earliest(earliest, due);
    }
    for (const auto& [link, adjacency] : adjacencies_) {
        keep_earliest(earliest, adjacency.hello_due);
        keep_earliest(earliest, loss_deadline(adjacency));
        const Time held = damping_.held_until(adjacency.peer);
        if (adjacency.state == AdjacencyState::kSync && !adjacency.ready && held > now_) {
            keep_earliest(earliest, held);
        }
    }
    return earliest;
}

void Node::Impl::note(NoteLevel level, const char* code, std::string text) {
    effects_->notes.push_back({level, code, std::move(text)});
}

void Node::Impl::over_limit(const std::string& what) {
    ++counters_.over_limit;
    note_limit(what);
}

void Node::Impl::note_limit(const std::string& what) {
    if (now_ >= next_limit_note_) {
        next_limit_note_ = now_ + kLimitNoteInterval;
        note(NoteLevel::kWarning, "DATABASE_LIMIT", "a limit is reached: no room for " + what);
    }
}

// Spreads an interval over +-25 % so that routers started together do not stay in step.
Time Node::Impl::jittered(Time interval) {
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return interval - interval / 4 + (random_ >> 33U) % (interval / 2 + 1);
}

Node::Node(Config config, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(std::move(config), seed)) {}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Node::~Node() = default;
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node&&) noexcept = default;

void Node::handle(Time now, const Event& event, Effects& effects) {
    impl_->handle(now, event, effects);
}

std::optional<Time> Node::next_deadline() const {
    return impl_->next_deadline();
}

std::uint64_t Node::digest() const {
    return impl_->digest();
}

std::uint64_t Node::conduct() const {
    return impl_->conduct();
}

Node Node::fork() const {
    return Node(std::make_unique<Impl>(*impl_));
}

RouterId Node::id() const {
    return impl_->rid_;
}

NodeView Node::view(Time now) const {
    return impl_->view(now);
}

NodeView Node::summary() const {
    return impl_->summary();
}

void Node::check_invariants() const {
    impl_->check_invariants();
}

}  // namespace amqmesh::routing
