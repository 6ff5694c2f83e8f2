// Incoming links that got less credit than they may have, because memory was short: looked at again
// when it is not. One thread.
#pragma once

#include "link/links.h"
#include "link/plane.h"

#include <cstddef>
#include <vector>

namespace amqmesh::link {

/// Each link once, until take(). Links that have gone are forgotten whenever the list has doubled:
/// it has at most twice as many as there were links at a time, and kMin.
class StarvedLinks {
  public:
    void add(Plane& plane, IncomingLink& link, const LinkKey& key);

    /// All that still exist; the list is empty again.
    [[nodiscard]] std::vector<LinkKey> take(Plane& plane);

    [[nodiscard]] std::size_t size() const { return links_.size(); }

    static constexpr std::size_t kMin = 1024;

  private:
    std::vector<LinkKey> links_;
    std::size_t compact_at_ = kMin;
};

}  // namespace amqmesh::link
