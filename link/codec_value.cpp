// Walking encoded AMQP values by their constructors (AMQP 1.2) without building them.
#include "link/codec.h"

#include <algorithm>
#include <array>

namespace amqmesh::link {

namespace {

/// Width class of a primitive constructor: its high nibble (AMQP 1.2.1, figure 1.2).
struct Extent {
    bool valid = false;
    std::size_t header = 0;  ///< constructor and size octets
    std::size_t bytes = 0;   ///< whole value
};

bool known_primitive(unsigned code) {
    // One bit per constructor of table 1-1; anything else is reserved.
    switch (code) {
        case 0x40:
        case 0x41:
        case 0x42:
        case 0x43:
        case 0x44:
        case 0x45:
        case 0x50:
        case 0x51:
        case 0x52:
        case 0x53:
        case 0x54:
        case 0x55:
        case 0x56:
        case 0x60:
        case 0x61:
        case 0x70:
        case 0x71:
        case 0x72:
        case 0x73:
        case 0x74:
        case 0x80:
        case 0x81:
        case 0x82:
        case 0x83:
        case 0x84:
        case 0x94:
        case 0x98:
        case 0xa0:
        case 0xa1:
        case 0xa3:
        case 0xb0:
        case 0xb1:
        case 0xb3:
        case 0xc0:
        case 0xc1:
        case 0xd0:
        case 0xd1:
        case 0xe0:
        case 0xf0:
            return true;
        default:
            return false;
    }
}

Extent extent(Bytes bytes) {
    if (bytes.empty()) {
        return {};
    }
    const auto code = std::to_integer<unsigned>(bytes[0]);
    if (!known_primitive(code)) {
        return {};
    }
    static constexpr std::array<std::size_t, 6> kFixed{0, 1, 2, 4, 8, 16};
    const unsigned width = code >> 4U;
    Extent found{.valid = true, .header = 1, .bytes = 1};
    if (width <= 0x9) {
        found.bytes = 1 + kFixed[width - 4];
    } else if (width % 2 == 0) {  // a, c, e: one octet of size
        if (bytes.size() < 2) {
            return {};
        }
        found.header = 2;
        found.bytes = 2 + std::to_integer<std::size_t>(bytes[1]);
    } else {  // b, d, f: four octets of size
        if (bytes.size() < 5) {
            return {};
        }
        found.header = 5;
        found.bytes = 5 + static_cast<std::size_t>(load_u32(&bytes[1]));
    }
    found.valid = found.bytes <= bytes.size();
    return found;
}

bool is_compound(unsigned code) {
    const unsigned width = code >> 4U;
    return width == 0xc || width == 0xd;
}

bool is_array(unsigned code) {
    return (code >> 4U) >= 0xe;
}

/// Walks values depth first with a stack of its own: a peer's nesting must not become ours.
class Walk {
  public:
    Walk(Bytes bytes, std::uint64_t count, std::size_t depth_max)
        : bytes_(bytes), depth_max_(std::min(depth_max, kLevels - 1)) {
        levels_[0] = {.end = bytes.size(), .left = count};
    }

    enum class State : std::uint8_t { kGoing, kDone, kBroken };

    /// Leaves the lists and maps whose values have all been seen.
    State leave_finished() {
        while (levels_[depth_].left == 0) {
            if (at_ != levels_[depth_].end) {
                return State::kBroken;
            }
            if (depth_ == 0) {
                return State::kDone;
            }
            --depth_;
        }
        return at_ == levels_[depth_].end ? State::kBroken : State::kGoing;
    }

    /// Takes one descriptor mark, one leaf, or the head of a list or map.
    bool take() {
        const auto code = std::to_integer<unsigned>(bytes_[at_]);
        if (code == 0) {
            // The descriptor comes in addition to the value it describes.
            ++levels_[depth_].left;
            ++at_;
            return ++described_ <= depth_max_;
        }
        described_ = 0;
        const Extent found = extent(bytes_.subspan(at_, levels_[depth_].end - at_));
        if (!found.valid) {
            return false;
        }
        --levels_[depth_].left;
        if (is_compound(code)) {
            return enter(code, found);
        }
        at_ += found.bytes;
        // An array has room for its count and its elements' constructor at least.
        return !is_array(code) || found.bytes >= 2 * found.header;
    }

  private:
    struct Level {
        std::size_t end = 0;
        std::uint64_t left = 0;  ///< values still to come
    };

    static constexpr std::size_t kLevels = 64;

    bool enter(unsigned code, const Extent& found) {
        const std::size_t count_bytes = found.header - 1;
        if (found.bytes < found.header + count_bytes || depth_ + 1 > depth_max_) {
            return false;
        }
        const std::byte* count_at = &bytes_[at_ + found.header];
        const std::uint64_t count =
            count_bytes == 1 ? std::to_integer<std::uint64_t>(*count_at) : load_u32(count_at);
        ++depth_;
        levels_[depth_] = {.end = at_ + found.bytes, .left = count};
        at_ += found.header + count_bytes;
        const bool is_map = (code & 0xfU) == 1;  // holds pairs
        return !is_map || count % 2 == 0;
    }

    Bytes bytes_;
    std::size_t depth_max_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    std::size_t described_ = 0;  // descriptor marks in a row
    std::array<Level, kLevels> levels_{};
};

}  // namespace

std::size_t value_size(Bytes bytes) {
    // Descriptors are values themselves; `wanted` counts what is still to skip.
    std::size_t at = 0;
    for (unsigned wanted = 1, steps = 0; wanted > 0; ++steps) {
        if (at >= bytes.size() || steps > 16) {
            return 0;
        }
        if (bytes[at] == std::byte{0}) {
            ++at;
            ++wanted;  // descriptor and value instead of one value
            continue;
        }
        const Extent found = extent(bytes.subspan(at));
        if (!found.valid) {
            return 0;
        }
        at += found.bytes;
        --wanted;
    }
    return at;
}

bool well_formed(Bytes bytes, std::uint64_t count, std::size_t depth_max) {
    Walk walk(bytes, count, depth_max);
    while (true) {
        const Walk::State state = walk.leave_finished();
        if (state != Walk::State::kGoing) {
            return state == Walk::State::kDone;
        }
        if (!walk.take()) {
            return false;
        }
    }
}

std::optional<Body> parse_body(Bytes body) {
    std::optional<Body> result;
    if (body.size() < 4 || body[0] != std::byte{0}) {
        return result;
    }
    std::uint64_t descriptor = 0;
    std::size_t at = 0;
    if (body[1] == std::byte{0x53}) {
        descriptor = std::to_integer<std::uint64_t>(body[2]);
        at = 3;
    } else if (body[1] == std::byte{0x80} && body.size() >= 11) {
        descriptor = (static_cast<std::uint64_t>(load_u32(&body[2])) << 32U) | load_u32(&body[6]);
        at = 10;
    } else {
        return result;
    }
    const Bytes list = body.subspan(at);
    const auto code = std::to_integer<unsigned>(list[0]);
    if (code == 0x45) {
        result =
            Body{.descriptor = descriptor, .count = 0, .fields = {}, .payload = list.subspan(1)};
        return result;
    }
    const std::size_t width = code == 0xc0 ? 1 : 4;  // of size and count
    if ((code != 0xc0 && code != 0xd0) || list.size() < 1 + 2 * width) {
        return result;
    }
    const std::size_t size =
        width == 1 ? std::to_integer<std::size_t>(list[1]) : load_u32(&list[1]);
    if (size < width || size > list.size() - 1 - width) {
        return result;
    }
    const std::uint32_t count =
        width == 1 ? std::to_integer<std::uint32_t>(list[2]) : load_u32(&list[5]);
    result = Body{.descriptor = descriptor,
                  .count = count,
                  .fields = list.subspan(1 + 2 * width, size - width),
                  .payload = list.subspan(1 + width + size)};
    return result;
}

}  // namespace amqmesh::link
