#include "mgmt/amqp_value.h"
#include "mgmt/utf8.h"

#include <bit>
#include <cassert>

namespace amqmesh::mgmt {

void ValueWriter::byte(std::uint8_t value) {
    out_ += static_cast<char>(value);
}

void ValueWriter::big_endian(std::uint64_t value, unsigned bytes) {
    for (unsigned shift = bytes * 8; shift != 0; shift -= 8) {
        byte(static_cast<std::uint8_t>(value >> (shift - 8)));
    }
}

void ValueWriter::null() {
    byte(0x40);
}

void ValueWriter::boolean(bool value) {
    byte(value ? 0x41 : 0x42);
}

void ValueWriter::integer32(std::int32_t value) {
    byte(0x71);
    big_endian(static_cast<std::uint32_t>(value), 4);
}

void ValueWriter::long_integer(std::int64_t value) {
    if (value >= -128 && value <= 127) {
        byte(0x55);
        byte(static_cast<std::uint8_t>(value));
        return;
    }
    byte(0x81);
    big_endian(static_cast<std::uint64_t>(value), 8);
}

void ValueWriter::natural(std::uint64_t value) {
    if (value == 0) {
        byte(0x44);
    } else if (value < 256) {
        byte(0x53);
        byte(static_cast<std::uint8_t>(value));
    } else {
        byte(0x80);
        big_endian(value, 8);
    }
}

void ValueWriter::number(double value) {
    byte(0x82);
    big_endian(std::bit_cast<std::uint64_t>(value), 8);
}

void ValueWriter::text(std::uint8_t short_code, std::uint8_t long_code, std::string_view text) {
    if (text.size() < 256) {
        byte(short_code);
        byte(static_cast<std::uint8_t>(text.size()));
    } else {
        byte(long_code);
        big_endian(text.size(), 4);
    }
    out_ += text;
}

void ValueWriter::string(std::string_view value) {
    if (is_utf8(value)) {
        text(0xa1, 0xb1, value);
    } else {
        text(0xa1, 0xb1, to_utf8(value));
    }
}

void ValueWriter::symbol(std::string_view value) {
    text(0xa3, 0xb3, value);
}

void ValueWriter::value(const Value& value) {  // NOLINT(misc-no-recursion): our own data
    if (const auto* string_value = value.as<std::string>()) {
        string(*string_value);
    } else if (const auto* natural_value = value.as<std::uint64_t>()) {
        natural(*natural_value);
    } else if (value.is_null()) {
        null();
    } else if (const auto* integer_value = value.as<std::int64_t>()) {
        long_integer(*integer_value);
    } else if (const auto* boolean_value = value.as<bool>()) {
        boolean(*boolean_value);
    } else if (const auto* number_value = value.as<double>()) {
        number(*number_value);
    } else if (const auto* list = value.as<List>()) {
        const std::size_t opened = open_list(list->size());
        for (const Value& item : *list) {
            this->value(item);
        }
        close(opened);
    } else if (const auto* map = value.as<Map>()) {
        const std::size_t opened = open_map(map->size() * 2);
        for (const auto& entry : *map) {
            string(entry.first);
            this->value(entry.second);
        }
        close(opened);
    }
}

void ValueWriter::descriptor(std::uint8_t code) {
    byte(0x00);
    byte(0x53);
    byte(code);
}

std::size_t ValueWriter::open(std::uint8_t code, std::size_t count) {
    byte(code);
    const std::size_t opened = out_.size();
    big_endian(0, 4);
    big_endian(count, 4);
    return opened;
}

std::size_t ValueWriter::open_list(std::size_t count) {
    return open(0xd0, count);
}

std::size_t ValueWriter::open_map(std::size_t count) {
    assert(count % 2 == 0);
    return open(0xd1, count);
}

void ValueWriter::close(std::size_t opened) {
    const std::size_t size = out_.size() - opened - 4;
    for (std::size_t i = 0; i < 4; ++i) {
        out_[opened + i] = static_cast<char>(static_cast<std::uint8_t>(size >> (24 - 8 * i)));
    }
}

}  // namespace amqmesh::mgmt
