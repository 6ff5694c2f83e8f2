// What a member of the mesh that lies would send.
#pragma once

#include "tests/sim/random.h"
#include "tests/sim/world.h"

#include <cstddef>
#include <string>

namespace amqmesh::sim {

/// A Flood with a link state that its owner never issued: often of the receiver itself, of an
/// earlier or later life, or with a number near the end of the range; its links are made up.
std::string forged_link_state(const World& world, std::size_t receiver, Random& random);

}  // namespace amqmesh::sim
