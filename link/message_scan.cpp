#include "link/message_scan.h"

namespace amqmesh::link {

namespace {

// Section descriptors (AMQP 3.2).
constexpr unsigned kHeader = 0x70;
constexpr unsigned kDeliveryAnnotations = 0x71;
constexpr unsigned kMessageAnnotations = 0x72;
constexpr unsigned kProperties = 0x73;
constexpr unsigned kData = 0x75;

// Primitive constructors (AMQP 1.6).
constexpr unsigned kList0 = 0x45;
constexpr unsigned kSmallUint = 0x52;
constexpr unsigned kSmallUlong = 0x53;
constexpr unsigned kUint = 0x70;
constexpr unsigned kUlong = 0x80;
constexpr unsigned kVbin32 = 0xb0;

/// Reads forward; everything fails once bytes ran out (`short_`) or made no sense (`bad_`).
class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool at_end() const { return bytes_.empty(); }

    [[nodiscard]] bool ok() const { return !short_ && !bad_; }

    [[nodiscard]] bool bad() const { return bad_; }

    [[nodiscard]] std::span<const std::byte> rest() const { return bytes_; }

    void fail() { bad_ = true; }

    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        for (const auto byte : take(width)) {
            value = value << 8U | std::to_integer<std::uint64_t>(byte);
        }
        return value;
    }

    std::span<const std::byte> take(std::uint64_t count) {
        if (count > bytes_.size()) {
            short_ = true;
            return {};
        }
        const auto taken = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return taken;
    }

    /// The value's bytes after its constructor; the constructor comes back in `code`.
    std::span<const std::byte> value(unsigned& code) {
        code = static_cast<unsigned>(number(1));
        if (!ok()) {
            return {};
        }
        switch (code >> 4U) {
            case 0x4:
                return {};
            case 0x5:
                return take(1);
            case 0x6:
                return take(2);
            case 0x7:
                return take(4);
            case 0x8:
                return take(8);
            case 0x9:
                return take(16);
            case 0xa:
            case 0xc:
            case 0xe:
                return take(number(1));
            case 0xb:
            case 0xd:
            case 0xf:
                return take(number(4));
            default:
                bad_ = true;
                return {};
        }
    }

    /// Descriptor of a described value, as the small number all standard ones are.
    unsigned descriptor() {
        if (number(1) != 0 || !ok()) {
            bad_ = bad_ || !short_;
            return 0;
        }
        const auto code = static_cast<unsigned>(number(1));
        if (code == kSmallUlong) {
            return static_cast<unsigned>(number(1));
        }
        if (code == kUlong) {
            const auto value = number(8);
            return value > 0xff ? 0U : static_cast<unsigned>(value);
        }
        bad_ = bad_ || !short_;
        return 0;
    }

  private:
    std::span<const std::byte> bytes_;
    bool short_ = false;
    bool bad_ = false;
};

/// Fields of a list value, up to `Max` of them, each with its constructor.
template <std::size_t Max>
struct Fields {
    std::size_t count = 0;
    unsigned code[Max] = {};                // NOLINT(modernize-avoid-c-arrays)
    std::span<const std::byte> bytes[Max];  // NOLINT(modernize-avoid-c-arrays)
};

template <std::size_t Max>
bool read_list(unsigned code, std::span<const std::byte> body, Fields<Max>& fields) {
    if (code == kList0) {
        return true;
    }
    if (code != 0xc0 && code != 0xd0) {
        return false;
    }
    Reader reader(body);
    const auto count = reader.number(code == 0xc0 ? 1 : 4);
    for (std::size_t i = 0; i < Max && i < count; ++i) {
        fields.bytes[i] = reader.value(fields.code[i]);
        if (!reader.ok()) {
            return false;
        }
        fields.count = i + 1;
    }
    return reader.ok();
}

std::uint64_t as_number(std::span<const std::byte> bytes) {
    Reader reader(bytes);
    return reader.number(bytes.size());
}

bool read_header(unsigned code, std::span<const std::byte> body, MessageScan& scan) {
    Fields<3> fields;  // durable, priority, ttl
    if (!read_list(code, body, fields)) {
        return false;
    }
    if (fields.count > 1 && fields.code[1] == 0x50) {
        scan.priority = static_cast<std::uint8_t>(as_number(fields.bytes[1]));
    }
    if (fields.count > 2 &&
        (fields.code[2] == 0x70 || fields.code[2] == 0x52 || fields.code[2] == 0x43)) {
        scan.ttl_ms = static_cast<std::uint32_t>(as_number(fields.bytes[2]));
    }
    return true;
}

bool read_properties(unsigned code, std::span<const std::byte> body, MessageScan& scan) {
    Fields<3> fields;  // message-id, user-id, to
    if (!read_list(code, body, fields)) {
        return false;
    }
    if (fields.count > 2 && (fields.code[2] == 0xa1 || fields.code[2] == 0xb1)) {
        const auto text = fields.bytes[2];
        scan.to = std::string_view(reinterpret_cast<const char*>(text.data()), text.size());
    }
    return true;
}

}  // namespace

MessageScan scan_message(std::span<const std::byte> bytes) {
    MessageScan scan;
    Reader reader(bytes);
    unsigned last = 0;
    while (!reader.at_end()) {
        const auto section = reader.descriptor();
        if (reader.ok() && section != kHeader && section != kDeliveryAnnotations &&
            section != kMessageAnnotations && section != kProperties) {
            scan.status = MessageScan::Status::kComplete;  // the body has begun
            return scan;
        }
        if (reader.ok() && section <= last) {
            reader.fail();  // each at most once, in this order: so a scan takes few steps
            break;
        }
        last = section;
        unsigned code = 0;
        const auto body = reader.value(code);
        if (!reader.ok()) {
            break;
        }
        if ((section == kHeader && !read_header(code, body, scan)) ||
            (section == kProperties && !read_properties(code, body, scan))) {
            reader.fail();
            break;
        }
        if (section == kProperties) {
            scan.status = MessageScan::Status::kComplete;
            return scan;
        }
    }
    scan.status = reader.bad() ? MessageScan::Status::kMalformed : MessageScan::Status::kNeedsMore;
    return scan;
}

std::uint8_t header_priority(std::span<const std::byte> message) {
    constexpr std::byte kSection{kHeader};
    constexpr std::byte kEmptyList{kList0};
    MessageScan scan;
    if (message.size() < 4 || message[2] != kSection || message[3] == kEmptyList) {
        return scan.priority;
    }
    Reader reader(message);
    if (reader.descriptor() == kHeader) {
        unsigned code = 0;
        const auto body = reader.value(code);
        if (!reader.ok() || !read_header(code, body, scan)) {
            return MessageScan{}.priority;
        }
    }
    return scan.priority;
}

std::optional<TtlPlace> find_ttl(std::span<const std::byte> message) {
    constexpr std::byte kSection{kHeader};
    if (message.size() < 4 || message[2] != kSection) {
        return std::nullopt;  // the header, if there is one, comes first and with the short
                              // descriptor
    }
    Reader reader(message);
    if (reader.descriptor() != kHeader) {
        return std::nullopt;
    }
    unsigned code = 0;
    const auto body = reader.value(code);
    Fields<3> fields;  // durable, priority, ttl
    if (!reader.ok() || !read_list(code, body, fields) || fields.count < 3 ||
        (fields.code[2] != kUint && fields.code[2] != kSmallUint)) {
        return std::nullopt;
    }
    const auto bytes = fields.bytes[2];
    const auto ms = static_cast<std::uint32_t>(as_number(bytes));
    if (ms == 0) {
        return std::nullopt;
    }
    return TtlPlace{ms, static_cast<std::size_t>(bytes.data() - message.data()), bytes.size()};
}

std::optional<std::string_view> data_body(std::span<const std::byte> message) {
    Reader reader(message);
    if (reader.descriptor() != kData) {
        return std::nullopt;
    }
    unsigned code = 0;
    const auto body = reader.value(code);
    if (!reader.ok() || (code != 0xa0 && code != kVbin32) || !reader.at_end()) {
        return std::nullopt;
    }
    return std::string_view(reinterpret_cast<const char*>(body.data()), body.size());
}

DataHeader data_header(std::uint32_t size) {
    return {{std::byte{0x00},
             std::byte{kSmallUlong},
             std::byte{kData},
             std::byte{kVbin32},
             static_cast<std::byte>(size >> 24U),
             static_cast<std::byte>((size >> 16U) & 0xffU),
             static_cast<std::byte>((size >> 8U) & 0xffU),
             static_cast<std::byte>(size & 0xffU)}};
}

}  // namespace amqmesh::link
