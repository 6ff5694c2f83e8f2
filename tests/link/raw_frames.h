// AMQP bytes made by hand, octet by octet, for peers that do what no library would.
#pragma once

#include "tests/link/engine_fixture.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::link::test {

using ByteVector = std::vector<std::byte>;

/// "00 53 10" and so on.
ByteVector hex(std::string_view text);
ByteVector operator+(ByteVector left, const ByteVector& right);

// Encoded values.
ByteVector null();
ByteVector uint(std::uint32_t value);
ByteVector ushort(std::uint16_t value);
ByteVector ubyte(std::uint8_t value);
ByteVector boolean(bool value);
ByteVector string(std::string_view value);
ByteVector symbol(std::string_view value);
ByteVector binary(std::string_view value);
ByteVector list(const std::vector<ByteVector>& fields);
ByteVector described(std::uint8_t code, const ByteVector& value);

/// One frame around `body`.
ByteVector frame(std::uint16_t channel, const ByteVector& body, std::uint8_t type = 0);

ByteVector amqp_header();
ByteVector sasl_header();
ByteVector open_frame(std::uint32_t max_frame = 65536, std::uint32_t idle_timeout_ms = 0);
ByteVector begin_frame(std::uint16_t channel,
                       std::uint32_t next_outgoing_id = 0,
                       std::uint32_t incoming_window = 1000,
                       std::uint32_t handle_max = 0xffffffffU);
/// The peer sends (role false) or receives on the link.
ByteVector attach_frame(std::uint16_t channel,
                        std::string_view name,
                        std::uint32_t handle,
                        bool receiver,
                        std::uint32_t initial_delivery_count = 0);
ByteVector transfer_frame(std::uint16_t channel,
                          std::uint32_t handle,
                          std::uint32_t delivery_id,
                          std::string_view tag,
                          std::string_view payload,
                          bool settled = false,
                          bool more = false);
ByteVector disposition_frame(std::uint16_t channel,
                             bool receiver,
                             std::uint32_t first,
                             std::uint32_t last,
                             bool settled = true);
ByteVector flow_frame(std::uint16_t channel,
                      const ByteVector& next_incoming_id,
                      std::uint32_t incoming_window,
                      std::uint32_t next_outgoing_id,
                      const ByteVector& handle = null(),
                      const ByteVector& delivery_count = null(),
                      const ByteVector& link_credit = null(),
                      bool drain = false,
                      bool echo = false);
ByteVector detach_frame(std::uint16_t channel, std::uint32_t handle, bool closed = true);
ByteVector end_frame(std::uint16_t channel);
ByteVector close_frame();

/// A frame the engine sent, as far as tests look at it.
struct Sent {
    std::uint16_t channel = 0;
    unsigned code = 0;  ///< descriptor; 0: empty frame, 1: protocol header
    ByteVector bytes;
};

std::vector<Sent> split(std::span<const std::byte> wire);
/// The condition's symbol inside an end, detach or close; empty if there is none.
std::string condition_of(const Sent& frame);

/// A server engine and its hand-made peer.
struct RawPeer {
    explicit RawPeer(EngineConfig config = server_config()) : node(std::move(config)) {}

    Node node;
    std::vector<Sent> sent;  ///< everything the engine wrote so far

    /// Feeds bytes; what the engine answers.
    std::vector<Sent> say(const ByteVector& bytes, std::size_t piece = 0);
    std::vector<Sent> hear();
    /// Header, open, begin on channel 0, a sending link on handle 0.
    void establish();
    [[nodiscard]] std::string last_condition() const;
};

}  // namespace amqmesh::link::test
