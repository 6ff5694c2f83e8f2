// Attaches of consumers that have not been answered yet: a client that has its answer may rely on
// it, so every worker's table names the consumer first.
//
// Problem: a worker learns of a consumer by the control thread's next table, and workers take
//          tables in at different moments. A message sent after the answer must find the consumer
//          on whatever worker it arrives, or its sender would see `released`.
// Model:   the first table on the link's own worker that names the consumer sets the generation to
//          wait for; workers tell each other which one they have, while anybody waits.
// Ends:    every table reaches every worker. An attach whose link ends first is forgotten with the
//          next table, which that end brings about.
// Bounds:  one entry per link that is attached.
#pragma once

#include "link/engine.h"
#include "link/ids.h"
#include "link/slab.h"
#include "routing/types.h"

#include <cstdint>
#include <vector>

namespace amqmesh::link {

class Plane;
struct SharedState;

/// A link of this worker, as remembered by lists: both may have ended since.
struct LinkKey {
    std::uint32_t connection = kNoSlot;
    std::uint32_t connection_generation = 0;
    LinkIndex link = 0;
    std::uint32_t link_generation = 0;
};

/// Those of one worker. One thread.
class Unanswered {
  public:
    /// Before the consumer is reported to the control thread.
    void add(SharedState& shared,
             const LinkKey& key,
             routing::AddressHash address,
             Terminus source,
             Terminus target);
    /// This worker has a new table.
    void on_table(Plane& plane);
    /// Another worker has the table of that generation.
    void on_other_worker(Plane& plane, std::uint16_t worker, std::uint64_t generation);

  private:
    struct Entry {
        LinkKey key;
        routing::AddressHash address = 0;
        std::uint64_t generation = 0;  ///< that all workers must have; 0: none here names it
        Terminus source, target;
    };

    [[nodiscard]] bool known_to_all(const Plane& plane, std::uint64_t generation) const;
    void answer(Plane& plane);

    std::vector<Entry> entries_;
    std::vector<std::uint64_t> others_;  // generation by worker, as far as heard
};

}  // namespace amqmesh::link
