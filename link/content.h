// Payload of a delivery that waits for its outgoing link. Small pieces are copied together, large
// ones keep a slice of the read buffer. Bounded by the credit and the session window of its sender.
#pragma once

#include "link/chunk.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace amqmesh::link {

class Content {
  public:
    /// Below this a copy is cheaper than pinning a 64 KiB read buffer.
    static constexpr std::size_t kCopyBelow = 8 * 1024;

    void append(std::span<const std::byte> bytes, const ChunkRef* owner);
    /// The next bytes in order, never empty while size() > 0.
    [[nodiscard]] std::span<const std::byte> front() const;
    /// Who keeps front() alive, or nullptr.
    [[nodiscard]] const ChunkRef* front_owner() const;
    void consume(std::size_t bytes);

    [[nodiscard]] std::size_t size() const { return size_; }

    [[nodiscard]] bool empty() const { return size_ == 0; }

    /// True when front() is all there is.
    [[nodiscard]] bool single() const { return pieces_.size() - head_ <= 1; }

    /// Puts `bytes` in place of those at `at`, which lie within front(). What others see of shared
    /// bytes stays as it was.
    void overwrite(std::size_t at, std::span<const std::byte> bytes);
    void clear();
    /// Bytes that its own copies take, used or not; shared ones are others'.
    [[nodiscard]] std::size_t memory() const;
    /// Everything in one string.
    [[nodiscard]] std::string joined() const;

  private:
    struct Piece {
        std::string copy;  // used when owner is empty
        Slice slice;
        std::size_t done = 0;

        [[nodiscard]] std::span<const std::byte> rest() const;
    };

    std::vector<Piece> pieces_;  // from head_ on
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace amqmesh::link
