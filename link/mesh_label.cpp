#include "link/mesh_label.h"

#include "link/codec.h"

namespace amqmesh::link {

namespace {

constexpr unsigned kFlagPresettled = 0x01;
constexpr unsigned kPriorityShift = 1;
constexpr unsigned kPriorityMask = 0x07;

void store_u64(std::byte* bytes, std::uint64_t value) {
    store_u32(bytes, static_cast<std::uint32_t>(value >> 32U));
    store_u32(bytes + 4, static_cast<std::uint32_t>(value & 0xffffffffU));
}

std::uint64_t load_u64(const std::byte* bytes) {
    return std::uint64_t{load_u32(bytes)} << 32U | load_u32(bytes + 4);
}

}  // namespace

MeshLabel::Bytes MeshLabel::encode() const {
    Bytes bytes{};
    const unsigned shown = priority < kPriorities ? priority : kDefaultPriority;
    const unsigned version = hint ? kHintVersion : kVersion;
    bytes[0] = static_cast<std::byte>(version << 4U | (shown ^ kDefaultPriority) << kPriorityShift |
                                      (presettled ? kFlagPresettled : 0U));
    bytes[1] = static_cast<std::byte>(hop_limit);
    store_u16(&bytes[2], flow);
    store_u32(&bytes[4], sequence);
    store_u64(&bytes[8], ingress);
    store_u64(&bytes[16], egress);
    store_u64(&bytes[24], address);
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
    label.flow = load_u16(&tag[2]);
    label.sequence = load_u32(&tag[4]);
    label.ingress = load_u64(&tag[8]);
    label.egress = load_u64(&tag[16]);
    label.address = load_u64(&tag[24]);
    if (label.ingress == 0 || label.address == 0 || (label.hint && label.egress == 0)) {
        return std::nullopt;
    }
    return label;
}

}  // namespace amqmesh::link
