// How many bytes of payload may wait in memory, for a connection or for a worker's share of the
// process. Who takes in messages looks at it before it lets a peer send more (AMQP 2.5.6, 2.6.7);
// nothing that was let in is dropped for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace amqmesh::link {

struct MemoryBudget {
    std::size_t held = 0;
    std::size_t max = SIZE_MAX;

    [[nodiscard]] bool tight() const { return held > max; }

    /// Well below the bound: those who were held back may go on.
    [[nodiscard]] bool relaxed() const { return held <= max / 4 * 3; }
};

}  // namespace amqmesh::link
