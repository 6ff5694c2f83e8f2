#include "link/frame_scanner.h"

#include <algorithm>
#include <array>

namespace amqmesh::link {

namespace {

constexpr std::array<std::byte, 8> kAmqpHeader{std::byte{'A'},
                                               std::byte{'M'},
                                               std::byte{'Q'},
                                               std::byte{'P'},
                                               std::byte{0},
                                               std::byte{1},
                                               std::byte{0},
                                               std::byte{0}};
constexpr std::array<std::byte, 8> kSaslHeader{std::byte{'A'},
                                               std::byte{'M'},
                                               std::byte{'Q'},
                                               std::byte{'P'},
                                               std::byte{3},
                                               std::byte{1},
                                               std::byte{0},
                                               std::byte{0}};

bool is_prefix(Bytes input, const std::array<std::byte, 8>& header) {
    const std::size_t compared = std::min(input.size(), header.size());
    return std::equal(
        input.begin(), input.begin() + static_cast<std::ptrdiff_t>(compared), header.begin());
}

Scan malformed(const char* fault) {
    return {.status = ScanStatus::kMalformed, .frame = {}, .fault = fault};
}

}  // namespace

Scan scan_frame(Bytes input, std::size_t frame_bytes_max) {
    if (input.size() < kFrameHeaderBytes) {
        return {};
    }
    if (std::equal(kAmqpHeader.begin(), kAmqpHeader.begin() + 4, input.begin())) {
        return {.status = ScanStatus::kHeader, .frame = {}, .fault = ""};
    }
    Scan scan{.status = ScanStatus::kFrame, .frame = {}, .fault = ""};
    scan.frame.bytes = load_u32(input.data());
    scan.frame.body = std::to_integer<std::size_t>(input[4]) * 4;
    scan.frame.type = std::to_integer<std::uint8_t>(input[5]);
    scan.frame.channel = load_u16(&input[6]);
    if (scan.frame.bytes < kFrameHeaderBytes) {
        return malformed("frame size below the frame header's");
    }
    if (scan.frame.bytes > frame_bytes_max) {
        return malformed("frame larger than the max-frame-size in force");
    }
    if (scan.frame.body < kFrameHeaderBytes || scan.frame.body > scan.frame.bytes) {
        return malformed("data offset outside of the frame");
    }
    if (scan.frame.type != kFrameTypeAmqp && scan.frame.type != kFrameTypeSasl) {
        return malformed("unknown frame type");
    }
    return scan;
}

ProtocolHeader scan_protocol_header(Bytes input) {
    const bool amqp = is_prefix(input, kAmqpHeader);
    if (!amqp && !is_prefix(input, kSaslHeader)) {
        return ProtocolHeader::kUnknown;
    }
    if (input.size() < kProtocolHeaderBytes) {
        return ProtocolHeader::kIncomplete;
    }
    return amqp ? ProtocolHeader::kAmqp : ProtocolHeader::kSasl;
}

}  // namespace amqmesh::link
