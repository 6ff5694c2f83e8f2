#include "link/chunk.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace amqmesh::link::test {

TEST(Chunk, IsRecycledWhenTheLastReferenceGoes) {
    ChunkPool pool(1);
    Chunk* first = nullptr;
    {
        ChunkRef one = pool.take();
        first = one.get();
        const ChunkRef two = one;
        EXPECT_EQ(first->references, 2U);
        one = ChunkRef();
        EXPECT_EQ(first->references, 1U);
        EXPECT_EQ(pool.live(), 1U);
    }
    EXPECT_EQ(pool.live(), 0U);
    const ChunkRef again = pool.take();
    EXPECT_EQ(again.get(), first);
}

TEST(Chunk, SelfAssignmentAndMovesKeepTheCount) {
    ChunkPool pool;
    ChunkRef one = pool.take();
    const ChunkRef& same = one;
    one = same;
    EXPECT_EQ(one.get()->references, 1U);
    ChunkRef two = std::move(one);
    EXPECT_EQ(two.get()->references, 1U);
    EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move): what is left behind is tested
}

TEST(Chunk, PoolKeepsNoMoreIdleThanAllowed) {
    ChunkPool pool(2);
    std::vector<ChunkRef> taken;
    for (int i = 0; i < 5; ++i) {
        taken.push_back(pool.take());
    }
    EXPECT_EQ(pool.live(), 5U);
    taken.clear();
    EXPECT_EQ(pool.live(), 0U);
}

TEST(Chunk, AdoptedBytesAreNotCopiedAndNotRecycled) {
    ChunkPool pool;
    std::string bytes(100'000, 'x');
    const char* at = bytes.data();
    {
        const ChunkRef one = pool.adopt(std::move(bytes));
        EXPECT_EQ(one.get()->adopted.data(), at);
        EXPECT_EQ(one.get()->adopted.size(), 100'000U);
        EXPECT_EQ(pool.live(), 1U);
    }
    EXPECT_EQ(pool.live(), 0U);
    EXPECT_TRUE(pool.take().get()->bytes) << "a chunk to read into";
}

}  // namespace amqmesh::link::test
