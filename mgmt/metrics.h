// The node's counters as Prometheus reads them (text exposition format 0.0.4).
#pragma once

#include "mgmt/agent.h"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace amqmesh::mgmt {

struct MetricsOptions {
    /// Addresses with series of their own: the busiest ones. The rest is counted, not listed, so
    /// that clients cannot make the monitoring grow without end.
    std::size_t addresses_max = 1000;
    std::size_t histograms_max = 100;  ///< of those addresses; each is 13 series
    std::size_t neighbours_max = 1000;
    std::size_t routers_max = 1000;
};

/// Rows of one moment, as Source::query() gives them.
struct MetricsRows {
    std::vector<Row> router, connections, addresses, nodes;
};

std::string metrics_text(const MetricsRows& rows, const MetricsOptions& options);

/// Asks `source` (not owned; outlives the answer) and calls `done` with the text, during the call
/// or later.
void gather_metrics(Source& source,
                    const MetricsOptions& options,
                    std::function<void(std::string&&)> done);

}  // namespace amqmesh::mgmt
