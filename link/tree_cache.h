// Multicast trees of the origins seen lately, for the topology in force and those before it.
#pragma once

#include "routing/topology_history.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace amqmesh::link {

class TreeCache {
  public:
    static constexpr std::size_t kTreesMax = 1024;  ///< of each topology

    const routing::MulticastTree& tree(const routing::Topology& topology,
                                       routing::RouterId origin) {
        auto& trees = trees_of(topology.version);
        const auto found = trees.find(origin);
        if (found != trees.end()) {
            return found->second;
        }
        if (trees.size() >= kTreesMax) {
            trees.clear();
        }
        return trees.emplace(origin, routing::compute_multicast_tree(topology, origin))
            .first->second;
    }

  private:
    using Trees = std::unordered_map<routing::RouterId, routing::MulticastTree>;

    struct Version {
        std::uint64_t version = 0;
        Trees trees;
    };

    Trees& trees_of(std::uint64_t version) {
        // The newest versions are asked for most: the oldest makes room.
        Version* oldest = &versions_[0];
        for (auto& entry : versions_) {
            if (entry.version == version) {
                return entry.trees;
            }
            oldest = entry.version < oldest->version ? &entry : oldest;
        }
        oldest->version = version;
        oldest->trees.clear();
        return oldest->trees;
    }

    std::array<Version, routing::TopologyHistory::kVersions> versions_;
};

}  // namespace amqmesh::link
