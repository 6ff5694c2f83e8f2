// One link to a neighbour: what the Hello exchange knows of it, and what waits to be sent on it.
// Plain data with the questions it can answer by itself; the node moves it from state to state.
#pragma once

#include "routing/flood_queue.h"
#include "routing/messages.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::routing {

/// The transport of one control link, as far as the core sees it: credit, and what the neighbour
/// has not acknowledged yet. The window keeps a Hello from standing behind much data.
class ControlLink {
  public:
    void set_credit(std::uint32_t credit) { credit_ = credit; }

    [[nodiscard]] std::uint32_t credit() const { return credit_; }

    [[nodiscard]] bool may_send_hello() const { return credit_ > 0; }

    /// One credit is kept for the next Hello, unless that would mean never sending anything else.
    [[nodiscard]] bool may_send_data() const;
    std::uint64_t on_send(std::size_t bytes);
    /// False: no such token.
    bool on_settled(std::uint64_t token);

    [[nodiscard]] std::size_t unsettled() const { return unsettled_.size(); }

  private:
    std::uint32_t credit_ = 0;
    std::uint64_t last_token_ = 0;
    std::map<std::uint64_t, std::size_t> unsettled_;
    std::size_t unsettled_bytes_ = 0;
};

/// What the neighbour's Summary listed and we have not got yet.
struct Awaited {
    bool lsp = false;
    OriginSummary version;
    bool addresses = false;
};

/// A table that arrives in parts.
struct Assembly {
    AddressDelta head;
    std::vector<AddressEntry> entries;
    std::size_t bytes = 0;
    std::uint32_t next_part = 0;
};

struct Adjacency {
    AdjacencyId link = 0;
    Cost cost = 1;
    AdjacencyState state = AdjacencyState::kInit;
    Time since = 0;

    // The neighbour, as its last Hello described it.
    RouterId peer = 0;
    std::string peer_name;
    std::uint64_t peer_life = 0;
    std::uint32_t peer_link = 0;
    Cost peer_cost = 1;
    std::uint32_t heartbeat_ms = 0;
    std::uint32_t detect_mult = 0;

    // Life.
    Time up_at = 0;
    Time last_heard = 0;
    Time last_hello = 0;
    Time hello_due = 0;
    bool hello_owed = true;

    // Synchronisation (state SYNC).
    Time sync_started = 0;
    bool summary_sent = false;
    bool summary_open = false;  // the neighbour's has begun and not ended
    bool summary_complete = false;
    bool ready = false;       // we have everything the neighbour announced
    bool peer_ready = false;  // and it has everything that we announced
    std::map<RouterId, Awaited> awaited;
    std::set<RouterId> mentioned;

    // Anti-entropy: how often, and since when, the same two digests have differed with nothing
    // under way, and when to do something about it.
    std::uint32_t mismatches = 0;
    std::uint64_t mismatch_key = 0;
    Time mismatch_since = 0;
    Time repair_at = 0;

    // To be sent, in this order: hello, outbox, owed records, parts of a table.
    ControlLink control;
    std::deque<std::string> outbox;
    std::size_t outbox_bytes = 0;
    FloodQueue queue;
    std::deque<std::string> table_parts;

    std::optional<Assembly> assembly;
    std::map<RouterId, Time> requested;  // so that one gap asks once, not per step
    std::deque<Time> offences;

    [[nodiscard]] bool synchronising() const { return state >= AdjacencyState::kSync; }

    [[nodiscard]] bool owing() const;
};

}  // namespace amqmesh::routing
