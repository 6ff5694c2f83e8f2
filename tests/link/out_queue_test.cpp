#include "link/out_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <string>

namespace amqmesh::link::test {

namespace {

Bytes bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

std::string drain(OutQueue& queue, std::mt19937& random) {
    std::string written;
    while (!queue.empty()) {
        std::array<iovec, 3> slices{};
        const std::size_t count = queue.fill(slices);
        std::size_t shown = 0;
        std::string piece;
        for (std::size_t i = 0; i < count; ++i) {
            piece.append(static_cast<const char*>(slices[i].iov_base), slices[i].iov_len);
            shown += slices[i].iov_len;
        }
        const std::size_t taken = 1 + random() % shown;
        written += piece.substr(0, taken);
        queue.pop(taken);
    }
    return written;
}

}  // namespace

TEST(OutQueue, KeepsTheOrderOfCopiesAndReferences) {
    ChunkPool pool;
    std::mt19937 random(5);
    for (int round = 0; round < 20; ++round) {
        OutQueue queue(pool);
        std::string expected;
        for (int i = 0; i < 200; ++i) {
            const std::string part(1 + random() % 9000, static_cast<char>('a' + i % 26));
            if (random() % 3 == 0) {
                const ChunkRef owner = pool.take();
                std::memcpy(owner.get()->bytes.get(), part.data(), part.size());
                queue.append_reference({owner.get()->bytes.get(), part.size()}, owner);
            } else {
                queue.append(bytes_of(part));
            }
            expected += part;
            ASSERT_EQ(queue.bytes(), expected.size());
        }
        EXPECT_EQ(drain(queue, random), expected);
        EXPECT_EQ(pool.live(), 0U) << "an empty queue holds nothing";
    }
}

TEST(OutQueue, SmallFramesShareOneSlice) {
    ChunkPool pool;
    OutQueue queue(pool);
    for (int i = 0; i < 100; ++i) {
        std::memset(queue.reserve(200), i, 20);
        queue.commit(20);
    }
    std::array<iovec, 8> slices{};
    EXPECT_EQ(queue.fill(slices), 1U);
    EXPECT_EQ(slices[0].iov_len, 2000U);
}

TEST(OutQueue, ShownBytesStayWhileMoreIsQueued) {
    ChunkPool pool;
    OutQueue queue(pool);
    queue.append(bytes_of("first"));
    std::array<iovec, 8> slices{};
    ASSERT_EQ(queue.fill(slices), 1U);
    const void* shown = slices[0].iov_base;
    queue.append(bytes_of(std::string(300000, 'x')));
    EXPECT_EQ(std::memcmp(shown, "first", 5), 0);
    queue.pop(3);
    ASSERT_GE(queue.fill(slices), 1U);
    EXPECT_EQ(std::memcmp(slices[0].iov_base, "st", 2), 0);
}

TEST(OutQueue, LongQueuesAreCompacted) {
    ChunkPool pool;
    OutQueue queue(pool);
    const ChunkRef owner = pool.take();
    std::size_t queued = 0;
    for (int i = 0; i < 10000; ++i) {
        queue.append_reference({owner.get()->bytes.get(), 10}, owner);
        ++queued;
        if (i > 10) {
            queue.pop(10);
            --queued;
        }
        ASSERT_EQ(queue.bytes(), queued * 10);
    }
}

}  // namespace amqmesh::link::test
