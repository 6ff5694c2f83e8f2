// Where an anycast message goes by the routes as they are at this moment, as link/ forwards it
// (link/choose.cpp, link/forwarder_pins.cpp): by its flow's preference; what would go straight back
// where it came from takes a way round by a nearer neighbour, or waits.
#pragma once

#include "routing/detour.h"
#include "tests/sim/world.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace amqmesh::sim {

enum class WalkEnd : std::uint8_t {
    kArrives,
    kWaits,    ///< no route, a connection that is gone, or only back
    kCircles,  ///< passes a router again, coming from the same one
};

struct Walk {
    WalkEnd end = WalkEnd::kArrives;
    std::size_t circle = 0;  ///< hops until it passes the same place again
};

class Walker {
  public:
    /// `repair`: with local repair, which Amqmesh does not do, to see what it would bring. For a
    /// time after a change a router whose next hop may not have heard of it yet sends to a
    /// neighbour instead whose path is the same before and after.
    explicit Walker(const World& world, bool repair = false) : world_(world), repair_(repair) {}

    /// From a client of `from`; `flow` chooses among the preferences.
    Walk walk(std::size_t from, std::size_t to, std::uint64_t flow);

    /// Of what comes to `at` from any neighbour, on its way to `to`: the hops of the longest circle
    /// it can get into; 0: none.
    std::size_t longest_circle(std::size_t at, std::size_t to, std::uint64_t flow);

    /// The cable that the route leads over, connected or not; nothing: no route.
    [[nodiscard]] std::optional<std::size_t> next_cable(std::size_t at,
                                                        std::size_t to,
                                                        std::uint64_t flow) const;

    /// Whether `at` and the next router would send to each other.
    bool goes_back(std::size_t at, std::size_t to, std::uint64_t flow) const;

  private:
    static constexpr std::size_t kNowhere = ~std::size_t{0};

    // By the route alone. Nothing: none, or over a connection that is gone.
    [[nodiscard]] std::optional<std::size_t> next(std::size_t at,
                                                  std::size_t to,
                                                  std::uint64_t flow) const;
    std::optional<std::size_t> next_from(std::size_t before,
                                         std::size_t at,
                                         std::size_t to,
                                         std::uint64_t flow);
    std::optional<std::size_t> way_round(std::size_t before,
                                         std::size_t at,
                                         std::size_t to,
                                         std::uint64_t flow);
    [[nodiscard]] std::optional<std::size_t> over(std::size_t at, AdjacencyId link) const;
    Walk go(std::size_t before, std::size_t from, std::size_t to, std::uint64_t flow);

    std::optional<std::size_t> repaired(std::size_t at,
                                        std::size_t next,
                                        std::size_t to,
                                        std::uint64_t flow);
    const routing::Spf& paths(const routing::Topology& topology, RouterId target);
    [[nodiscard]] bool news(std::size_t at) const;

    static constexpr std::size_t kPathsMax = 4096;

    const World& world_;
    bool repair_;
    std::map<std::pair<std::uint64_t, RouterId>, routing::Spf> paths_;  // by digest and target
    routing::Detours detours_;
};

}  // namespace amqmesh::sim
