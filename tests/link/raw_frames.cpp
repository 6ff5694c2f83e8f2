#include "tests/link/raw_frames.h"

#include <algorithm>
#include <cstdlib>

namespace amqmesh::link::test {

namespace {

ByteVector octets(std::uint64_t value, unsigned count) {
    ByteVector bytes;
    for (unsigned i = count; i > 0; --i) {
        bytes.push_back(static_cast<std::byte>((value >> (8U * (i - 1))) & 0xffU));
    }
    return bytes;
}

ByteVector variable(std::uint8_t code, std::string_view value) {
    ByteVector bytes = value.size() < 256 ? octets(code, 1) + octets(value.size(), 1)
                                          : octets(code + 0x10U, 1) + octets(value.size(), 4);
    return bytes + to_bytes(value);
}

std::uint32_t number(std::span<const std::byte> bytes) {
    std::uint32_t value = 0;
    for (const std::byte octet : bytes) {
        value = value << 8U | std::to_integer<std::uint32_t>(octet);
    }
    return value;
}

}  // namespace

ByteVector hex(std::string_view text) {
    ByteVector bytes;
    for (std::size_t at = 0; at + 1 < text.size(); ++at) {
        if (text[at] == ' ') {
            continue;
        }
        bytes.push_back(static_cast<std::byte>(
            std::strtoul(std::string(text.substr(at, 2)).c_str(), nullptr, 16)));
        ++at;
    }
    return bytes;
}

ByteVector operator+(ByteVector left, const ByteVector& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

ByteVector null() {
    return octets(0x40, 1);
}

ByteVector uint(std::uint32_t value) {
    return octets(0x70, 1) + octets(value, 4);
}

ByteVector ushort(std::uint16_t value) {
    return octets(0x60, 1) + octets(value, 2);
}

ByteVector ubyte(std::uint8_t value) {
    return octets(0x50, 1) + octets(value, 1);
}

ByteVector boolean(bool value) {
    return octets(value ? 0x41 : 0x42, 1);
}

ByteVector string(std::string_view value) {
    return variable(0xa1, value);
}

ByteVector symbol(std::string_view value) {
    return variable(0xa3, value);
}

ByteVector binary(std::string_view value) {
    return variable(0xa0, value);
}

ByteVector list(const std::vector<ByteVector>& fields) {
    ByteVector content;
    for (const ByteVector& field : fields) {
        content = std::move(content) + field;
    }
    return octets(0xd0, 1) + octets(content.size() + 4, 4) + octets(fields.size(), 4) + content;
}

ByteVector described(std::uint8_t code, const ByteVector& value) {
    return octets(0, 1) + octets(0x53, 1) + octets(code, 1) + value;
}

ByteVector frame(std::uint16_t channel, const ByteVector& body, std::uint8_t type) {
    return octets(body.size() + 8, 4) + octets(2, 1) + octets(type, 1) + octets(channel, 2) + body;
}

ByteVector amqp_header() {
    return hex("41 4d 51 50 00 01 00 00");
}

ByteVector sasl_header() {
    return hex("41 4d 51 50 03 01 00 00");
}

ByteVector open_frame(std::uint32_t max_frame, std::uint32_t idle_timeout_ms) {
    return frame(0,
                 described(0x10,
                           list({string("raw"),
                                 null(),
                                 uint(max_frame),
                                 ushort(65535),
                                 idle_timeout_ms > 0 ? uint(idle_timeout_ms) : null()})));
}

ByteVector begin_frame(std::uint16_t channel,
                       std::uint32_t next_outgoing_id,
                       std::uint32_t incoming_window,
                       std::uint32_t handle_max) {
    return frame(channel,
                 described(0x11,
                           list({null(),
                                 uint(next_outgoing_id),
                                 uint(incoming_window),
                                 uint(1000),
                                 uint(handle_max)})));
}

ByteVector attach_frame(std::uint16_t channel,
                        std::string_view name,
                        std::uint32_t handle,
                        bool receiver,
                        std::uint32_t initial_delivery_count) {
    const ByteVector source = described(0x28, list({string("a")}));
    const ByteVector target = described(0x29, list({string("a")}));
    return frame(channel,
                 described(0x12,
                           list({string(name),
                                 uint(handle),
                                 boolean(receiver),
                                 null(),
                                 null(),
                                 source,
                                 target,
                                 null(),
                                 null(),
                                 receiver ? null() : uint(initial_delivery_count)})));
}

ByteVector transfer_frame(std::uint16_t channel,
                          std::uint32_t handle,
                          std::uint32_t delivery_id,
                          std::string_view tag,
                          std::string_view payload,
                          bool settled,
                          bool more) {
    return frame(channel,
                 described(0x14,
                           list({uint(handle),
                                 uint(delivery_id),
                                 binary(tag),
                                 uint(0),
                                 boolean(settled),
                                 boolean(more)})) +
                     to_bytes(payload));
}

ByteVector disposition_frame(
    std::uint16_t channel, bool receiver, std::uint32_t first, std::uint32_t last, bool settled) {
    return frame(channel,
                 described(0x15,
                           list({boolean(receiver),
                                 uint(first),
                                 uint(last),
                                 boolean(settled),
                                 described(0x24, hex("45"))})));
}

ByteVector flow_frame(std::uint16_t channel,
                      const ByteVector& next_incoming_id,
                      std::uint32_t incoming_window,
                      std::uint32_t next_outgoing_id,
                      const ByteVector& handle,
                      const ByteVector& delivery_count,
                      const ByteVector& link_credit,
                      bool drain,
                      bool echo) {
    return frame(channel,
                 described(0x13,
                           list({next_incoming_id,
                                 uint(incoming_window),
                                 uint(next_outgoing_id),
                                 uint(1000),
                                 handle,
                                 delivery_count,
                                 link_credit,
                                 null(),
                                 boolean(drain),
                                 boolean(echo)})));
}

ByteVector detach_frame(std::uint16_t channel, std::uint32_t handle, bool closed) {
    return frame(channel, described(0x16, list({uint(handle), boolean(closed)})));
}

ByteVector end_frame(std::uint16_t channel) {
    return frame(channel, described(0x17, hex("45")));
}

ByteVector close_frame() {
    return frame(0, described(0x18, hex("45")));
}

std::vector<Sent> split(std::span<const std::byte> wire) {
    std::vector<Sent> frames;
    while (wire.size() >= 8) {
        const bool header = wire[0] == std::byte{'A'};
        const std::size_t size = header ? 8 : number(wire.first(4));
        Sent sent;
        sent.bytes.assign(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(size));
        if (header) {
            sent.code = 1;
        } else {
            sent.channel = static_cast<std::uint16_t>(number(wire.subspan(6, 2)));
            sent.code = size > 10 ? std::to_integer<unsigned>(wire[10]) : 0;
        }
        frames.push_back(std::move(sent));
        wire = wire.subspan(size);
    }
    return frames;
}

std::string condition_of(const Sent& frame) {
    const std::string text = to_text(frame.bytes);
    const std::size_t at = text.find("amqp:");
    if (at == std::string::npos || at == 0) {
        return {};
    }
    return text.substr(at, static_cast<unsigned char>(text[at - 1]));
}

std::vector<Sent> RawPeer::say(const ByteVector& bytes, std::size_t piece) {
    node.feed(bytes, piece);
    return hear();
}

std::vector<Sent> RawPeer::hear() {
    std::vector<Sent> answer = split(node.take());
    sent.insert(sent.end(), answer.begin(), answer.end());
    return answer;
}

void RawPeer::establish() {
    say(amqp_header() + open_frame() + begin_frame(0) + attach_frame(0, "s", 0, false));
}

std::string RawPeer::last_condition() const {
    return sent.empty() ? "" : condition_of(sent.back());
}

}  // namespace amqmesh::link::test
