// AMQP 1.0 encoding of the frames we handle ourselves (part 1 "types" and 2.7 "performatives").
//
// Pure functions over spans. Decoding never reads outside its span, whatever the bytes say; it
// checks the types of the fields it looks at and leaves every other field alone. Transfer,
// disposition and flow are decoded and encoded completely; of the lifecycle performatives only what
// is needed to watch channels, handles and windows is looked at, since Proton decodes them.
#pragma once

#include "link/amqp_types.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::link {

using Bytes = std::span<const std::byte>;

/// Descriptor codes (AMQP 2.7).
enum class Performative : std::uint8_t {
    kOpen = 0x10,
    kBegin = 0x11,
    kAttach = 0x12,
    kFlow = 0x13,
    kTransfer = 0x14,
    kDisposition = 0x15,
    kDetach = 0x16,
    kEnd = 0x17,
    kClose = 0x18
};

inline constexpr std::size_t kFrameHeaderBytes = 8;  ///< size, doff, type, channel (AMQP 2.3.1)
inline constexpr std::uint8_t kFrameTypeAmqp = 0;
inline constexpr std::uint8_t kFrameTypeSasl = 1;
inline constexpr std::size_t kTagBytesMax = 32;  ///< AMQP 2.8.7

/// Upper bounds of what encode() writes, frame header included, without tag and state.
inline constexpr std::size_t kTransferBytesMax = 64;
inline constexpr std::size_t kFlowBytesMax = 80;
inline constexpr std::size_t kDispositionBytesMax = 48;

inline std::uint16_t load_u16(const std::byte* bytes) {
    return static_cast<std::uint16_t>((std::to_integer<unsigned>(bytes[0]) << 8U) |
                                      std::to_integer<unsigned>(bytes[1]));
}

inline std::uint32_t load_u32(const std::byte* bytes) {
    return (std::to_integer<std::uint32_t>(bytes[0]) << 24U) |
           (std::to_integer<std::uint32_t>(bytes[1]) << 16U) |
           (std::to_integer<std::uint32_t>(bytes[2]) << 8U) |
           std::to_integer<std::uint32_t>(bytes[3]);
}

inline void store_u16(std::byte* bytes, std::uint16_t value) {
    bytes[0] = static_cast<std::byte>(value >> 8U);
    bytes[1] = static_cast<std::byte>(value & 0xffU);
}

inline void store_u32(std::byte* bytes, std::uint32_t value) {
    bytes[0] = static_cast<std::byte>(value >> 24U);
    bytes[1] = static_cast<std::byte>((value >> 16U) & 0xffU);
    bytes[2] = static_cast<std::byte>((value >> 8U) & 0xffU);
    bytes[3] = static_cast<std::byte>(value & 0xffU);
}

/// memcpy() for a few bytes: two overlapping moves of fixed size instead of a call.
inline void copy_short(std::byte* to, Bytes from) {
    const std::size_t count = from.size();
    if (count > 32) {
        std::memcpy(to, from.data(), count);
    } else if (count >= 16) {
        std::memcpy(to, from.data(), 16);
        std::memcpy(to + count - 16, from.data() + count - 16, 16);
    } else if (count >= 8) {
        std::memcpy(to, from.data(), 8);
        std::memcpy(to + count - 8, from.data() + count - 8, 8);
    } else if (count >= 4) {
        std::memcpy(to, from.data(), 4);
        std::memcpy(to + count - 4, from.data() + count - 4, 4);
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = from[i];
        }
    }
}

/// Bytes of the one value that starts `bytes`; 0 when it does not fit or has no known constructor.
/// Compound contents are skipped by their size, not looked at.
std::size_t value_size(Bytes bytes);

/// `bytes` are exactly `count` values, well formed down to the leaves (of lists and maps) and
/// nested at most `depth_max` deep.
bool well_formed(Bytes bytes, std::uint64_t count, std::size_t depth_max);

/// A performative: its descriptor, its list's fields and what follows the list.
struct Body {
    std::uint64_t descriptor = 0;
    std::uint32_t count = 0;
    Bytes fields;
    Bytes payload;
};

/// Splits a frame body. Only the ulong forms of the descriptor are accepted (as Proton does).
std::optional<Body> parse_body(Bytes body);

struct TransferFrame {
    std::uint32_t handle = 0;
    std::optional<std::uint32_t> delivery_id;
    std::optional<Bytes> tag;
    std::optional<std::uint32_t> message_format;
    bool settled = false;
    bool more = false;
    std::optional<ReceiverSettleMode> receiver_settle_mode;
    DeliveryState state;
    bool resume = false;
    bool aborted = false;
};

/// A delivery that is one frame without anything out of the ordinary.
struct WholeTransfer {
    std::uint32_t handle = 0;
    std::uint32_t delivery_id = 0;
    Bytes tag;
    std::uint32_t message_format = 0;
    bool settled = false;
    Bytes payload;
};

struct FlowFrame {
    std::optional<std::uint32_t> next_incoming_id;
    std::uint32_t incoming_window = 0;
    std::uint32_t next_outgoing_id = 0;
    std::uint32_t outgoing_window = 0;
    std::optional<std::uint32_t> handle;
    std::optional<std::uint32_t> delivery_count;
    std::optional<std::uint32_t> link_credit;
    std::optional<std::uint32_t> available;
    bool drain = false;
    bool echo = false;
};

struct DispositionFrame {
    Role role = Role::kSender;  ///< of the end that sends the frame
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    bool settled = false;
    DeliveryState state;
};

struct BeginFrame {
    std::optional<std::uint16_t> remote_channel;
    std::uint32_t next_outgoing_id = 0;
    std::uint32_t incoming_window = 0;
    std::uint32_t outgoing_window = 0;
    std::uint32_t handle_max = 0xffffffffU;
};

struct AttachFrame {
    std::string_view name;
    std::uint32_t handle = 0;
    Role role = Role::kSender;  ///< of the end that sends the frame
    std::optional<std::uint32_t> initial_delivery_count;
    std::vector<std::string> offered_capabilities;  ///< Proton does not show a link's
    std::vector<std::string> desired_capabilities;
};

struct DetachFrame {
    std::uint32_t handle = 0;
    bool closed = false;
};

/// Sets every field of `frame`, which is reused from one transfer to the next: clearing a fresh one
/// would cost as much as reading it. False: as below.
bool decode_transfer(const Body& body, TransferFrame& frame);

/// nullopt: a mandatory field is missing or a field has the wrong type.
std::optional<TransferFrame> decode_transfer(const Body& body);
std::optional<FlowFrame> decode_flow(const Body& body);
std::optional<DispositionFrame> decode_disposition(const Body& body);
std::optional<BeginFrame> decode_begin(const Body& body);
std::optional<AttachFrame> decode_attach(const Body& body);
std::optional<DetachFrame> decode_detach(const Body& body);

/// The delivery state that `raw` encodes.
DeliveryState decode_state(Bytes raw);
/// Bytes that encode_state() needs.
std::size_t state_size(const DeliveryState& state);

/// Write one frame (header included) at `out`, which has room for the bound above plus tag and
/// state; the count of bytes. The transfer's payload is the caller's to append: `payload_bytes`
/// only goes into the frame's size.
std::size_t encode(std::byte* out,
                   std::uint16_t channel,
                   const TransferFrame& transfer,
                   std::size_t payload_bytes);
/// The same for the usual transfer, its payload included (REQUIRES: room for that too).
std::size_t encode(std::byte* out, std::uint16_t channel, const WholeTransfer& transfer);
std::size_t encode(std::byte* out, std::uint16_t channel, const FlowFrame& flow);
std::size_t encode(std::byte* out, std::uint16_t channel, const DispositionFrame& disposition);
/// A close with a condition, for a peer that has not even opened.
std::vector<std::byte> encode_close(const Condition& condition);
/// A frame without body, the heartbeat (AMQP 2.4.5).
std::size_t encode_empty(std::byte* out);

}  // namespace amqmesh::link
