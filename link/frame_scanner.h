// Cuts the inbound byte stream into protocol headers and frames, in place (AMQP 2.2, 2.3).
//
// Pure: looks at bytes, owns none. Every size is checked against the limit before anyone waits for
// the bytes or looks inside.
#pragma once

#include "link/codec.h"

#include <cstddef>
#include <cstdint>

namespace amqmesh::link {

struct ScannedFrame {
    std::size_t bytes = 0;  ///< whole frame
    std::size_t body = 0;   ///< offset of the body (AMQP 2.3.1 doff)
    std::uint8_t type = 0;
    std::uint16_t channel = 0;
};

enum class ScanStatus : std::uint8_t {
    kIncomplete,  ///< too few bytes to know the size
    kHeader,      ///< a protocol header stands here instead of a frame
    kFrame,       ///< `frame` is valid; its bytes may not all be there yet
    kMalformed
};

struct Scan {
    ScanStatus status = ScanStatus::kIncomplete;
    ScannedFrame frame;
    const char* fault = "";  ///< why malformed
};

/// Looks at the start of `input`. Frames larger than `frame_bytes_max` are malformed.
Scan scan_frame(Bytes input, std::size_t frame_bytes_max);

inline constexpr std::size_t kProtocolHeaderBytes = 8;

enum class ProtocolHeader : std::uint8_t { kIncomplete, kAmqp, kSasl, kUnknown };

/// Which protocol header starts `input`. kUnknown as early as one octet is wrong.
ProtocolHeader scan_protocol_header(Bytes input);

}  // namespace amqmesh::link
