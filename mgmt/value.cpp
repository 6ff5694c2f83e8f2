#include "mgmt/value.h"

#include "mgmt/utf8.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace amqmesh::mgmt {

namespace {

// Integers of both signs compare and convert through this: a sign and a magnitude.
struct Integer {
    bool is_integer = false;
    bool negative = false;
    std::uint64_t magnitude = 0;
};

Integer integer_of(const Value::Storage& data) {
    if (const auto* value = std::get_if<std::uint64_t>(&data)) {
        return {.is_integer = true, .negative = false, .magnitude = *value};
    }
    if (const auto* value = std::get_if<std::int64_t>(&data)) {
        const bool negative = *value < 0;
        const auto bits = static_cast<std::uint64_t>(*value);
        return {.is_integer = true, .negative = negative, .magnitude = negative ? 0 - bits : bits};
    }
    return {};
}

void append_escape(std::string& out, unsigned char byte) {
    switch (byte) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    out += "\\u00";
    out += kHex[byte >> 4U];
    out += kHex[byte & 0xfU];
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const auto first = static_cast<unsigned char>(text[0]);
        std::size_t length = utf8_length(text);
        if (length == 0) {
            out += "\xef\xbf\xbd";  // U+FFFD
            length = 1;
        } else if (first == '"' || first == '\\' || first < 0x20 || first == 0x7f) {
            append_escape(out, first);
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    out += '"';
}

std::string number_text(double value) {
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    return {buffer.data(), end};
}

// Depth is bounded by whoever made the value (Agent: kDepthMax; readers of files alike).
void append_json(std::string& out, const Value& value);  // NOLINT(misc-no-recursion)

void append_json_list(std::string& out, const List& list) {  // NOLINT(misc-no-recursion)
    out += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (i != 0) {
            out += ',';
        }
        append_json(out, list[i]);
    }
    out += ']';
}

void append_json_map(std::string& out, const Map& map) {  // NOLINT(misc-no-recursion)
    out += '{';
    for (std::size_t i = 0; i < map.size(); ++i) {
        if (i != 0) {
            out += ',';
        }
        append_json_string(out, map[i].first);
        out += ':';
        append_json(out, map[i].second);
    }
    out += '}';
}

void append_json(std::string& out, const Value& value) {  // NOLINT(misc-no-recursion)
    if (const auto* text = value.as<std::string>()) {
        append_json_string(out, *text);
    } else if (const auto* list = value.as<List>()) {
        append_json_list(out, *list);
    } else if (const auto* map = value.as<Map>()) {
        append_json_map(out, *map);
    } else if (const auto* boolean = value.as<bool>()) {
        out += *boolean ? "true" : "false";
    } else if (const auto* number = value.as<double>()) {
        out += std::isfinite(*number) ? number_text(*number) : "null";  // JSON has no NaN
    } else if (const auto* integer = value.as<std::int64_t>()) {
        out += std::to_string(*integer);
    } else if (const auto* natural = value.as<std::uint64_t>()) {
        out += std::to_string(*natural);
    } else {
        out += "null";
    }
}

}  // namespace

bool Value::boolean(bool fallback) const {
    const bool* value = as<bool>();
    return value != nullptr ? *value : fallback;
}

std::int64_t Value::integer(std::int64_t fallback) const {
    if (const auto* value = as<std::int64_t>()) {
        return *value;
    }
    const auto* value = as<std::uint64_t>();
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return value != nullptr && *value <= kMax ? static_cast<std::int64_t>(*value) : fallback;
}

std::uint64_t Value::unsigned_integer(std::uint64_t fallback) const {
    const Integer value = integer_of(data_);
    return value.is_integer && !value.negative ? value.magnitude : fallback;
}

double Value::number(double fallback) const {
    if (const auto* value = as<double>()) {
        return *value;
    }
    const Integer value = integer_of(data_);
    if (!value.is_integer) {
        return fallback;
    }
    const auto magnitude = static_cast<double>(value.magnitude);
    return value.negative ? -magnitude : magnitude;
}

std::string_view Value::text() const {
    const auto* value = as<std::string>();
    return value != nullptr ? std::string_view{*value} : std::string_view{};
}

bool operator==(const Value& a, const Value& b) {  // NOLINT(misc-no-recursion)
    const Integer left = integer_of(a.data_);
    const Integer right = integer_of(b.data_);
    if (left.is_integer && right.is_integer) {
        return left.negative == right.negative && left.magnitude == right.magnitude;
    }
    return a.data_ == b.data_;
}

const Value* find(const Map& map, std::string_view key) {
    const auto found =
        std::find_if(map.begin(), map.end(), [&](const auto& entry) { return entry.first == key; });
    return found != map.end() ? &found->second : nullptr;
}

std::string to_display(const Value& value) {
    if (value.is_null()) {
        return {};
    }
    const auto* text = value.as<std::string>();
    return text != nullptr ? *text : to_json(value);
}

std::string to_json(const Value& value) {
    std::string out;
    append_json(out, value);
    return out;
}

}  // namespace amqmesh::mgmt
