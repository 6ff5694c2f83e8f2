// The live view: what happened between two looks at a node, per second. Pure.
#pragma once

#include "mgmt/cli/management_client.h"

#include <cstddef>
#include <string>

namespace amqmesh::cli {

/// One look.
struct Look {
    double at_s = 0;  ///< of any clock that only goes forward
    Rows router, addresses;
};

struct WatchLayout {
    std::size_t width = 0;   ///< 0: any
    std::size_t height = 0;  ///< lines at most; 0: any
    bool colours = false;
};

/// Headline and the busiest addresses; rates since `before`, which may be the same look.
std::string watch_text(const Look& before, const Look& now, const WatchLayout& layout);

}  // namespace amqmesh::cli
