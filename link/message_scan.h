// Looks at the few fields of a message that routing needs, without decoding the rest.
// Message format: AMQP 1.0 part 3, section 3.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace amqmesh::link {

struct MessageScan {
    enum class Status : std::uint8_t {
        kComplete,   ///< everything up to and including properties was seen (or is not there)
        kNeedsMore,  ///< the bytes end before
        kMalformed   ///< not an AMQP message as far as looked at
    };

    Status status = Status::kMalformed;
    std::uint8_t priority = 4;            ///< header; default 4
    std::optional<std::uint32_t> ttl_ms;  ///< header
    std::optional<std::string_view> to;   ///< properties; a view into the scanned bytes
};

/// Where a header says its ttl (AMQP 3.2.1).
struct TtlPlace {
    std::uint32_t ms = 0;   ///< never 0: that is written for "none", too
    std::size_t at = 0;     ///< of its first byte in the message
    std::size_t width = 0;  ///< 1 or 4 bytes, most significant first
};

/// Nothing: no header, no ttl in it, or not within these bytes. Cost: a few bytes of the header.
std::optional<TtlPlace> find_ttl(std::span<const std::byte> message);

/// The header's priority; 4 if it says none. Cost: a few bytes of the header.
std::uint8_t header_priority(std::span<const std::byte> message);

/// Sections in another order than theirs (AMQP 3.2), or twice, are malformed. Cost: a few steps for
/// each of the four sections before the body, however long; no allocation.
MessageScan scan_message(std::span<const std::byte> bytes);

/// The one binary of a message whose body is a single data section (control messages); nothing if
/// it is anything else.
std::optional<std::string_view> data_body(std::span<const std::byte> message);

/// Section code and length in front of `size` bytes of a data section; put before the bytes.
struct DataHeader {
    std::byte bytes[8];  // NOLINT(modernize-avoid-c-arrays): a wire image
};

DataHeader data_header(std::uint32_t size);

}  // namespace amqmesh::link
