// The parts of Node and how they are wired; private to node*.cpp.
//
// node.cpp            events in, timers, commands
// node_adjacency.cpp  Hello, states, loss, refusal
// node_sync.cpp       summaries, requests, anti-entropy
// node_flooding.cpp   LSPs in, own LSP out, the pump of every control link
// node_addresses.cpp  address steps and tables
// node_view.cpp       copies, digest, invariants
// node_conduct.cpp    digest of what counts for the future
#pragma once

#include "routing/adjacency.h"
#include "routing/codec.h"
#include "routing/damping.h"
#include "routing/lsdb.h"
#include "routing/node.h"
#include "routing/own_addresses.h"
#include "routing/routes.h"
#include "routing/spf_schedule.h"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace amqmesh::routing {

struct Node::Impl {
    using Slot = Lsdb::Slot;
    using Adjacencies = std::map<AdjacencyId, Adjacency>;

    Impl(Config config, std::uint64_t seed);

    void handle(Time now, const Event& event, Effects& effects);
    [[nodiscard]] std::optional<Time> next_deadline() const;
    [[nodiscard]] std::uint64_t digest() const;
    [[nodiscard]] std::uint64_t conduct() const;
    [[nodiscard]] NodeView view(Time now) const;
    [[nodiscard]] NodeView summary() const;
    void check_invariants() const;

    // node.cpp: events
    void on(const event::Start& start);
    void on(const event::LinkUp& up);
    void on(const event::LinkDown& down);
    void on(const event::Frame& frame);
    void on(const event::Alive& alive);
    void on(const event::Settled& settled);
    void on(const event::Credit& credit);
    void on(const event::LocalAddress& change);
    void on(const event::SetCost& change);
    void on(const event::Drain& drain);
    void on(const event::Stop& stop);
    void on(const event::Tick& tick);
    void run_timers();
    void finish_step();
    void note(NoteLevel level, const char* code, std::string text);
    Time jittered(Time interval);
    /// Counts something that is not stored, and says so.
    void over_limit(const std::string& what);
    /// At most once a minute.
    void note_limit(const std::string& what);

    void mark(Mark mark) { ++marks_[static_cast<std::size_t>(mark)]; }

    // node_adjacency.cpp
    void send_hello(Adjacency& adjacency);
    void on_hello(Adjacency& adjacency, const Hello& hello);
    void on_goodbye(Adjacency& adjacency, const Goodbye& goodbye);
    /// The reason to refuse, if there is one.
    [[nodiscard]] std::optional<Reason> objection(const Adjacency& adjacency,
                                                  const Hello& hello) const;
    void enter_sync(Adjacency& adjacency, const Hello& hello);
    void maybe_full(Adjacency& adjacency);
    void set_state(Adjacency& adjacency, AdjacencyState state);
    /// Ends the adjacency here and now; `close` asks the driver to close the connection.
    void lose(AdjacencyId link, const char* why, std::optional<LinkClose> close);
    /// `who`: whose waiting time grows; 0 for all whose id is not known.
    void refuse(Adjacency& adjacency, Reason reason, const std::string& text, RouterId who);
    void on_offence(Adjacency& adjacency, Fault fault);
    void detect_losses();
    [[nodiscard]] std::optional<Time> loss_deadline(const Adjacency& adjacency) const;
    void fence();
    [[nodiscard]] Adjacency* find_adjacency(AdjacencyId link);

    // node_sync.cpp
    void send_summary(Adjacency& adjacency, bool repair);
    void on_summary(Adjacency& adjacency, const Summary& summary);
    /// Tells a router the number of the record of its own that we have buried.
    void send_epitaph(Adjacency& adjacency, Slot slot);
    void on_epitaph(const OriginSummary& theirs);
    void compare_origin(Adjacency& adjacency, const OriginSummary& theirs, bool repair);
    void compare_addresses(Adjacency& adjacency,
                           Slot slot,
                           const OriginSummary& theirs,
                           bool repair);
    void owe_unmentioned(Adjacency& adjacency);
    void on_request(Adjacency& adjacency, const Request& request);
    void request_origin(Adjacency& adjacency, RouterId rid, bool table);
    void note_progress(RouterId rid);
    void maybe_repair(Adjacency& adjacency, const Hello& hello);
    void enqueue(Adjacency& adjacency, std::string message);

    // node_flooding.cpp
    void on_flood(Adjacency& adjacency, Flood& flood);
    Fault on_lsp(Adjacency& adjacency, FloodedLsp& flooded);
    [[nodiscard]] Slot copy_of(const FloodedLsp& flooded) const;
    void on_duplicate(Adjacency& adjacency, Slot slot);
    void store_lsp(Adjacency& from, Lsp lsp, FloodedLsp& flooded);
    void on_own_lsp(Adjacency& adjacency, const Lsp& lsp, std::uint64_t hash);
    void on_fight(const Lsp& lsp);
    void outbid(std::uint64_t incarnation, std::uint64_t seq);
    void on_last_number();
    void on_graph_change(const GraphChange& change);
    void owe_lsp(Slot slot, bool urgent);
    void request_origination();
    void originate();
    [[nodiscard]] Lsp make_lsp() const;
    void expire_records();
    void release_deferred();
    void pump(Adjacency& adjacency);
    bool send_records(Adjacency& adjacency);
    void add_lsps(Adjacency& adjacency, Flood& flood, std::size_t& bytes);
    void add_steps(Adjacency& adjacency, Flood& flood, std::size_t& bytes);
    void send(Adjacency& adjacency, std::string bytes);

    // node_addresses.cpp
    Fault on_delta(Adjacency& adjacency, FloodedDelta& flooded);
    Fault apply_delta(Adjacency& adjacency, Slot slot, AddressDelta& delta, std::string body);
    OriginAddresses::Applied take_delta(Adjacency& adjacency,
                                        Slot slot,
                                        const AddressDelta& delta,
                                        std::string body,
                                        std::vector<AddressDiff>& diffs);
    /// What a step or a table adds has room, or is no more than what it replaces.
    [[nodiscard]] bool has_room(const OriginAddresses& addresses,
                                const AddressDelta& delta,
                                const std::vector<AddressEntry>& added) const;
    bool assemble(Adjacency& adjacency, Slot slot, AddressDelta& delta);
    void on_buckets(Adjacency& adjacency, const Summary& summary);
    void send_table(Adjacency& adjacency, Slot slot, const std::vector<std::uint32_t>& buckets);
    void owe_addresses(Slot slot);
    void drop_addresses(Slot slot);
    void announce_weights(Slot slot);
    void emit_diffs(Slot slot, std::vector<AddressDiff>& diffs);
    void flush_own_addresses();
    /// Makes everyone fetch our table anew, under a number above `beyond`.
    void reissue_own_addresses(std::uint64_t beyond);

    Config config_;
    RouterId rid_ = 0;
    std::uint64_t random_ = 0;
    Time now_ = 0;
    Effects* effects_ = nullptr;  // not owned; set while handle() runs

    bool started_ = false;
    bool stopped_ = false;
    bool draining_ = false;
    std::optional<Time> starting_until_;

    // Own LSP.
    std::uint64_t life_ = 0;
    std::uint64_t incarnation_ = 0;
    std::uint64_t sequence_ = 0;
    Slot self_ = Lsdb::kNone;
    std::optional<Time> origination_due_;
    Time last_origination_ = 0;
    Time origination_interval_ = 0;
    Time refresh_due_ = 0;
    Time next_adoption_ = 0;
    bool renewal_due_ = false;  // the next one beats another life's
    std::deque<Time> fights_;
    bool fence_wanted_ = false;  // another, older router has our name
    Time fenced_until_ = 0;

    Lsdb lsdb_;
    Adjacencies adjacencies_;
    std::size_t full_count_ = 0;  // of them
    Damping damping_;
    Routes routes_;
    SpfSchedule schedule_;
    bool topology_dirty_ = false;
    RouterId choose_again_from_ = 0;    // with topology_dirty_: Routes::update_topology()
    std::optional<Time> change_since_;  // of the graph, not in the routes yet
    OwnAddresses own_addresses_;
    std::map<Slot, Time> deferred_;  // records above their origin's arrival limit
    NodeCounters counters_;
    Time next_limit_note_ = 0;
    Marks marks_ = {};
};

}  // namespace amqmesh::routing
