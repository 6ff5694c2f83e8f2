// Reference-counted byte buffers of one worker.
//
// Socket reads land in a Chunk; frames are parsed in place and large payloads travel on as slices
// of it, so that a byte is copied once at most between the two sockets. Owned by one thread: counts
// are not atomic, a ChunkRef must never leave its worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::link {

class ChunkPool;

/// Fixed-size buffer with an intrusive count, made and recycled by ChunkPool; or somebody else's
/// bytes that it has taken over.
struct Chunk {
    ChunkPool* pool = nullptr;  // not owned
    std::uint32_t references = 0;
    std::unique_ptr<std::byte[]> bytes;  // NOLINT(modernize-avoid-c-arrays): a run-time length
    std::string adopted;                 ///< instead of `bytes`
};

/// Shared ownership of a chunk within one worker.
class ChunkRef {
  public:
    ChunkRef() = default;
    explicit ChunkRef(Chunk* chunk);
    ChunkRef(const ChunkRef& other);

    ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}

    ChunkRef& operator=(ChunkRef other) noexcept;
    ~ChunkRef();

    [[nodiscard]] Chunk* get() const { return chunk_; }

    explicit operator bool() const { return chunk_ != nullptr; }

  private:
    Chunk* chunk_ = nullptr;
};

/// Recycles chunks of one size. Keeps at most `idle_max` free ones; memory beyond goes back.
class ChunkPool {
  public:
    static constexpr std::size_t kChunkBytes = std::size_t{64} * 1024;

    explicit ChunkPool(std::size_t idle_max = 64) : idle_max_(idle_max) {}

    ~ChunkPool();
    ChunkPool(const ChunkPool&) = delete;
    ChunkPool& operator=(const ChunkPool&) = delete;

    ChunkRef take();
    /// A chunk that holds `bytes`, of any length; they go with its last reference.
    ChunkRef adopt(std::string&& bytes);

    /// Gives the idle ones back. Their bytes.
    std::size_t trim();

    [[nodiscard]] std::size_t live() const { return live_; }  ///< chunks out of the pool

  private:
    friend class ChunkRef;
    void give_back(Chunk* chunk);

    std::size_t idle_max_;
    std::size_t live_ = 0;
    std::vector<std::unique_ptr<Chunk>> idle_;
};

/// Bytes inside a chunk, keeping it alive.
struct Slice {
    ChunkRef owner;
    std::span<const std::byte> bytes;
};

}  // namespace amqmesh::link
