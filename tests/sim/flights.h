// Messages that are on their way while routes change: each hop takes its cable's time, and each
// router goes by the routes it has when the message comes by. Forwarded as link/ does it
// (link/forwarder_pins.cpp).
//
// Why not only the routes of one moment (tests/sim/walk.h): a message does not see those. It is
// sent behind the news that changed the sender's route, over the same connection, so that the next
// router has them when it arrives.
// Exact: what becomes of a message depends on when it is sent only as far as it finds other routes
//        somewhere; so from one sending time the next is known at which anything can differ.
#pragma once

#include "routing/detour.h"
#include "tests/sim/world.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace amqmesh::sim {

/// What became of messages that were under way or sent while routes changed.
struct Flown {
    std::uint64_t messages = 0;   ///< cases: from, to, flow, and which routes they found
    std::uint64_t lost = 0;       ///< on a cable that was cut, or with a router that ended
    std::uint64_t sent_back = 0;  ///< once or more
    std::uint64_t waited = 0;     ///< stood still somewhere
    std::uint64_t given_up = 0;   ///< until their time was over
    std::uint64_t ran_round = 0;  ///< until the hop limit ended them
    Time longest_wait = 0;        ///< of one message, all its waits together
    Time last_wait = 0;           ///< after the change: when the last one went on
    Time longest_extra = 0;       ///< time beyond that of its way when all was over
    std::size_t most_hops = 0;

    void add(const Flown& other);
};

class Flights {
  public:
    /// `send_back`: what comes from a neighbour that has not heard is sent back there.
    Flights(const World& world, std::uint32_t paths, bool send_back);

    /// Something is about to happen: keeps the routes as they are now.
    void begin();

    /// After each event: keeps what it changed.
    void look();

    /// All has happened. Messages between pairs whose way is another one now, or of very many pairs
    /// some. (Of those to routers that are not there any more only whether they run round.)
    Flown judge();

  private:
    struct State {
        Time since = 0;
        bool alive = true;
        std::map<RouterId, std::pair<Cost, std::vector<AdjacencyId>>> routes;
        routing::TopologyHistory topologies;
        Time changed_at = 0;
    };

    struct Place {
        std::size_t before = 0;
        std::size_t at = 0;
        Time time = 0;
    };

    struct Hop {
        enum class Kind : std::uint8_t { kGoes, kGoesBack, kWaits, kLost };

        Kind kind = Kind::kWaits;
        std::size_t cable = 0;
        std::size_t to = 0;
        bool then_back = false;  ///< when it has waited for news
    };

    struct Message {
        std::size_t from = 0;
        std::size_t to = 0;
        std::uint32_t flow = 0;
    };

    static constexpr std::size_t kNowhere = ~std::size_t{0};

    void keep(std::size_t router);
    [[nodiscard]] const State& state_at(std::size_t router, Time time, Time& until) const;
    Hop next(const State& state, const Message& message, const Place& place);
    [[nodiscard]] std::optional<Hop> over(std::size_t at, AdjacencyId link) const;
    /// Sends it at that time; how much later another one would find anything else.
    Time fly(const Message& message, Time sent, Time usual, Flown& flown);
    [[nodiscard]] std::vector<std::size_t> way(const Message& message, bool first) const;
    [[nodiscard]] Time time_of(const std::vector<std::size_t>& way) const;

    const World& world_;
    std::uint32_t paths_;
    bool send_back_;
    Time begun_ = 0;
    std::vector<std::vector<State>> states_;  ///< by router, in order
    std::vector<Time> cut_;                   ///< by cable: when it was found to be cut
    /// By router: which cable and which end each link is, also of those that are gone.
    std::vector<std::map<AdjacencyId, std::pair<std::size_t, std::size_t>>> links_;
    routing::Detours detours_;
};

}  // namespace amqmesh::sim
