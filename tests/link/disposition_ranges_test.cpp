#include "link/disposition_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace amqmesh::link::test {

namespace {

const DeliveryState kAcceptedState{.outcome = Outcome::kAccepted, .raw = {}};

}  // namespace

TEST(DispositionRanges, NeighboursBecomeOneRange) {
    DispositionRanges ranges;
    for (std::uint32_t id = 0xfffffff0U; id != 16; ++id) {
        ranges.add(id, kAcceptedState, true);
    }
    ranges.prepare();
    ASSERT_EQ(ranges.count(), 1U);
    EXPECT_EQ(ranges.frame(0).first, 0xfffffff0U);
    EXPECT_EQ(ranges.frame(0).last, 15U);
    EXPECT_TRUE(ranges.frame(0).settled);
}

TEST(DispositionRanges, OrderOfSettlementDoesNotMatter) {
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < 300; ++i) {
        ids.push_back(0xffffff80U + i);
    }
    std::shuffle(ids.begin(), ids.end(), std::mt19937(3));
    DispositionRanges ranges;
    for (const std::uint32_t id : ids) {
        ranges.add(id, kAcceptedState, true);
    }
    ranges.prepare();
    ASSERT_EQ(ranges.count(), 1U);
    EXPECT_EQ(ranges.frame(0).first, 0xffffff80U);
    EXPECT_EQ(ranges.frame(0).last, 0xffffff80U + 299);
}

TEST(DispositionRanges, DifferentWordsStayApart) {
    const std::byte raw[] = {std::byte{0}, std::byte{0x53}, std::byte{0x27}, std::byte{0x45}};
    DispositionRanges ranges;
    ranges.add(1, kAcceptedState, true);
    ranges.add(2, {.outcome = Outcome::kReleased, .raw = {}}, true);
    ranges.add(3, {.outcome = Outcome::kModified, .raw = raw}, true);
    ranges.add(4, {.outcome = Outcome::kModified, .raw = raw}, true);
    ranges.add(5, {.outcome = Outcome::kModified, .raw = {}}, true);
    ranges.prepare();
    ASSERT_EQ(ranges.count(), 4U);
    EXPECT_EQ(ranges.frame(2).first, 3U);
    EXPECT_EQ(ranges.frame(2).last, 4U);
    EXPECT_TRUE(std::equal(ranges.frame(2).state.raw.begin(),
                           ranges.frame(2).state.raw.end(),
                           std::begin(raw),
                           std::end(raw)));
    EXPECT_TRUE(ranges.frame(3).state.raw.empty());
}

TEST(DispositionRanges, UnsettledWordsKeepTheirPlace) {
    DispositionRanges ranges;
    ranges.add(7, kAcceptedState, false);
    ranges.add(3, kAcceptedState, true);
    ranges.add(7, kAcceptedState, true);
    ranges.prepare();
    ASSERT_EQ(ranges.count(), 3U);
    EXPECT_EQ(ranges.frame(0).first, 7U);
    EXPECT_FALSE(ranges.frame(0).settled);
    EXPECT_EQ(ranges.frame(2).first, 7U);
    EXPECT_TRUE(ranges.frame(2).settled);
}

TEST(DispositionRanges, AsksForAFlushInTime) {
    DispositionRanges ranges;
    std::uint32_t id = 0;
    while (!ranges.full()) {
        ranges.add(id, kAcceptedState, true);
        id += 2;
        ASSERT_LE(id, 2 * DispositionRanges::kRangesMax);
    }
    ranges.clear();
    EXPECT_FALSE(ranges.full());
    const std::vector<std::byte> big(5000);
    for (std::uint32_t i = 0; i < 8 && !ranges.full(); ++i) {
        ranges.add(i * 2, {.outcome = Outcome::kRejected, .raw = big}, i % 2 == 0);
    }
    EXPECT_TRUE(ranges.full());
}

}  // namespace amqmesh::link::test
