// What the pages of a query are cut from: a client that asks page after page gets all of them from
// one moment, whoever else asks in between. Control thread only.
#pragma once

#include "mgmt/agent.h"
#include "mgmt/schema.h"
#include "routing/types.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::router {

/// All rows of a query. Both may be used on any thread.
struct RowPages {
    std::size_t count = 0;
    std::function<std::vector<mgmt::Row>(const mgmt::Page&)> rows;
};

using RowPagesPtr = std::shared_ptr<const RowPages>;

class PageStore {
  public:
    static constexpr std::size_t kMax = 8;  ///< kept at a time; the longest unused one goes first
    static constexpr routing::Time kIdleLimit = 5 * routing::kSecond;  ///< since the latest page
    static constexpr routing::Time kAgeLimit = 60 * routing::kSecond;  ///< since the first page

    /// For the next page: what the asker's first page of that type was cut from, or nullptr.
    RowPagesPtr find(std::string_view type, std::string_view asker, routing::Time now);

    /// In place of what the asker had of that type.
    void keep(std::string_view type, std::string_view asker, RowPagesPtr pages, routing::Time now);

    /// The asker has had its last page.
    void drop(std::string_view type, std::string_view asker);

    /// Those whose time is over, for the caller to destroy where that may take long.
    std::vector<RowPagesPtr> take_old(routing::Time now);

    [[nodiscard]] bool empty() const { return kept_.empty(); }

  private:
    struct Kept {
        std::string type, asker;
        RowPagesPtr pages;
        routing::Time first = 0, latest = 0;
    };

    std::vector<Kept>::iterator place_of(std::string_view type, std::string_view asker);

    std::vector<Kept> kept_;
    std::vector<RowPagesPtr> pushed_out_;
};

}  // namespace amqmesh::router
