// A histogram of times as a small, self-contained SVG picture.
#pragma once

#include "routing/types.h"

#include <string>
#include <vector>

namespace amqmesh::sim {

struct Series {
    std::string name;
    std::vector<routing::Time> values;
};

/// One panel per series, on axes of their own.
std::string histogram_svg(const std::string& title, const std::vector<Series>& series);

}  // namespace amqmesh::sim
