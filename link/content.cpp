#include "link/content.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace amqmesh::link {

namespace {

constexpr std::size_t kCompactAt = 64;  // spent pieces kept at most before the rest moves down

}  // namespace

std::span<const std::byte> Content::Piece::rest() const {
    const auto all = slice.owner ? slice.bytes : std::as_bytes(std::span(copy));
    return all.subspan(done);
}

void Content::append(std::span<const std::byte> bytes, const ChunkRef* owner) {
    if (bytes.empty()) {
        return;
    }
    size_ += bytes.size();
    if (owner != nullptr && bytes.size() >= kCopyBelow) {
        pieces_.push_back(Piece{{}, Slice{*owner, bytes}, 0});
        return;
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    // A string that grows doubles its memory: one that would pass the limit by that is left as it
    // is.
    constexpr std::size_t kPieceMax = 4 * kCopyBelow;
    const auto fits = [&](const std::string& copy) {
        return copy.size() + text.size() <= std::max(copy.capacity(), kPieceMax / 2) ||
               (copy.size() + text.size() <= kPieceMax && 2 * copy.capacity() <= kPieceMax);
    };
    if (head_ < pieces_.size() && !pieces_.back().slice.owner && fits(pieces_.back().copy)) {
        pieces_.back().copy.append(text);
    } else {
        pieces_.push_back(Piece{std::string(text), {}, 0});
    }
}

std::span<const std::byte> Content::front() const {
    return head_ == pieces_.size() ? std::span<const std::byte>{} : pieces_[head_].rest();
}

const ChunkRef* Content::front_owner() const {
    return head_ == pieces_.size() || !pieces_[head_].slice.owner ? nullptr
                                                                  : &pieces_[head_].slice.owner;
}

void Content::consume(std::size_t bytes) {
    if (bytes == 0) {
        return;
    }
    auto& piece = pieces_[head_];
    assert(bytes <= piece.rest().size());
    piece.done += bytes;
    size_ -= bytes;
    if (!piece.rest().empty()) {
        return;
    }
    // Its memory goes now, not with the vector's prefix: an assignment would keep a string's.
    std::string().swap(piece.copy);
    piece.slice.owner = ChunkRef();
    if (++head_ == pieces_.size() || head_ >= kCompactAt) {
        pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
        head_ = 0;
    }
}

void Content::overwrite(std::size_t at, std::span<const std::byte> bytes) {
    assert(head_ < pieces_.size() && at + bytes.size() <= front().size());
    if (pieces_[head_].slice.owner) {
        // The bytes up to there become a piece of our own in front of the shared rest.
        const auto own = front().first(at + bytes.size());
        Piece copy{std::string(reinterpret_cast<const char*>(own.data()), own.size()), {}, 0};
        pieces_[head_].done += own.size();
        if (pieces_[head_].rest().empty()) {
            pieces_[head_] = std::move(copy);
        } else {
            pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(head_), std::move(copy));
        }
    }
    auto& piece = pieces_[head_];
    piece.copy.replace(
        piece.done + at, bytes.size(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void Content::clear() {
    pieces_.clear();
    head_ = 0;
    size_ = 0;
}

std::size_t Content::memory() const {
    std::size_t sum = 0;
    for (const Piece& piece : pieces_) {
        sum += piece.copy.capacity();
    }
    return sum;
}

std::string Content::joined() const {
    std::string all;
    all.reserve(size_);
    for (std::size_t i = head_; i < pieces_.size(); ++i) {
        const auto rest = pieces_[i].rest();
        all.append(reinterpret_cast<const char*>(rest.data()), rest.size());
    }
    return all;
}

}  // namespace amqmesh::link
