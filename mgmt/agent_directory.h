// Entities as the agent finds them: what the Source reports, and the few that the agent itself
// stands for. Private to the agent.
#pragma once

#include "mgmt/agent.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::mgmt {

/// What a request says about the one entity it is for.
struct Wanted {
    const EntityType* type = nullptr;  ///< nullptr: of any type
    std::string name, identity;        ///< empty: not given
};

/// `row` is nullptr when there is none.
using FoundDone = std::function<void(Row* row)>;

class Directory {
  public:
    /// `source` is not owned.
    explicit Directory(Source& source) : source_(source) {}

    /// All entities of a type; `name` and `identity` are filled in for each.
    void rows(const EntityType& type, RowsDone done);

    /// Those of a page.
    void page(const EntityType& type, Page page, RowsDone done);

    /// All entities of several types, in order. `types` has static storage behind its pointers.
    void rows_of_all(std::vector<const EntityType*> types, RowsDone done);

    /// The first entity that fits.
    void find_one(Wanted wanted, FoundDone done);

  private:
    Source& source_;
};

/// What is on the page.
std::vector<Row> cut(std::vector<Row> rows, Page page);

/// `name` and `identity` (those given) are the row's, or are so with the type's name in front
/// ("router.node/A" may be asked for as "A"). Neither given: fits a singleton.
bool fits(const Row& row, const Wanted& wanted);

}  // namespace amqmesh::mgmt
