// The live view: what happened between two looks at a node, per second. Pure.
#pragma once

#include "mgmt/cli/management_client.h"

#include <cstddef>
#include <string>
#include <vector>

namespace amqmesh::cli {

/// One look.
struct Look {
    std::string node{};     ///< id; empty: the one connected to
    std::string failure{};  ///< not empty: why there is nothing of it
    double at_s = 0;        ///< of any clock that only goes forward
    Rows router, addresses;
};

struct WatchLayout {
    std::size_t width = 0;   ///< 0: any
    std::size_t height = 0;  ///< lines at most; 0: any
    bool colours = false;
};

/// Headline and the busiest addresses; rates since `before`, which may be the same look.
std::string watch_text(const Look& before, const Look& now, const WatchLayout& layout);

/// A line for each node, of its router row; rates since the look at it in `before`, if there is
/// one.
std::string mesh_watch_text(const std::vector<Look>& before,
                            const std::vector<Look>& now,
                            const WatchLayout& layout);

}  // namespace amqmesh::cli
