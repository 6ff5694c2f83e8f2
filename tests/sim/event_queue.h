// What will happen, by time and number. Items stand still in slots and only small keys move about
// in the heap: worlds of a thousand routers have a million of them under way.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace amqmesh::sim {

/// `Item` has `at` and `number`, which together are unique.
template <typename Item>
class EventQueue {
  public:
    [[nodiscard]] bool empty() const { return heap_.empty(); }

    /// When the next one happens. REQUIRES: not empty.
    [[nodiscard]] auto next_at() const { return heap_.front().at; }

    void push(Item item) {
        std::size_t slot = items_.size();
        if (free_.empty()) {
            items_.emplace_back();
        } else {
            slot = free_.back();
            free_.pop_back();
        }
        heap_.push_back({item.at, item.number, slot});
        std::push_heap(heap_.begin(), heap_.end(), later);
        items_[slot] = std::move(item);
    }

    /// The next one leaves the queue. REQUIRES: not empty.
    Item pop() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        const std::size_t slot = heap_.back().slot;
        heap_.pop_back();
        free_.push_back(slot);
        return std::move(items_[slot]);
    }

  private:
    struct Key {
        decltype(Item::at) at = 0;
        std::uint64_t number = 0;
        std::size_t slot = 0;
    };

    static bool later(const Key& a, const Key& b) {
        return std::tie(a.at, a.number) > std::tie(b.at, b.number);
    }

    std::vector<Key> heap_;
    std::vector<Item> items_;
    std::vector<std::size_t> free_;
};

}  // namespace amqmesh::sim
