// Which local consumers there are, by address key; tells when the first comes and the last goes.
// Pure; one thread.
#pragma once

#include "link/ids.h"
#include "routing/types.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace amqmesh::router {

class AddressBook {
  public:
    enum class Change : std::uint8_t {
        kNone,      ///< known already, or never known
        kConsumer,  ///< one more or one less
        kAddress    ///< the first one, or the last one gone
    };

    Change add(std::string_view key, const link::ConsumerId& consumer);
    Change remove(std::string_view key, const link::ConsumerId& consumer);

    [[nodiscard]] std::size_t count(std::string_view key) const;

    [[nodiscard]] std::size_t size() const { return consumers_.size(); }

    /// Calls `visit(key)` for every key, ascending.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (const auto& [key, consumers] : consumers_) {
            visit(key);
        }
    }

  private:
    std::map<std::string, std::set<link::ConsumerId>, std::less<>> consumers_;
};

/// Mobile addresses and those of all routers are told to the mesh; the others live and die on their
/// router.
inline bool is_flooded(std::string_view key) {
    return !key.empty() && (key.front() == 'M' || key.front() == 'T');
}

}  // namespace amqmesh::router
