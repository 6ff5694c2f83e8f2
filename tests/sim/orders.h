// Small worlds looked at completely: every order in which messages can arrive and things can
// happen.
//
// Problem: a random run tries one order of what is under way at the same time; a mistake may need
//          another one.
// Model:   2..4 real nodes, FIFO links. From a state, everything that can be next is tried: the
//          first message of any direction of any link, either end's notice of a loss or of a new
//          link, anything else that is to happen, and (a bounded number of times) a timer that is
//          faster than what is under way. States that were seen before are not entered again; they
//          are told apart by Node::conduct() and by what is under way (64 bits of hash).
// Judged:  after every step the node's own invariants, that no record went back, and that no
//          message to a living router could run in a circle of more than two; and after every
//          order's end, some quiet seconds later, that everybody knows the truth and nothing had to
//          be repaired.
#pragma once

#include "tests/sim/small_mesh.h"

#include <cstddef>
#include <string>
#include <vector>

namespace amqmesh::sim {

struct Looked {
    std::string failure;  ///< empty: all held; else why, and the order that led there
    std::size_t states = 0;
    std::size_t steps = 0;    ///< from one state to the next
    std::size_t ends = 0;     ///< different last states
    std::size_t longest = 0;  ///< steps in the longest order
    bool complete = true;     ///< false: states_max was reached
};

Looked look_at_all_orders(const SmallWorld& world);

/// All connected graphs of so many routers, one of each shape.
std::vector<SmallWorld::Links> connected_shapes(std::size_t routers);

/// Every such graph with every choice of so many things that happen to it (1 or 2), one of those
/// that differ only in the names of the routers.
std::vector<SmallWorld> small_worlds(std::size_t routers, std::size_t happenings);

/// "3 routers ab ac: lose ab, crash c"
std::string describe(const SmallWorld& world);

}  // namespace amqmesh::sim
