// Objects in stable slots with generations: a (slot, generation) pair names one life of an object
// and is safe to keep after that life ended. Blocks are never moved; one owner thread.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace amqmesh::link {

inline constexpr std::uint32_t kNoSlot = 0xffffffffU;

template <typename T>
class Slab {
  public:
    /// A free slot with a default-constructed-or-recycled object; the caller resets it.
    std::uint32_t take() {
        if (free_.empty()) {
            grow();
        }
        const auto slot = free_.back();
        free_.pop_back();
        entry(slot).live = true;
        ++live_;
        return slot;
    }

    void give_back(std::uint32_t slot) {
        auto& e = entry(slot);
        assert(e.live);
        e.live = false;
        ++e.generation;
        free_.push_back(slot);
        --live_;
    }

    [[nodiscard]] T& at(std::uint32_t slot) { return entry(slot).object; }

    [[nodiscard]] std::uint32_t generation(std::uint32_t slot) const {
        return entry(slot).generation;
    }

    /// nullptr when that life is over.
    [[nodiscard]] T* find(std::uint32_t slot, std::uint32_t generation) {
        if (slot / kBlock >= blocks_.size()) {
            return nullptr;
        }
        auto& e = entry(slot);
        return e.live && e.generation == generation ? &e.object : nullptr;
    }

    [[nodiscard]] std::size_t live() const { return live_; }

    template <typename Visit>
    void for_each(Visit visit) {
        for (std::uint32_t slot = 0; slot < blocks_.size() * kBlock; ++slot) {
            if (entry(slot).live) {
                visit(slot, entry(slot).object);
            }
        }
    }

    /// Visits live objects among the next `budget` slots after `cursor`, which moves on. True: the
    /// end was reached.
    template <typename Visit>
    bool visit_some(std::uint32_t& cursor, std::uint32_t budget, Visit visit) {
        const auto end = static_cast<std::uint32_t>(
            std::min<std::size_t>(blocks_.size() * kBlock, std::size_t{cursor} + budget));
        for (; cursor < end; ++cursor) {
            if (entry(cursor).live) {
                visit(cursor, entry(cursor).object);
            }
        }
        return cursor >= blocks_.size() * kBlock;
    }

  private:
    static constexpr std::size_t kBlock = 64;

    struct Entry {
        T object{};
        std::uint32_t generation = 1;
        bool live = false;
    };

    using Block = std::array<Entry, kBlock>;

    [[nodiscard]] Entry& entry(std::uint32_t slot) {
        return (*blocks_[slot / kBlock])[slot % kBlock];
    }

    [[nodiscard]] const Entry& entry(std::uint32_t slot) const {
        return (*blocks_[slot / kBlock])[slot % kBlock];
    }

    void grow() {
        const auto first = static_cast<std::uint32_t>(blocks_.size() * kBlock);
        blocks_.push_back(std::make_unique<Block>());
        for (std::uint32_t i = kBlock; i > 0; --i) {
            free_.push_back(first + i - 1);
        }
    }

    std::vector<std::unique_ptr<Block>> blocks_;
    std::vector<std::uint32_t> free_;
    std::size_t live_ = 0;
};

}  // namespace amqmesh::link
