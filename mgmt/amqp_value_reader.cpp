#include "mgmt/amqp_value.h"
#include "mgmt/utf8.h"

#include <array>
#include <bit>

namespace amqmesh::mgmt {

namespace {

// Constructors, AMQP 1.6. The high nibble tells the width of what follows (AMQP 1.2).
enum Constructor : std::uint8_t {
    kDescribed = 0x00,
    kNull = 0x40,
    kTrue = 0x41,
    kFalse = 0x42,
    kUint0 = 0x43,
    kUlong0 = 0x44,
    kList0 = 0x45,
    kUbyte = 0x50,
    kByte = 0x51,
    kSmallUint = 0x52,
    kSmallUlong = 0x53,
    kSmallInt = 0x54,
    kSmallLong = 0x55,
    kBoolean = 0x56,
    kUshort = 0x60,
    kShort = 0x61,
    kUint = 0x70,
    kInt = 0x71,
    kFloat = 0x72,
    kChar = 0x73,
    kUlong = 0x80,
    kLong = 0x81,
    kDouble = 0x82,
    kTimestamp = 0x83,
    kUuid = 0x98,
    kBinary8 = 0xa0,
    kString8 = 0xa1,
    kSymbol8 = 0xa3,
    kBinary32 = 0xb0,
    kString32 = 0xb1,
    kSymbol32 = 0xb3,
    kList8 = 0xc0,
    kMap8 = 0xc1,
    kList32 = 0xd0,
    kMap32 = 0xd1,
    kArray8 = 0xe0,
    kArray32 = 0xf0
};

std::string uuid_text(std::string_view bytes) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out += '-';
        }
        const auto byte = static_cast<unsigned char>(bytes[i]);
        out += kHex[byte >> 4U];
        out += kHex[byte & 0xfU];
    }
    return out;
}

std::string utf8_of(std::uint32_t c) {
    const auto tail = [](std::uint32_t bits) { return static_cast<char>(0x80U | (bits & 0x3fU)); };
    if (c < 0x80) {
        return {static_cast<char>(c)};
    }
    if (c < 0x800) {
        return {static_cast<char>(0xc0U | (c >> 6U)), tail(c)};
    }
    if (c < 0x10000) {
        return {static_cast<char>(0xe0U | (c >> 12U)), tail(c >> 6U), tail(c)};
    }
    return {static_cast<char>(0xf0U | (c >> 18U)), tail(c >> 12U), tail(c >> 6U), tail(c)};
}

bool is_character(std::uint64_t c) {
    return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

// Size of the count and size fields of a variable or compound value: 1 for 0xa_, 0xc_, 0xe_.
std::size_t size_width(std::uint8_t constructor) {
    return ((constructor >> 4U) & 1U) != 0 ? 4 : 1;
}

}  // namespace

void ValueReader::fail() {
    ok_ = false;
    rest_ = {};
}

std::uint64_t ValueReader::take(std::size_t bytes) {
    if (rest_.size() < bytes) {
        fail();
        return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
        value = value << 8U | static_cast<unsigned char>(rest_[i]);
    }
    rest_.remove_prefix(bytes);
    return value;
}

std::string_view ValueReader::take_text(std::size_t bytes) {
    if (rest_.size() < bytes) {
        fail();
        return {};
    }
    const std::string_view text = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return text;
}

// Values without width (null in an array) take no bytes: only this bounds them.
bool ValueReader::count_value() {
    if (++values_ > values_max_) {
        fail();
    }
    return ok_;
}

Value ValueReader::read() {
    return read_one(0);
}

Value ValueReader::read_one(unsigned depth) {  // NOLINT(misc-no-recursion): kDepthMax
    const auto constructor = static_cast<std::uint8_t>(take(1));
    return ok_ ? read_as(constructor, depth) : Value{};
}

Value ValueReader::read_as(std::uint8_t constructor,  // NOLINT(misc-no-recursion): kDepthMax
                           unsigned depth) {
    if (depth > kDepthMax || !count_value()) {
        fail();
        return {};
    }
    switch (constructor) {
        case kNull:
            return {};
        case kTrue:
            return true;
        case kFalse:
            return false;
        case kBoolean:
            return take(1) != 0;
        case kUint0:
        case kUlong0:
            return std::uint64_t{0};
        case kUbyte:
        case kSmallUint:
        case kSmallUlong:
            return take(1);
        case kUshort:
            return take(2);
        case kUint:
            return take(4);
        case kUlong:
            return take(8);
        case kByte:
        case kSmallInt:
        case kSmallLong:
            return std::int64_t{static_cast<std::int8_t>(take(1))};
        case kShort:
            return std::int64_t{static_cast<std::int16_t>(take(2))};
        case kInt:
            return std::int64_t{static_cast<std::int32_t>(take(4))};
        case kLong:
        case kTimestamp:
            return static_cast<std::int64_t>(take(8));
        case kFloat:
            return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(take(4))));
        case kDouble:
            return std::bit_cast<double>(take(8));
        case kChar: {
            const std::uint64_t c = take(4);
            if (!is_character(c)) {
                fail();
                return {};
            }
            return utf8_of(static_cast<std::uint32_t>(c));
        }
        case kUuid:
            return uuid_text(take_text(16));
        case kBinary8:
        case kString8:
        case kSymbol8:
        case kBinary32:
        case kString32:
        case kSymbol32:
            return take_text(take(size_width(constructor)));
        case kList0:
            return List{};
        case kList8:
        case kList32:
            return read_list(size_width(constructor), depth);
        case kMap8:
        case kMap32:
            return read_map(size_width(constructor), depth);
        case kArray8:
        case kArray32:
            return read_array(size_width(constructor), depth);
        default:
            fail();
            return {};
    }
}

// The size in front of a compound value must fit what is there, and what is read must use it up.
Value ValueReader::read_list(std::size_t width, unsigned depth) {  // NOLINT(misc-no-recursion)
    const std::uint64_t size = take(width);
    if (!ok_ || size < width || size > rest_.size()) {
        fail();
        return {};
    }
    const std::size_t after = rest_.size() - size;
    const std::uint64_t count = take(width);
    List list;
    for (std::uint64_t i = 0; i < count && ok_; ++i) {
        list.push_back(read_one(depth + 1));
    }
    if (rest_.size() != after) {
        fail();
    }
    return list;
}

Value ValueReader::read_map(std::size_t width, unsigned depth) {  // NOLINT(misc-no-recursion)
    const std::uint64_t size = take(width);
    if (!ok_ || size < width || size > rest_.size()) {
        fail();
        return {};
    }
    const std::size_t after = rest_.size() - size;
    const std::uint64_t count = take(width);
    Map map;
    if (count % 2 != 0) {
        fail();
    }
    for (std::uint64_t i = 0; i < count && ok_; i += 2) {
        Value key = read_one(depth + 1);
        auto* text = key.as<std::string>();
        if (text == nullptr) {
            fail();
            break;
        }
        map.emplace_back(std::move(*text), read_one(depth + 1));
    }
    if (rest_.size() != after) {
        fail();
    }
    return map;
}

Value ValueReader::read_array(std::size_t width, unsigned depth) {  // NOLINT(misc-no-recursion)
    const std::uint64_t size = take(width);
    if (!ok_ || size < width || size > rest_.size()) {
        fail();
        return {};
    }
    const std::size_t after = rest_.size() - size;
    const std::uint64_t count = take(width);
    const auto constructor = static_cast<std::uint8_t>(take(1));
    List list;
    for (std::uint64_t i = 0; i < count && ok_; ++i) {
        list.push_back(read_as(constructor, depth + 1));
    }
    if (rest_.size() != after) {
        fail();
    }
    return list;
}

std::string_view ValueReader::skip() {
    const std::string_view before = rest_;
    skip_one(0);
    return ok_ ? before.substr(0, before.size() - rest_.size()) : std::string_view{};
}

void ValueReader::skip_one(unsigned depth) {  // NOLINT(misc-no-recursion): kDepthMax
    const auto constructor = static_cast<std::uint8_t>(take(1));
    if (!ok_ || depth > kDepthMax) {
        fail();
        return;
    }
    if (constructor == kDescribed) {
        skip_one(depth + 1);
        skip_one(depth + 1);
        return;
    }
    // AMQP 1.2: 0x4_ nothing, 0x5_ to 0x9_ 1, 2, 4, 8, 16 bytes, from 0xa_ a size in front.
    constexpr std::array<std::size_t, 10> kWidths{0, 0, 0, 0, 0, 1, 2, 4, 8, 16};
    const unsigned kind = constructor >> 4U;
    if (kind < 4) {
        fail();
    } else if (kind < kWidths.size()) {
        take_text(kWidths[kind]);
    } else {
        take_text(take(size_width(constructor)));
    }
}

std::uint64_t ValueReader::read_descriptor() {
    if (take(1) != kDescribed || !ok_) {
        fail();
        return 0;
    }
    const auto constructor = static_cast<std::uint8_t>(take(1));
    if (constructor == kSmallUlong) {
        return take(1);
    }
    if (constructor == kUlong) {
        return take(8);
    }
    fail();
    return 0;
}

std::uint32_t ValueReader::open_list() {
    const auto constructor = static_cast<std::uint8_t>(take(1));
    if (constructor == kList0) {
        return 0;
    }
    if (constructor != kList8 && constructor != kList32) {
        fail();
        return 0;
    }
    const std::size_t width = size_width(constructor);
    const std::uint64_t size = take(width);
    if (!ok_ || size < width || size > rest_.size()) {
        fail();
        return 0;
    }
    return static_cast<std::uint32_t>(take(width));
}

}  // namespace amqmesh::mgmt
