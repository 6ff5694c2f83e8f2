// Memory of how neighbours behaved, beyond the life of one link: good news slow, bad news fast.
//
// A neighbour whose link went down three times, each within 60 s of the one before, is let back in
// only after 1, 2, 4 … 60 s. Parallel links that go down together count once. A refused neighbour
// (other area, version, duplicate id) is told to come back after the same series. Bounded: the
// neighbour heard of longest ago is forgotten first.
#pragma once

#include "routing/types.h"

#include <cstdint>
#include <map>

namespace amqmesh::routing {

class Damping {
  public:
    /// A link to this peer, up since `up_since`, went down.
    void on_down(Time now, RouterId peer, Time up_since);
    /// How long to tell a refused peer to stay away.
    std::uint32_t on_refused(Time now, RouterId peer);

    /// From when on a link to this peer may count as up.
    [[nodiscard]] Time held_until(RouterId peer) const;
    [[nodiscard]] std::uint64_t flaps(RouterId peer) const;

  private:
    struct History {
        Time last = 0;
        Time held_until = 0;
        std::uint32_t level = 0;
        std::uint64_t flaps = 0;
        Time refused_at = 0;
        std::uint32_t refusals = 0;
    };

    History& history(RouterId peer);

    std::map<RouterId, History> peers_;
};

}  // namespace amqmesh::routing
