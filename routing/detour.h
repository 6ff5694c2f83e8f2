// A way round for a message that would go straight back where it came from (ROUTING 1.6).
//
// Problem: the neighbour that sent it has not yet heard of a change which this router has taken in.
//          The message can wait here until the news has arrived everywhere; or another neighbour
//          may have it at once. But not any that is nearer: that one may have old routes, too, and
//          send it back in a wide circle.
// Answer:  a neighbour is safe if its preferred path to the target is the same in this router's
//          graph and in all those before it, back to the one by which the sender sent it here. All
//          routers on that path have it as theirs, too, whichever of these graphs each of them
//          goes by, as parts of preferred paths are preferred (routing/spf.h): the message arrives.
//          It must be nearer than we are, or else its path may lead over us.
// Not:     if none of the last graphs explains why the sender sent it here, then it may be this
//          router that has not heard of the change. The same if its last news is long ago (the
//          caller's concern).
// Cost:    shortest paths from the target, in each graph in question; kept for the next message.
#pragma once

#include "routing/spf.h"
#include "routing/topology_history.h"
#include "routing/types.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace amqmesh::routing {

/// For how long after a change of the graph a way round is sought.
inline constexpr Time kDetourTime = kSecond;

/// One thread.
class Detours {
  public:
    /// Our cheapest connection to a safe neighbour for a message of this flow to `target` that came
    /// from `sender`; nothing: none is safe.
    std::optional<AdjacencyId> find(const TopologyHistory& history,
                                    RouterId target,
                                    RouterId sender,
                                    std::uint64_t flow);

  private:
    static constexpr std::size_t kKnownMax = 64;

    const Spf& paths(const Topology& topology, RouterId target);
    bool came_over_us(const Topology& topology,
                      const Spf& spf,
                      RouterId us,
                      RouterId sender,
                      std::uint32_t preference) const;

    std::map<std::pair<std::uint64_t, RouterId>, Spf> known_;  // by digest and target
};

}  // namespace amqmesh::routing
