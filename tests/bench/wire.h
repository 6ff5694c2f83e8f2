// Just enough AMQP 1.0 for a load client: hand-encoded frames out, a field walker for frames in.
//
// The client must cost far less than what it measures, so nothing here allocates per message and
// nothing is validated beyond memory safety: the peer is a process that we started.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::bench {

/// Descriptor codes of the performatives (AMQP 2.7).
enum Performative : std::uint8_t {
    kOpen = 0x10,
    kBegin = 0x11,
    kAttach = 0x12,
    kFlow = 0x13,
    kTransfer = 0x14,
    kDisposition = 0x15,
    kDetach = 0x16,
    kEnd = 0x17,
    kClose = 0x18,
};

using Buffer = std::vector<std::uint8_t>;

/// Writes one frame at the end of a buffer; the destructor fills in the sizes.
class FrameWriter {
  public:
    FrameWriter(Buffer& out, Performative code);
    ~FrameWriter();
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;

    FrameWriter& null();
    FrameWriter& boolean(bool value);
    FrameWriter& ubyte(std::uint8_t value);
    FrameWriter& uint(std::uint32_t value);
    FrameWriter& string(std::string_view text);   ///< up to 255 bytes
    FrameWriter& binary(std::string_view bytes);  ///< up to 255 bytes
    /// A terminus (source 0x28, target 0x29) with nothing but an address.
    FrameWriter& terminus(std::uint8_t code, std::string_view address);
    /// Delivery state with no fields, e.g. accepted 0x24.
    FrameWriter& state(std::uint8_t code);

  private:
    FrameWriter& variable(std::uint8_t code, std::string_view bytes);

    void byte(std::size_t value) { out_.push_back(static_cast<std::uint8_t>(value)); }

    Buffer& out_;
    std::size_t start_;
    std::uint32_t fields_ = 0;
};

/// One primitive of an encoded list.
struct Field {
    std::uint8_t code = 0x40;             ///< AMQP constructor; 0x40: null
    std::uint64_t number = 0;             ///< of integers and booleans
    std::span<const std::uint8_t> bytes;  ///< of strings, binaries and what a constructor describes
    std::uint8_t descriptor = 0;          ///< of a described value, 0 for others

    [[nodiscard]] bool null() const { return code == 0x40; }
};

/// Walks the fields of a performative, or of any encoded values.
class FieldReader {
  public:
    explicit FieldReader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    /// The next field; null at the end and for what cannot be read.
    Field next();

    void pass_over(int fields) {
        while (fields-- > 0) {
            next();
        }
    }

    std::span<const std::uint8_t> rest() const { return rest_; }

  private:
    Field variable(std::uint8_t code);
    std::uint64_t big_endian(std::size_t bytes);

    std::span<const std::uint8_t> rest_;
};

struct Frame {
    std::uint8_t performative = 0;          ///< 0: empty frame
    std::span<const std::uint8_t> fields;   ///< inside the list
    std::span<const std::uint8_t> payload;  ///< after the list
};

/// Splits a complete frame of `bytes` (its size field included).
Frame parse_frame(std::span<const std::uint8_t> bytes);

std::uint32_t read32(const std::uint8_t* bytes);
void write32(std::uint8_t* bytes, std::uint32_t value);

}  // namespace amqmesh::bench
