#include "link/out_queue.h"

#include "link/assert.h"

#include <algorithm>
#include <cstring>

namespace amqmesh::link {

void OutQueue::take_chunk() {
    tail_ = pool_.take();
    tail_used_ = 0;
    tail_last_ = false;
}

void OutQueue::begin_segment(std::size_t bytes) {
    segments_.push_back(
        {.data = tail_.get()->bytes.get() + tail_used_, .bytes = bytes, .owner = tail_});
    tail_last_ = true;
}

void OutQueue::append(Bytes bytes) {
    while (!bytes.empty()) {
        const std::size_t free_bytes = tail_ ? ChunkPool::kChunkBytes - tail_used_ : 0;
        const std::size_t room = free_bytes > 0 ? free_bytes : ChunkPool::kChunkBytes;
        const std::size_t piece = std::min(bytes.size(), room);
        std::memcpy(reserve(piece), bytes.data(), piece);
        commit(piece);
        bytes = bytes.subspan(piece);
    }
}

void OutQueue::append_reference(Bytes bytes, const ChunkRef& owner) {
    AMQMESH_DEBUG_ASSERT(owner);
    if (bytes.empty()) {
        return;
    }
    segments_.push_back({.data = bytes.data(), .bytes = bytes.size(), .owner = owner});
    tail_last_ = false;
    bytes_ += bytes.size();
}

std::size_t OutQueue::fill(std::span<iovec> slices) const {
    const std::size_t count = std::min(slices.size(), segments_.size() - first_);
    for (std::size_t i = 0; i < count; ++i) {
        const Segment& segment = segments_[first_ + i];
        // writev() takes void* although it only reads.
        slices[i] = {.iov_base = const_cast<std::byte*>(segment.data), .iov_len = segment.bytes};
    }
    return count;
}

void OutQueue::pop(std::size_t bytes) {
    AMQMESH_DEBUG_ASSERT(bytes <= bytes_);
    bytes_ -= bytes;
    while (bytes > 0) {
        Segment& segment = segments_[first_];
        if (bytes < segment.bytes) {
            segment.data += bytes;
            segment.bytes -= bytes;
            break;
        }
        bytes -= segment.bytes;
        segment.owner = ChunkRef();
        ++first_;
    }
    if (bytes_ == 0) {
        clear();
    } else if (first_ > 64 && first_ * 2 > segments_.size()) {
        segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void OutQueue::clear() {
    segments_.clear();
    first_ = 0;
    bytes_ = 0;
    tail_ = ChunkRef();
    tail_used_ = 0;
    tail_last_ = false;
}

}  // namespace amqmesh::link
