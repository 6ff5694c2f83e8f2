// The graphs this router has published lately, so that a multicast delivery that entered the mesh
// under another router's view still finds its tree (ROUTING.md 1.7 step 4).
#pragma once

#include "routing/topology.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace amqmesh::routing {

/// What a mesh label carries of a topology's digest. Two graphs that share it by chance cost a few
/// copies that the duplicate window drops.
inline std::uint16_t label_digest(const Topology& topology) {
    return static_cast<std::uint16_t>(topology.digest >> 48U);
}

class TopologyHistory {
  public:
    static constexpr std::size_t kVersions = 4;

    /// Publishes a graph; the oldest of kVersions is forgotten. One of equal digest replaces the
    /// newest instead: only our own connections differ.
    void add(std::shared_ptr<const Topology> topology);

    /// The newest; empty before the first add().
    [[nodiscard]] const std::shared_ptr<const Topology>& current() const { return recent_[0]; }

    /// The newest of age 0, those before it in order; nullptr: none so old. REQUIRES: below
    /// kVersions
    [[nodiscard]] const Topology* before(std::size_t age) const { return recent_[age].get(); }

    /// The newest one that is labelled so; nullptr: none of them.
    [[nodiscard]] const Topology* find(std::uint16_t digest) const;

  private:
    std::array<std::shared_ptr<const Topology>, kVersions> recent_;  // newest first
};

}  // namespace amqmesh::routing
