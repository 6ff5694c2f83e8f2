#include "link/chunk.h"

#include "link/assert.h"

namespace amqmesh::link {

ChunkRef::ChunkRef(Chunk* chunk) : chunk_(chunk) {
    if (chunk_ != nullptr) {
        ++chunk_->references;
    }
}

ChunkRef::ChunkRef(const ChunkRef& other) : ChunkRef(other.chunk_) {}

ChunkRef& ChunkRef::operator=(ChunkRef other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
}

ChunkRef::~ChunkRef() {
    if (chunk_ != nullptr && --chunk_->references == 0) {
        chunk_->pool->give_back(chunk_);
    }
}

ChunkPool::~ChunkPool() {
    AMQMESH_DEBUG_ASSERT(live_ == 0 && "a chunk outlives its pool");
}

ChunkRef ChunkPool::take() {
    std::unique_ptr<Chunk> chunk;
    if (idle_.empty()) {
        chunk = std::make_unique<Chunk>();
        chunk->pool = this;
        // Left uninitialised: the bytes are written by a read before anyone looks at them.
        chunk->bytes = std::make_unique_for_overwrite<std::byte[]>(kChunkBytes);
    } else {
        chunk = std::move(idle_.back());
        idle_.pop_back();
    }
    ++live_;
    return ChunkRef(chunk.release());  // owned by its count until give_back()
}

ChunkRef ChunkPool::adopt(std::string&& bytes) {
    auto chunk = std::make_unique<Chunk>();
    chunk->pool = this;
    chunk->adopted = std::move(bytes);
    ++live_;
    return ChunkRef(chunk.release());
}

std::size_t ChunkPool::trim() {
    const auto freed = idle_.size() * kChunkBytes;
    idle_.clear();
    return freed;
}

void ChunkPool::give_back(Chunk* chunk) {
    AMQMESH_DEBUG_ASSERT(live_ > 0);
    --live_;
    std::unique_ptr<Chunk> owned(chunk);
    if (owned->bytes && idle_.size() < idle_max_) {
        idle_.push_back(std::move(owned));
    }
}

}  // namespace amqmesh::link
