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
    /// Generations begin again at 1 behind this one: names are packed with 31 bits for them, and a
    /// busy slot has more lives than that within hours.
    static constexpr std::uint32_t kGenerationMax = 0x7fffffffU;

    /// `first_generation`: of slots that were never used.
    explicit Slab(std::uint32_t first_generation = 1) : first_generation_(first_generation) {}

    /// A free slot with a default-constructed-or-recycled object; the caller resets it.
    std::uint32_t take() {
        if (first_free_ == kNoSlot) {
            grow();
        }
        const auto slot = first_free_;
        auto& e = entry(slot);
        first_free_ = e.next_free;
        e.live = true;
        --free_;
        ++live_;
        return slot;
    }

    /// Gives memory back: all blocks without a live object but one, and what recycled objects own.
    /// Names of former lives stay dead; low slots are the next to be taken. Cost: all slots. The
    /// bytes of the blocks given back.
    std::size_t trim() {
        std::size_t freed = 0;
        bool spare = false;
        first_free_ = kNoSlot;
        free_ = 0;
        for (std::size_t index = blocks_.size(); index > 0; --index) {
            auto& block = blocks_[index - 1];
            if (!block) {
                continue;
            }
            if (std::ranges::none_of(*block, &Entry::live)) {
                if (spare || index > 1) {
                    const auto newest = std::ranges::max_element(*block, {}, &Entry::generation);
                    bases_[index - 1] = newest->generation;
                    block.reset();
                    freed += sizeof(Block);
                    continue;
                }
                spare = true;
            }
            for (std::size_t i = kBlock; i > 0; --i) {
                if (!(*block)[i - 1].live) {
                    // And what it kept for its next life: an assignment need not free that.
                    std::destroy_at(&(*block)[i - 1].object);
                    std::construct_at(&(*block)[i - 1].object);
                    add_free(static_cast<std::uint32_t>((index - 1) * kBlock + i - 1));
                }
            }
        }
        return freed;
    }

    /// Slots there is memory for.
    [[nodiscard]] std::size_t capacity() const { return live_ + free_; }

    void give_back(std::uint32_t slot) {
        auto& e = entry(slot);
        assert(e.live);
        e.live = false;
        e.generation = e.generation < kGenerationMax ? e.generation + 1 : 1;
        add_free(slot);
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
        if (!blocks_[slot / kBlock]) {
            return nullptr;
        }
        auto& e = entry(slot);
        return e.live && e.generation == generation ? &e.object : nullptr;
    }

    [[nodiscard]] std::size_t live() const { return live_; }

    template <typename Visit>
    void for_each(Visit visit) {
        for (std::uint32_t slot = 0; slot < blocks_.size() * kBlock; ++slot) {
            if (blocks_[slot / kBlock] && entry(slot).live) {
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
            if (blocks_[cursor / kBlock] && entry(cursor).live) {
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
        std::uint32_t next_free = kNoSlot;  ///< while it is not live
        bool live = false;
    };

    using Block = std::array<Entry, kBlock>;

    [[nodiscard]] Entry& entry(std::uint32_t slot) {
        return (*blocks_[slot / kBlock])[slot % kBlock];
    }

    [[nodiscard]] const Entry& entry(std::uint32_t slot) const {
        return (*blocks_[slot / kBlock])[slot % kBlock];
    }

    void add_free(std::uint32_t slot) {
        entry(slot).next_free = first_free_;
        first_free_ = slot;
        ++free_;
    }

    [[gnu::cold, gnu::noinline]] void grow() {
        auto hole = std::ranges::find_if(
            blocks_, [](const std::unique_ptr<Block>& block) { return block == nullptr; });
        if (hole == blocks_.end()) {
            blocks_.emplace_back();
            bases_.push_back(first_generation_);
            hole = blocks_.end() - 1;
        }
        *hole = std::make_unique<Block>();
        const auto index = static_cast<std::size_t>(hole - blocks_.begin());
        for (auto& fresh : **hole) {
            fresh.generation = bases_[index];
        }
        for (std::size_t i = kBlock; i > 0; --i) {
            add_free(static_cast<std::uint32_t>(index * kBlock + i - 1));
        }
    }

    const std::uint32_t first_generation_;
    std::vector<std::unique_ptr<Block>> blocks_;  // a nullptr was trimmed
    std::vector<std::uint32_t> bases_;            // generation that a new block begins with
    std::uint32_t first_free_ = kNoSlot;
    std::size_t free_ = 0;
    std::size_t live_ = 0;
};

}  // namespace amqmesh::link
