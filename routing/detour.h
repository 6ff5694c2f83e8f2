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
// Back:    if there is no safe one but the change is a loss that the sender had not heard of, the
//          message can go straight back: the news is ahead of it on that connection. When it gets
//          there the sender goes by it, or is about to. (Other news is not taken in at once, so
//          that both might think so of each other.)
// Else:    if none of the last graphs explains why the sender sent it here, then it may be this
//          router whose news is still being taken in. So it waits for that, for kNewsTime. If
//          nothing comes, then the sender knew some of the news only, in a graph that was never
//          seen here: back to it. The same holds if a change that was none for the worse explains
//          it. Not so if the last news is long ago.
// Ends:    on the way from router to router what is known only grows, as the news is ahead of the
//          message wherever it goes; and by one graph messages only get nearer. So each piece of
//          news turns it round once at most, and the hop limit is not needed.
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

/// For how long a router may have news that is not in its routes yet.
inline constexpr Time kNewsTime = 10 * kMillisecond;

struct Detour {
    std::optional<AdjacencyId> link;  ///< our cheapest connection to a safe neighbour
    bool back = false;                ///< the sender had not heard of a loss: back to it
};

/// One thread.
class Detours {
  public:
    /// Where a message of this flow to `target` can go that came from `sender`, to whom our route
    /// leads.
    Detour find(const TopologyHistory& history,
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
