#include "tests/bench/wire.h"

#include <algorithm>
#include <cstdlib>

namespace amqmesh::bench {

namespace {

constexpr std::size_t kFrameHead = 8;
// 00 53 code c0 size count: the short form, as clients write it
constexpr std::size_t kListHead = 6;

Field number(std::uint8_t code, std::uint64_t value) {
    Field field;
    field.code = code;
    field.number = value;
    return field;
}

}  // namespace

std::uint32_t read32(const std::uint8_t* bytes) {
    return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
           (std::uint32_t{bytes[2]} << 8) | bytes[3];
}

void write32(std::uint8_t* bytes, std::uint32_t value) {
    bytes[0] = static_cast<std::uint8_t>(value >> 24);
    bytes[1] = static_cast<std::uint8_t>(value >> 16);
    bytes[2] = static_cast<std::uint8_t>(value >> 8);
    bytes[3] = static_cast<std::uint8_t>(value);
}

FrameWriter::FrameWriter(Buffer& out, Performative code) : out_(out), start_(out.size()) {
    out_.resize(start_ + kFrameHead + kListHead);
    std::uint8_t* head = out_.data() + start_;
    head[4] = 2;  // data offset; type and channel are 0
    head[kFrameHead + 1] = 0x53;
    head[kFrameHead + 2] = code;
    head[kFrameHead + 3] = 0xc0;
}

FrameWriter::~FrameWriter() {
    std::uint8_t* head = out_.data() + start_;
    const auto size = static_cast<std::uint32_t>(out_.size() - start_);
    write32(head, size);
    const std::size_t list = size - kFrameHead - kListHead + 1;  // the count belongs to it
    if (list > 255) {
        std::abort();  // our own frames are short
    }
    head[kFrameHead + 4] = static_cast<std::uint8_t>(list);
    head[kFrameHead + 5] = static_cast<std::uint8_t>(fields_);
}

FrameWriter& FrameWriter::null() {
    byte(0x40);
    ++fields_;
    return *this;
}

FrameWriter& FrameWriter::boolean(bool value) {
    byte(value ? 0x41 : 0x42);
    ++fields_;
    return *this;
}

FrameWriter& FrameWriter::ubyte(std::uint8_t value) {
    byte(0x50);
    byte(value);
    ++fields_;
    return *this;
}

FrameWriter& FrameWriter::uint(std::uint32_t value) {
    byte(0x70);
    out_.resize(out_.size() + 4);
    write32(out_.data() + out_.size() - 4, value);
    ++fields_;
    return *this;
}

FrameWriter& FrameWriter::variable(std::uint8_t code, std::string_view bytes) {
    byte(code);
    byte(bytes.size());
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    ++fields_;
    return *this;
}

FrameWriter& FrameWriter::string(std::string_view text) {
    return variable(0xa1, text);
}

FrameWriter& FrameWriter::binary(std::string_view bytes) {
    return variable(0xa0, bytes);
}

FrameWriter& FrameWriter::terminus(std::uint8_t code, std::string_view address) {
    byte(0x00);
    byte(0x53);
    byte(code);
    byte(0xc0);
    byte(3 + address.size());
    byte(1);
    string(address);
    return *this;
}

FrameWriter& FrameWriter::state(std::uint8_t code) {
    byte(0x00);
    byte(0x53);
    byte(code);
    byte(0x45);
    ++fields_;
    return *this;
}

std::uint64_t FieldReader::big_endian(std::size_t bytes) {
    if (rest_.size() < bytes) {
        rest_ = {};
        return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t at = 0; at < bytes; ++at) {
        value = (value << 8) | rest_[at];
    }
    rest_ = rest_.subspan(bytes);
    return value;
}

Field FieldReader::variable(std::uint8_t code) {
    // Constructors 0xa0-0xaf, 0xc0 and 0xe0 have a one-byte size, 0xb0, 0xd0 and 0xf0 four.
    const bool wide = (code & 0x10U) != 0;
    const std::uint64_t told = big_endian(wide ? 4 : 1);
    const std::size_t size = std::min(told, std::uint64_t{rest_.size()});
    Field field;
    field.code = code;
    field.bytes = rest_.subspan(0, size);
    rest_ = rest_.subspan(size);
    return field;
}

Field FieldReader::next() {
    if (rest_.empty()) {
        return {};
    }
    const auto code = static_cast<std::uint8_t>(big_endian(1));
    switch (code >> 4) {
        case 0x0: {  // described
            const auto descriptor = static_cast<std::uint8_t>(next().number);
            Field field = next();
            field.descriptor = descriptor;
            return field;
        }
        case 0x4:
            return number(code, code == 0x41 ? 1U : 0U);
        case 0x5:
            return number(code, big_endian(1));
        case 0x6:
            return number(code, big_endian(2));
        case 0x7:
            return number(code, big_endian(4));
        case 0x8:
            return number(code, big_endian(8));
        case 0x9:
            big_endian(8);
            return number(code, big_endian(8));
        default:
            return variable(code);
    }
}

Frame parse_frame(std::span<const std::uint8_t> bytes) {
    const std::size_t head = std::min<std::size_t>(std::size_t{bytes[4]} * 4, bytes.size());
    FieldReader reader(bytes.subspan(head));
    if (reader.rest().empty()) {
        return {};
    }
    const Field list = reader.next();
    const std::size_t counts = list.code == 0x45 ? 0 : list.code == 0xc0 ? 1 : 4;
    return {.performative = list.descriptor,
            .fields = list.bytes.subspan(std::min(counts, list.bytes.size())),
            .payload = reader.rest()};
}

}  // namespace amqmesh::bench
