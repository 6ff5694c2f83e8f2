// Bytes on their way to the socket: small frames are copied into a chunk, large payload is queued
// by reference, and all of it is shown to a scatter-gather write in order.
//
// Bound: the engine stops taking transfers above EngineConfig::output_bytes_max; what else is
// queued (flows, dispositions, lifecycle) is bounded by its own coalescing. An empty queue holds no
// chunk.
#pragma once

#include "link/assert.h"
#include "link/chunk.h"
#include "link/codec.h"

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

namespace amqmesh::link {

class OutQueue {
  public:
    explicit OutQueue(ChunkPool& pool) : pool_(pool) {}

    /// Contiguous room for `bytes` more; valid until commit(). REQUIRES: bytes <= kChunkBytes.
    std::byte* reserve(std::size_t bytes) {
        AMQMESH_DEBUG_ASSERT(bytes <= ChunkPool::kChunkBytes);
        if (!tail_ || ChunkPool::kChunkBytes - tail_used_ < bytes) {
            take_chunk();
        }
        return tail_.get()->bytes.get() + tail_used_;
    }

    /// The first `bytes` of the reserved room are now queued.
    void commit(std::size_t bytes) {
        AMQMESH_DEBUG_ASSERT(tail_ && tail_used_ + bytes <= ChunkPool::kChunkBytes);
        if (bytes == 0) {
            return;
        }
        if (tail_last_) {
            segments_.back().bytes += bytes;
        } else {
            begin_segment(bytes);
        }
        tail_used_ += bytes;
        bytes_ += bytes;
    }

    void append(Bytes bytes);
    /// Queues without copying; `owner` keeps the bytes alive until they are written.
    void append_reference(Bytes bytes, const ChunkRef& owner);

    /// Shows the head of the queue. The bytes stay where they are until pop(), whatever is
    /// appended.
    [[nodiscard]] std::size_t fill(std::span<iovec> slices) const;
    void pop(std::size_t bytes);
    void clear();

    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    [[nodiscard]] bool empty() const { return bytes_ == 0; }

  private:
    [[gnu::cold, gnu::noinline]] void take_chunk();
    [[gnu::cold, gnu::noinline]] void begin_segment(std::size_t bytes);

    struct Segment {
        const std::byte* data = nullptr;
        std::size_t bytes = 0;
        ChunkRef owner;
    };

    ChunkPool& pool_;
    std::vector<Segment> segments_;  // from first_ on; the prefix has been written
    std::size_t first_ = 0;
    std::size_t bytes_ = 0;
    ChunkRef tail_;  // where small frames are copied to
    std::size_t tail_used_ = 0;
    bool tail_last_ = false;  // the last segment ends where the tail's room begins
};

}  // namespace amqmesh::link
