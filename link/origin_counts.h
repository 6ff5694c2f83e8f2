// Deliveries by the router where they entered the mesh, for management's `ingressHistogram`.
#pragma once

#include "routing/types.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace amqmesh::link {

class OriginCounts {
  public:
    static constexpr std::size_t kRoutersMax = 1024;  ///< further ones are not told apart: left out

    struct Count {
        routing::RouterId router = 0;
        std::uint64_t deliveries = 0;
    };

    void count(routing::RouterId router) {
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            if (counts_[i].router == router) {
                ++counts_[i].deliveries;
                if (i > 0) {
                    std::swap(counts_[i], counts_[i - 1]);  // who sends much is found soon
                }
                return;
            }
        }
        if (counts_.size() < kRoutersMax) {
            counts_.push_back({router, 1});
        }
    }

    [[nodiscard]] std::span<const Count> all() const { return counts_; }

  private:
    std::vector<Count> counts_;
};

}  // namespace amqmesh::link
