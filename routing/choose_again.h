// Shortest paths after a change that altered no distance.
//
// Problem: a link came or went beside which there is another, equally short way. Nothing becomes
//          nearer or further, but some preferences change to it or from it.
// Model:   the router at the link's far end chooses again among those before it, and, if anything
//          changed, those behind it do, by ascending distance: each one once.
// Cost:    of the routers behind the link and their links, instead of all.
#pragma once

#include "routing/spf.h"

#include <cstdint>
#include <vector>

namespace amqmesh::routing {

/// `spf` was computed from topology.self and has the distances of `topology` already; `start` is
/// where preferences may have changed. Afterwards it is as computed anew. Returns the routers whose
/// paths, and maybe first hops, are others.
std::vector<std::uint32_t> choose_again_from(const Topology& topology,
                                             Spf& spf,
                                             std::uint32_t start);

}  // namespace amqmesh::routing
