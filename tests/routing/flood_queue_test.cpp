// What a neighbour is owed: each record once, bad news first, whatever happens meanwhile.
#include "routing/flood_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace amqmesh::routing {
namespace {

TEST(SlotFifo, BehavesLikeAQueue) {
    std::mt19937_64 random(1);
    SlotFifo fifo;
    std::deque<std::uint32_t> model;
    EXPECT_FALSE(fifo.pop().has_value());
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        // Long times of growing and of shrinking.
        if (random() % 100 < ((i / 2000) % 2 == 0 ? 70U : 30U)) {
            fifo.push(i);
            model.push_back(i);
            continue;
        }
        const auto popped = fifo.pop();
        ASSERT_EQ(popped.has_value(), !model.empty());
        if (popped) {
            ASSERT_EQ(*popped, model.front());
            model.pop_front();
        }
    }
}

TEST(FloodQueue, BadNewsFirstAndEachOnce) {
    FloodQueue queue;
    queue.owe_lsp(1, false);
    queue.owe_lsp(2, false);
    queue.owe_lsp(3, true);
    queue.owe_lsp(1, false);
    EXPECT_EQ(queue.owed(), 3U);
    EXPECT_EQ(queue.pop_lsp(), 3U);
    EXPECT_EQ(queue.pop_lsp(), 1U);
    EXPECT_EQ(queue.pop_lsp(), 2U);
    EXPECT_FALSE(queue.pop_lsp().has_value());
    EXPECT_TRUE(queue.empty());
}

TEST(FloodQueue, WhatTheNeighbourHasIsNotOwed) {
    FloodQueue queue;
    queue.owe_lsp(1, false);
    queue.owe_lsp(2, false);
    queue.lsp_known(1, 7);
    EXPECT_TRUE(queue.knows_lsp(1, 7));
    EXPECT_EQ(queue.owed(), 1U);
    queue.owe_lsp(1, true);  // a newer version; its old entry still stands in the queue
    EXPECT_EQ(queue.pop_lsp(), 1U);
    EXPECT_EQ(queue.pop_lsp(), 2U);
    EXPECT_FALSE(queue.pop_lsp().has_value());
}

}  // namespace
}  // namespace amqmesh::routing
