// The adjacency state machine of ROUTING 1.3.
//
// DOWN -> INIT on LinkUp; INIT -> SYNC on a Hello that echoes this life of ours on this link; SYNC
// -> FULL when each side has everything that the other announced. Whatever does not fit that order
// ends the connection: a new one starts from a clean state, which is simpler than any way back.
#include "routing/assert.h"
#include "routing/node_impl.h"

#include <algorithm>

namespace amqmesh::routing {

namespace {

constexpr Time kHandshakeMax = 5 * kSecond;
constexpr Time kHelloSilenceMax = 3 * kSecond + 300 * kMillisecond;
constexpr Time kSyncStallMax = 5 * kSecond;
constexpr Time kOffenceMemory = 60 * kSecond;
constexpr std::size_t kOffencesMax = 3;
constexpr std::uint32_t kRetryMaxMs = 300'000;
constexpr Time kFence = 60 * kSecond;

// How late a driver tells its core of bytes (event::Alive), by the heartbeat it is configured with.
Time told_within(std::uint32_t heartbeat_ms) {
    return std::min(std::uint64_t{heartbeat_ms}, std::uint64_t{1000}) * kMillisecond / 3;
}

// When the silence has lasted too long: of any byte, or of Hellos (which tell that the neighbour's
// core works, and hears us). A neighbour that beats faster than we do is heard of at our pace.
Time silent_at(const Adjacency& adjacency, std::uint32_t own_heartbeat_ms) {
    const Time ours = told_within(own_heartbeat_ms);
    const Time silence =
        std::uint64_t{adjacency.heartbeat_ms} * adjacency.detect_mult * kMillisecond +
        (ours - std::min(ours, told_within(adjacency.heartbeat_ms)));
    return std::min(adjacency.last_heard + silence, adjacency.last_hello + kHelloSilenceMax);
}

const char* condition_of(Reason reason) {
    switch (reason) {
        case Reason::kShutdown:
        case Reason::kDrained:
            return "amqp:connection:forced";
        case Reason::kVersion:
            return "amqmesh:version-mismatch";
        case Reason::kArea:
            return "amqmesh:area-mismatch";
        case Reason::kDuplicateId:
            return "amqmesh:duplicate-router-id";
        case Reason::kMalformed:
            return "amqp:decode-error";
        case Reason::kOverLimit:
            return "amqp:resource-limit-exceeded";
    }
    return "amqp:internal-error";
}

const char* text_of(Reason reason) {
    switch (reason) {
        case Reason::kShutdown:
            return "the neighbour stops";
        case Reason::kDrained:
            return "the neighbour has drained and stops";
        case Reason::kVersion:
            return "no common version of the routing protocol";
        case Reason::kArea:
            return "the neighbour is in another area";
        case Reason::kDuplicateId:
            return "two routers have the same name";
        case Reason::kMalformed:
            return "malformed routing messages";
        case Reason::kOverLimit:
            return "routing messages over a limit";
    }
    return "";
}

}  // namespace

Adjacency* Node::Impl::find_adjacency(AdjacencyId link) {
    const auto it = adjacencies_.find(link);
    return it == adjacencies_.end() ? nullptr : &it->second;
}

void Node::Impl::set_state(Adjacency& adjacency, AdjacencyState state) {
    full_count_ += state == AdjacencyState::kFull ? 1U : 0U;
    full_count_ -= adjacency.state == AdjacencyState::kFull ? 1U : 0U;
    adjacency.state = state;
    adjacency.since = now_;
    adjacency.hello_owed = true;
}

void Node::Impl::send_hello(Adjacency& adjacency) {
    adjacency.hello_owed = false;
    adjacency.hello_due = now_ + kSecond;
    Hello hello = {.rid = rid_,
                   .name = config_.name,
                   .life = life_,
                   .peer_rid = adjacency.peer,
                   .peer_life = adjacency.peer_life,
                   .min_version = kWireVersionMin,
                   .max_version = kWireVersionMax,
                   .area = config_.area,
                   .link_id = adjacency.link,
                   .peer_link_id = adjacency.peer_link,
                   .cost = adjacency.cost,
                   .heartbeat_ms = config_.heartbeat_ms,
                   .detect_mult = config_.detect_mult,
                   .state = adjacency.ready ? AdjacencyState::kFull : adjacency.state,
                   .lsdb_digest = lsdb_.digest(),
                   .addr_digest = lsdb_.address_digest(),
                   .lsp_count = lsdb_.count(),
                   .owing = adjacency.owing()};
    send(adjacency, encode(hello));
}

std::optional<Reason> Node::Impl::objection(const Adjacency& adjacency, const Hello& hello) const {
    if (adjacency.peer != hello.rid && hello.rid != router_id(hello.name)) {
        return Reason::kMalformed;
    }
    if (hello.rid == rid_) {
        return Reason::kDuplicateId;
    }
    if (hello.area != config_.area) {
        return Reason::kArea;
    }
    const std::uint32_t version = std::min(hello.max_version, kWireVersionMax);
    if (version < hello.min_version || version < kWireVersionMin) {
        return Reason::kVersion;
    }
    return std::nullopt;
}

void Node::Impl::on_hello(Adjacency& adjacency, const Hello& hello) {
    adjacency.last_hello = now_;
    if (const auto reason = objection(adjacency, hello)) {
        std::string text = text_of(*reason);
        if (*reason == Reason::kDuplicateId) {
            ++counters_.duplicate_id;
            text = hello.life == life_ ? "connected to itself: " + config_.name
                                       : text + ": " + config_.name;
        }
        // Not believed yet, but told apart, unless the id is not even that of its name.
        refuse(adjacency, *reason, text, *reason == Reason::kMalformed ? 0 : hello.rid);
        return;
    }
    const bool first = adjacency.peer == 0;
    const bool echo =
        hello.peer_rid == rid_ && hello.peer_life == life_ && hello.peer_link_id == adjacency.link;
    const bool other_life =
        !first && (adjacency.peer != hello.rid || adjacency.peer_life != hello.life ||
                   adjacency.peer_link != hello.link_id);
    const bool lost_us = adjacency.synchronising() && !echo;
    const bool lost_data = adjacency.peer_ready && hello.state != AdjacencyState::kFull;
    if (other_life || lost_us || lost_data) {
        mark(Mark::kStartedOver);
        lose(adjacency.link,
             "neighbour started over",
             LinkClose{adjacency.link, "amqp:connection:forced", "neighbour started over", 0});
        return;
    }
    adjacency.peer = hello.rid;
    adjacency.peer_name = hello.name;
    adjacency.peer_life = hello.life;
    adjacency.peer_link = hello.link_id;
    adjacency.peer_cost = hello.cost;
    adjacency.heartbeat_ms = hello.heartbeat_ms;
    adjacency.detect_mult = hello.detect_mult;
    adjacency.peer_ready = hello.state == AdjacencyState::kFull;
    if (adjacency.state == AdjacencyState::kInit) {
        if (echo) {
            enter_sync(adjacency, hello);
        } else if (first) {
            adjacency.hello_owed = true;
        }
    }
    maybe_full(adjacency);
    maybe_repair(adjacency, hello);
}

// Everything that changed since LinkUp is queued for the neighbour, on both sides. So equal digests
// (its as of its Hello, ours as of now) mean that nothing older is missing either.
void Node::Impl::enter_sync(Adjacency& adjacency, const Hello& hello) {
    set_state(adjacency, AdjacencyState::kSync);
    adjacency.sync_started = now_;
    const bool equal = hello.lsdb_digest == lsdb_.digest() &&
                       hello.addr_digest == lsdb_.address_digest() &&
                       hello.lsp_count == lsdb_.count();
    mark(equal ? Mark::kEqualDigests : Mark::kSummary);
    if (equal) {
        adjacency.summary_complete = true;
    } else if (!adjacency.summary_sent) {
        send_summary(adjacency, false);
    }
}

void Node::Impl::maybe_full(Adjacency& adjacency) {
    if (adjacency.state != AdjacencyState::kSync || !adjacency.summary_complete ||
        !adjacency.awaited.empty()) {
        return;
    }
    if (now_ < damping_.held_until(adjacency.peer)) {
        mark(Mark::kHeldBack);
        return;
    }
    if (full_count_ >= config_.limits.links_per_router) {
        // Nobody would take an LSP that lists more.
        note_limit("another link, to " + adjacency.peer_name);
        return;
    }
    if (!adjacency.ready) {
        adjacency.ready = true;
        adjacency.hello_owed = true;
    }
    if (adjacency.peer_ready) {
        set_state(adjacency, AdjacencyState::kFull);
        starting_until_.reset();
        note(NoteLevel::kInfo, "ADJ_FULL", "neighbour " + adjacency.peer_name + " is up");
        request_origination();
    }
}

void Node::Impl::lose(AdjacencyId link, const char* why, std::optional<LinkClose> close) {
    const auto it = adjacencies_.find(link);
    if (it == adjacencies_.end()) {
        return;
    }
    if (close) {
        effects_->close.push_back(std::move(*close));
    }
    const bool was_full = it->second.state == AdjacencyState::kFull;
    const RouterId peer = it->second.peer;
    const Time full_since = it->second.since;
    if (was_full) {
        note(NoteLevel::kWarning,
             "ADJ_DOWN",
             "neighbour " + it->second.peer_name + " is down: " + why);
    } else {
        note(NoteLevel::kDebug, "LINK_DOWN", std::string("inter-router link is down: ") + why);
    }
    adjacencies_.erase(it);
    if (was_full) {
        --full_count_;
        damping_.on_down(now_, peer, full_since);
        if (!stopped_) {
            originate();
        }
        if (schedule_.due()) {
            schedule_.force(now_);  // a route may lead over it, and must not for a moment longer
        }
    }
}

void Node::Impl::refuse(Adjacency& adjacency,
                        Reason reason,
                        const std::string& text,
                        RouterId who) {
    mark(Mark::kRefused);
    const std::uint32_t retry_ms = damping_.on_refused(now_, who);
    send(adjacency, encode(Goodbye{.reason = reason, .retry_after_ms = retry_ms}));
    note(NoteLevel::kError, "ADJ_REFUSED", text);
    lose(
        adjacency.link, "refused", LinkClose{adjacency.link, condition_of(reason), text, retry_ms});
}

void Node::Impl::on_goodbye(Adjacency& adjacency, const Goodbye& goodbye) {
    const bool orderly = goodbye.reason == Reason::kShutdown || goodbye.reason == Reason::kDrained;
    if (goodbye.reason == Reason::kDuplicateId) {
        ++counters_.duplicate_id;
    }
    note(orderly ? NoteLevel::kInfo : NoteLevel::kError,
         orderly ? "PEER_GOODBYE" : "PEER_REFUSED",
         "neighbour " + adjacency.peer_name + ": " + text_of(goodbye.reason));
    lose(adjacency.link,
         "goodbye",
         LinkClose{adjacency.link,
                   condition_of(goodbye.reason),
                   text_of(goodbye.reason),
                   std::min(goodbye.retry_after_ms, kRetryMaxMs)});
}

void Node::Impl::on_offence(Adjacency& adjacency, Fault fault) {
    ++(fault == Fault::kMalformed ? counters_.malformed : counters_.over_limit);
    std::deque<Time>& offences = adjacency.offences;
    while (!offences.empty() && offences.front() + kOffenceMemory < now_) {
        offences.pop_front();
    }
    offences.push_back(now_);
    if (offences.size() >= kOffencesMax) {
        const Reason reason = fault == Fault::kMalformed ? Reason::kMalformed : Reason::kOverLimit;
        refuse(adjacency, reason, text_of(reason), adjacency.peer);
    }
}

std::optional<Time> Node::Impl::loss_deadline(const Adjacency& adjacency) const {
    if (adjacency.peer == 0 || adjacency.state == AdjacencyState::kInit) {
        return adjacency.up_at + kHandshakeMax;
    }
    Time deadline = silent_at(adjacency, config_.heartbeat_ms);
    const bool waiting = !adjacency.summary_complete || !adjacency.awaited.empty();
    if (adjacency.state == AdjacencyState::kSync && waiting) {
        deadline = std::min(deadline, adjacency.sync_started + kSyncStallMax);
    }
    return deadline;
}

void Node::Impl::detect_losses() {
    std::vector<AdjacencyId> lost;
    for (const auto& [link, adjacency] : adjacencies_) {
        if (*loss_deadline(adjacency) <= now_) {
            lost.push_back(link);
        }
    }
    for (const AdjacencyId link : lost) {
        const Adjacency& adjacency = adjacencies_.at(link);
        const char* why = "neighbour is silent";
        Mark rare = Mark::kSilence;
        if (adjacency.peer == 0 || adjacency.state == AdjacencyState::kInit) {
            why = "no complete handshake in time";
            rare = Mark::kHandshakeTimeout;
        } else if (adjacency.state == AdjacencyState::kSync &&
                   silent_at(adjacency, config_.heartbeat_ms) > now_) {
            why = "no progress in synchronisation";
            rare = Mark::kSyncStall;
        }
        mark(rare);
        lose(link, why, LinkClose{link, "amqp:resource-limit-exceeded", why, 0});
    }
}

void Node::Impl::fence() {
    fence_wanted_ = false;
    fenced_until_ = now_ + kFence;
    while (!adjacencies_.empty()) {
        refuse(adjacencies_.begin()->second,
               Reason::kDuplicateId,
               "another router of longer standing has the name " + config_.name,
               adjacencies_.begin()->second.peer);
    }
}

}  // namespace amqmesh::routing
