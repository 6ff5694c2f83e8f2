// Multicast trees of the origins seen lately, for the topology in force.
#pragma once

#include "routing/topology.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace amqmesh::link {

class TreeCache {
  public:
    static constexpr std::size_t kTreesMax = 1024;

    const routing::MulticastTree& tree(const routing::Topology& topology,
                                       routing::RouterId origin) {
        if (version_ != topology.version || trees_.size() >= kTreesMax) {
            trees_.clear();
            version_ = topology.version;
        }
        const auto found = trees_.find(origin);
        return found != trees_.end()
                   ? found->second
                   : trees_.emplace(origin, routing::compute_multicast_tree(topology, origin))
                         .first->second;
    }

  private:
    std::uint64_t version_ = 0;
    std::unordered_map<routing::RouterId, routing::MulticastTree> trees_;
};

}  // namespace amqmesh::link
