#include "routing/topology_history.h"

#include "routing/assert.h"

#include <algorithm>
#include <utility>

namespace amqmesh::routing {

void TopologyHistory::add(std::shared_ptr<const Topology> topology) {
    AMQMESH_ASSERT(topology != nullptr);
    if (recent_[0] && recent_[0]->digest != topology->digest) {
        std::move_backward(recent_.begin(), recent_.end() - 1, recent_.end());
    }
    recent_[0] = std::move(topology);
}

const Topology* TopologyHistory::find(std::uint16_t digest) const {
    const auto found =
        std::find_if(recent_.begin(), recent_.end(), [&](const std::shared_ptr<const Topology>& t) {
            return t && label_digest(*t) == digest;
        });
    return found == recent_.end() ? nullptr : found->get();
}

}  // namespace amqmesh::routing
