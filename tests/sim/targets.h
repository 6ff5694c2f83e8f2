// The numbers that ROUTING 2.1 aims at, beside what is measured: simulated time where time counts
// in the mesh, real time where the processor counts.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace amqmesh::sim {

struct Target {
    std::string what;
    std::string unit;
    double limit = 0;  ///< at most
    double measured = 0;

    [[nodiscard]] bool met() const { return measured <= limit; }
};

/// `folder` holds the *.edges files of real networks. Takes a minute or two. `progress` is told
/// what is measured next. What could not be measured is named in `failure`.
std::vector<Target> measure_targets(const std::string& folder,
                                    const std::function<void(const std::string&)>& progress,
                                    std::string& failure);

}  // namespace amqmesh::sim
