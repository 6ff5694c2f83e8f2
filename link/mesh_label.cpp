#include "link/mesh_label.h"

namespace amqmesh::link {

namespace {

constexpr unsigned kFlagPresettled = 0x01;
constexpr unsigned kPriorityShift = 1;
constexpr unsigned kPriorityMask = 0x07;

template <typename Int>
void put(MeshLabel::Bytes& bytes, std::size_t at, Int value) {
    const std::uint64_t wide = value;  // no sign creeps in by promotion to int
    for (std::size_t i = 0; i < sizeof(Int); ++i) {
        bytes[at + i] = static_cast<std::byte>((wide >> (8 * (sizeof(Int) - 1 - i))) & 0xffU);
    }
}

template <typename Int>
Int get(std::span<const std::byte> bytes, std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Int); ++i) {
        value = value << 8U | std::to_integer<std::uint64_t>(bytes[at + i]);
    }
    return static_cast<Int>(value);
}

}  // namespace

MeshLabel::Bytes MeshLabel::encode() const {
    Bytes bytes{};
    const unsigned shown = priority < kPriorities ? priority : kDefaultPriority;
    const unsigned version = hint ? kHintVersion : kVersion;
    bytes[0] = static_cast<std::byte>(version << 4U | (shown ^ kDefaultPriority) << kPriorityShift |
                                      (presettled ? kFlagPresettled : 0U));
    bytes[1] = static_cast<std::byte>(hop_limit);
    put<std::uint16_t>(bytes, 2, flow);
    put<std::uint32_t>(bytes, 4, sequence);
    put<std::uint64_t>(bytes, 8, ingress);
    put<std::uint64_t>(bytes, 16, egress);
    put<std::uint64_t>(bytes, 24, address);
    return bytes;
}

std::optional<MeshLabel> MeshLabel::decode(std::span<const std::byte> tag) {
    if (tag.size() != kBytes) {
        return std::nullopt;
    }
    const auto version = std::to_integer<unsigned>(tag[0]) >> 4U;
    if (version != kVersion && version != kHintVersion) {
        return std::nullopt;
    }
    MeshLabel label;
    label.hint = version == kHintVersion;
    label.presettled = (std::to_integer<unsigned>(tag[0]) & kFlagPresettled) != 0;
    const unsigned shown = std::to_integer<unsigned>(tag[0]) >> kPriorityShift & kPriorityMask;
    label.priority = static_cast<std::uint8_t>(shown ^ kDefaultPriority);
    label.hop_limit = std::to_integer<std::uint8_t>(tag[1]);
    label.flow = get<std::uint16_t>(tag, 2);
    label.sequence = get<std::uint32_t>(tag, 4);
    label.ingress = get<std::uint64_t>(tag, 8);
    label.egress = get<std::uint64_t>(tag, 16);
    label.address = get<std::uint64_t>(tag, 24);
    if (label.ingress == 0 || label.address == 0 || (label.hint && label.egress == 0)) {
        return std::nullopt;
    }
    return label;
}

}  // namespace amqmesh::link
