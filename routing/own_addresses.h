// Our own address table on its way out: gives ids to keys and gathers changes into steps. The first
// change goes out at once, later ones in batches of 10 ms.
#pragma once

#include "routing/messages.h"
#include "routing/node.h"
#include "routing/origin_addresses.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace amqmesh::routing {

class OwnAddresses {
  public:
    /// False: refused, the key or the table is over a limit.
    bool on_change(Time now, const event::LocalAddress& change, const Limits& limits);

    [[nodiscard]] std::optional<Time> due() const { return due_; }

    [[nodiscard]] std::size_t size() const { return ids_.size(); }

    /// Applies everything gathered to `table` as steps of at most ~60 KiB.
    void flush(Time now, RouterId rid, std::uint64_t incarnation, OriginAddresses& table);

  private:
    struct Wanted {
        Treatment treatment = Treatment::kBalanced;
        std::uint32_t weight = 1;
        bool present = false;
    };

    [[nodiscard]] std::uint32_t lowest_free_id();
    std::vector<AddressDelta> make_steps();

    std::map<std::string, std::uint32_t> ids_;
    std::set<std::uint32_t> free_ids_;
    std::uint32_t next_id_ = 0;
    std::map<std::string, Wanted> pending_;
    std::optional<Time> due_;
    std::optional<Time> last_flush_;
};

}  // namespace amqmesh::routing
