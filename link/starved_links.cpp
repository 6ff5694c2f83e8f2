#include "link/starved_links.h"

#include "link/connection.h"

#include <algorithm>
#include <utility>

namespace amqmesh::link {

namespace {

IncomingLink* find(Plane& plane, const LinkKey& key) {
    auto* connection = plane.connection(key.connection, key.connection_generation);
    auto* link = connection != nullptr ? connection->incoming(key.link) : nullptr;
    return link != nullptr && link->generation == key.link_generation ? link : nullptr;
}

}  // namespace

void StarvedLinks::add(Plane& plane, IncomingLink& link, const LinkKey& key) {
    if (std::exchange(link.starved, true)) {
        return;
    }
    if (links_.size() >= compact_at_) {
        std::erase_if(links_, [&](const LinkKey& one) { return find(plane, one) == nullptr; });
        compact_at_ = std::max(kMin, 2 * links_.size());
    }
    links_.push_back(key);
}

std::vector<LinkKey> StarvedLinks::take(Plane& plane) {
    auto taken = std::exchange(links_, {});
    compact_at_ = kMin;
    std::erase_if(taken, [&](const LinkKey& key) {
        auto* link = find(plane, key);
        if (link != nullptr) {
            link->starved = false;
        }
        return link == nullptr;
    });
    return taken;
}

}  // namespace amqmesh::link
