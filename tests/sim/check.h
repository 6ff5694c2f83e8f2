// The judge: what every router should know, computed independently of routing/ from the physical
// world (Bellman-Ford over the cables that are connected), and compared with what its driver holds.
#pragma once

#include "tests/sim/world.h"

#include <cstdint>
#include <string>
#include <vector>

namespace amqmesh::sim {

/// Empty when every router knows exactly the truth: routes, unreachability, addresses, equal
/// digests per component. Otherwise the first difference, in words.
std::string difference(const World& world);

/// From a router to each other one over the cables that are connected; a huge number where there is
/// no way.
std::vector<std::uint64_t> distances(const World& world, std::size_t from);

/// Empty when a multicast from every router reaches each router of its component exactly once,
/// following each router's own tree. REQUIRES: difference() is empty.
std::string multicast_difference(const World& world);

/// Every cable that can carry a connection does, every connection is in its routers' graphs, and no
/// router is paused.
bool connected(const World& world);

/// Routers that exchange messages with each other, as component numbers; crashed ones alone.
std::vector<std::size_t> components(const World& world);

}  // namespace amqmesh::sim
