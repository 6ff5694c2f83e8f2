#include "link/delivery_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace amqmesh::link::test {

namespace {

bool insert(DeliveryMap& map, std::uint32_t id, std::uint32_t link = 0) {
    return map.insert(id, link, id * 10ULL);
}

std::vector<std::uint32_t> collect(DeliveryMap& map, std::uint32_t first, std::uint32_t last) {
    std::vector<std::uint32_t> ids;
    map.visit(first, last, [&](std::uint32_t id) {
        if (map.find(id) != nullptr) {
            ids.push_back(id);
        }
        return true;
    });
    std::sort(ids.begin(), ids.end());
    return ids;
}

TEST(DeliveryMap, AnIdOfTheLastRoundIsPassedOver) {
    DeliveryMap map;
    EXPECT_EQ(map.unused_from(5), 5U);
    ASSERT_TRUE(map.insert(5, 1, 0));
    ASSERT_TRUE(map.insert(6, 1, 0));
    for (std::uint32_t id = 7; id < 1000; ++id) {
        ASSERT_TRUE(map.insert(id, 1, 0));
        map.erase(id);
    }
    ASSERT_EQ(map.sparse_size(), 2U);
    EXPECT_EQ(map.unused_from(1000), 1000U);
    EXPECT_EQ(map.unused_from(4), 4U);
    EXPECT_EQ(map.unused_from(5), 7U) << "the ids have begun again";
    EXPECT_TRUE(map.insert(map.unused_from(5), 1, 0));
}

}  // namespace

TEST(DeliveryMap, StaysSmallWhileIdsRunOn) {
    DeliveryMap map;
    for (std::uint32_t id = 0; id < 100000; ++id) {
        ASSERT_TRUE(insert(map, id));
        if (id >= 8) {
            ASSERT_TRUE(map.erase(id - 8));
        }
    }
    EXPECT_EQ(map.size(), 8U);
    EXPECT_EQ(map.ring_capacity(), 16U);
}

TEST(DeliveryMap, GrowsWithWhatIsLive) {
    DeliveryMap map;
    for (std::uint32_t id = 0; id < 1000; ++id) {
        ASSERT_TRUE(insert(map, id));
    }
    EXPECT_EQ(map.ring_capacity(), 1024U);
    for (std::uint32_t id = 0; id < 1000; ++id) {
        ASSERT_NE(map.find(id), nullptr);
        EXPECT_EQ(map.find(id)->context, id * 10ULL);
    }
    EXPECT_FALSE(insert(map, 500)) << "known already";
}

TEST(DeliveryMap, OneStragglerDoesNotMakeTheRingGrow) {
    DeliveryMap map;
    ASSERT_TRUE(insert(map, 7));
    for (std::uint32_t id = 8; id < 100000; ++id) {
        ASSERT_TRUE(insert(map, id));
        ASSERT_TRUE(map.erase(id));
    }
    EXPECT_EQ(map.ring_capacity(), 16U);
    EXPECT_EQ(map.sparse_size(), 1U);
    ASSERT_NE(map.find(7), nullptr);
    EXPECT_EQ(map.find(7)->context, 70U);
    EXPECT_FALSE(insert(map, 7));
    EXPECT_EQ(collect(map, 0, 50), (std::vector<std::uint32_t>{7}));
    EXPECT_TRUE(map.erase(7));
    EXPECT_TRUE(map.empty());
}

TEST(DeliveryMap, RangesWrapAndAreNotWalkedThrough) {
    DeliveryMap map;
    const std::uint32_t start = 0xfffffffdU;
    for (std::uint32_t i = 0; i < 6; ++i) {
        ASSERT_TRUE(insert(map, start + i));
    }
    EXPECT_EQ(collect(map, start, start + 5).size(), 6U);
    EXPECT_EQ(collect(map, 0xfffffffeU, 1),
              (std::vector<std::uint32_t>{0, 1, 0xfffffffeU, 0xffffffffU}));
    // Would take minutes if every id of the range were looked up.
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(collect(map, 0, 0xffffffffU).size(), 6U);
    }
    EXPECT_EQ(collect(map, 100, 99).size(), 6U) << "the whole circle but one";
}

TEST(DeliveryMap, ForgetsOneLink) {
    DeliveryMap map;
    for (std::uint32_t id = 0; id < 50; ++id) {
        ASSERT_TRUE(insert(map, id, id % 3));
    }
    ASSERT_TRUE(insert(map, 5000, 1));  // what was in the ring becomes sparse
    EXPECT_EQ(map.erase_link(1), 18U);
    EXPECT_EQ(map.size(), 33U);
    EXPECT_EQ(map.find(1), nullptr);
    EXPECT_NE(map.find(2), nullptr);
    EXPECT_EQ(map.erase_link(1), 0U);
}

TEST(DeliveryMap, AgreesWithAnOrderedMap) {
    std::mt19937 random(42);
    for (unsigned round = 0; round < 40; ++round) {
        DeliveryMap map;
        std::map<std::uint32_t, std::uint32_t> model;  // id -> link
        std::uint32_t next = round % 2 == 0 ? 0xffffff00U : 0;
        for (unsigned step = 0; step < 3000; ++step) {
            const unsigned what = static_cast<unsigned>(random() % 100);
            if (what < 50) {
                next += random() % 50 == 0 ? static_cast<std::uint32_t>(random() % 100000) : 1;
                const std::uint32_t id = random() % 20 == 0 ? next - random() % 64 : next;
                const bool fresh =
                    model.emplace(id, static_cast<std::uint32_t>(random() % 4)).second;
                ASSERT_EQ(insert(map, id, model.at(id)), fresh);
            } else if (what < 95 && !model.empty()) {
                auto at = model.lower_bound(static_cast<std::uint32_t>(next - random() % 200));
                if (at == model.end()) {
                    at = model.begin();
                }
                const std::uint32_t id = at->first;
                ASSERT_TRUE(map.erase(id));
                ASSERT_FALSE(map.erase(id));
                model.erase(at);
            } else {
                const std::uint32_t first = next - static_cast<std::uint32_t>(random() % 500);
                const std::uint32_t last = first + static_cast<std::uint32_t>(random() % 1000);
                std::vector<std::uint32_t> expected;
                for (const auto& known : model) {
                    if (known.first - first <= last - first) {
                        expected.push_back(known.first);
                    }
                }
                ASSERT_EQ(collect(map, first, last), expected);
            }
            ASSERT_EQ(map.size(), model.size());
        }
        for (const auto& known : model) {
            ASSERT_NE(map.find(known.first), nullptr);
            EXPECT_EQ(map.find(known.first)->link, known.second);
        }
    }
}

}  // namespace amqmesh::link::test
