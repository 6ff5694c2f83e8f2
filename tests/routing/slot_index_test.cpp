#include "routing/slot_index.h"

#include <gtest/gtest.h>

#include <map>

namespace amqmesh::routing {
namespace {

// Against std::map, with few distinct low bits, so that runs wrap and collide.
TEST(SlotIndex, BehavesLikeAMap) {
    SlotIndex index;
    std::map<RouterId, std::uint32_t> model;
    std::uint64_t random = 1;
    for (std::uint32_t step = 0; step < 20'000; ++step) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        const RouterId rid = 1 + (random >> 33U) % 300 * (step % 2 == 0 ? 1 : 16);
        if (model.contains(rid)) {
            model.erase(rid);
            index.erase(rid);
        } else {
            model[rid] = step;
            index.insert(rid, step);
        }
        const RouterId other = 1 + (random >> 40U) % 5000;
        const auto found = model.find(other);
        ASSERT_EQ(index.find(other), found == model.end() ? SlotIndex::kNone : found->second);
    }
    for (const auto& [rid, slot] : model) {
        ASSERT_EQ(index.find(rid), slot);
    }
}

}  // namespace
}  // namespace amqmesh::routing
