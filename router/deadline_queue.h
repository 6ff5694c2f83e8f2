// Which of many objects wants to be called next. One timer serves all connections of a worker, so
// that an idle connection costs a few words and no timer of its own.
#pragma once

#include "routing/types.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace amqmesh::router {

class DeadlineQueue {
  public:
    using Key = std::uint64_t;

    /// Replaces the key's deadline; nothing: it has none.
    void set(Key key, std::optional<routing::Time> deadline) {
        const auto known = by_key_.find(key);
        if (known != by_key_.end()) {
            if (deadline == known->second) {
                return;
            }
            order_.erase({known->second, key});
            by_key_.erase(known);
        }
        if (deadline) {
            by_key_.emplace(key, *deadline);
            order_.emplace(*deadline, key);
        }
    }

    /// The key's deadline, if it has one.
    [[nodiscard]] std::optional<routing::Time> of(Key key) const {
        const auto known = by_key_.find(key);
        return known == by_key_.end() ? std::nullopt : std::optional(known->second);
    }

    [[nodiscard]] std::optional<routing::Time> next() const {
        return order_.empty() ? std::nullopt : std::optional(order_.begin()->first);
    }

    /// Takes out one key whose deadline has come.
    std::optional<Key> take_due(routing::Time now) {
        if (order_.empty() || order_.begin()->first > now) {
            return std::nullopt;
        }
        const Key key = order_.begin()->second;
        order_.erase(order_.begin());
        by_key_.erase(key);
        return key;
    }

  private:
    std::map<Key, routing::Time> by_key_;
    std::set<std::pair<routing::Time, Key>> order_;
};

}  // namespace amqmesh::router
