// Router id -> slot, for lookups only: open addressing with linear probing. Router ids are pieces
// of SHA-256, so their low bits need no further mixing.
#pragma once

#include "routing/assert.h"
#include "routing/types.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace amqmesh::routing {

class SlotIndex {
  public:
    static constexpr std::uint32_t kNone = 0xffffffffU;

    /// kNone: not there.
    [[nodiscard]] std::uint32_t find(RouterId rid) const {
        for (std::size_t i = rid & mask_;; i = (i + 1) & mask_) {
            if (cells_[i].rid == rid) {
                return cells_[i].slot;
            }
            if (cells_[i].rid == 0) {
                return kNone;
            }
        }
    }

    /// REQUIRES: rid != 0, not there.
    void insert(RouterId rid, std::uint32_t slot) {
        AMQMESH_ASSERT(rid != 0);
        if (2 * (count_ + 1) > cells_.size()) {
            grow();
        }
        place({rid, slot});
        ++count_;
    }

    void erase(RouterId rid) {
        std::size_t hole = rid & mask_;
        while (cells_[hole].rid != rid) {
            AMQMESH_ASSERT(cells_[hole].rid != 0);
            hole = (hole + 1) & mask_;
        }
        // What stands behind moves up, unless it would get in front of its place.
        for (std::size_t i = (hole + 1) & mask_; cells_[i].rid != 0; i = (i + 1) & mask_) {
            const std::size_t home = cells_[i].rid & mask_;
            if (((i - home) & mask_) >= ((i - hole) & mask_)) {
                cells_[hole] = cells_[i];
                hole = i;
            }
        }
        cells_[hole] = {};
        --count_;
    }

  private:
    struct Cell {
        RouterId rid = 0;
        std::uint32_t slot = kNone;
    };

    void place(const Cell& cell) {
        std::size_t i = cell.rid & mask_;
        while (cells_[i].rid != 0) {
            i = (i + 1) & mask_;
        }
        cells_[i] = cell;
    }

    void grow() {
        const auto old = std::exchange(cells_, std::vector<Cell>(2 * cells_.size()));
        mask_ = cells_.size() - 1;
        for (const Cell& cell : old) {
            if (cell.rid != 0) {
                place(cell);
            }
        }
    }

    std::vector<Cell> cells_ = std::vector<Cell>(16);
    std::size_t mask_ = 15;
    std::size_t count_ = 0;
};

}  // namespace amqmesh::routing
