#include "mgmt/schema_convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace amqmesh::mgmt {

namespace {

constexpr std::size_t kQuotedBytesMax = 60;

}  // namespace

// Nothing else may stand beside the digits.
bool parse_integer(const Value& raw, std::int64_t& out) {
    constexpr std::int64_t kNone = INT64_MIN;
    out = raw.integer(kNone);
    if (out != kNone) {
        return true;
    }
    if (const auto* number = raw.as<double>()) {
        constexpr double kExact = 9007199254740992.0;  // 2^53: integers beyond are not exact
        if (std::abs(*number) > kExact || std::trunc(*number) != *number) {
            return false;
        }
        out = static_cast<std::int64_t>(*number);
        return true;
    }
    const std::string_view text = raw.text();
    const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

std::string quoted(const Value& value) {
    std::string text = to_display(value);
    if (text.size() > kQuotedBytesMax) {
        text.resize(kQuotedBytesMax);
        text += "…";
    }
    return "\"" + text + "\"";
}

std::string lower(std::string_view text) {
    std::string out{text};
    std::ranges::transform(
        out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end != 0) {
            words.push_back(text.substr(0, end));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

std::string joined(const std::vector<std::string_view>& words) {
    std::string out;
    for (const std::string_view word : words) {
        out += out.empty() ? "" : ", ";
        out += word;
    }
    return out;
}

namespace {

Converted convert_boolean(const Value& raw) {
    if (raw.as<bool>() != nullptr) {
        return {.value = raw};
    }
    const std::string text = lower(to_display(raw));
    constexpr auto kYes = std::to_array<std::string_view>({"yes", "true", "on", "1"});
    constexpr auto kNo = std::to_array<std::string_view>({"no", "false", "off", "0"});
    if (std::ranges::find(kYes, text) != kYes.end()) {
        return {.value = true};
    }
    if (std::ranges::find(kNo, text) != kNo.end()) {
        return {.value = false};
    }
    return {.error = quoted(raw) + " is not a boolean", .hint = "write yes or no"};
}

Converted convert_integer(const Attribute& attribute, const Value& raw) {
    std::int64_t number = 0;
    const std::string unit =
        attribute.unit.empty() ? std::string{} : fmt::format(" {}", attribute.unit);
    if (!parse_integer(raw, number)) {
        return {.error = quoted(raw) + " is not a whole number",
                .hint = "write digits only" + (unit.empty() ? unit : fmt::format(", of{}", unit))};
    }
    if (number < attribute.min || number > attribute.max) {
        const std::string range = attribute.max == INT64_MAX
                                      ? fmt::format("at least {}", attribute.min)
                                      : fmt::format("{} to {}", attribute.min, attribute.max);
        return {.error = fmt::format("{} is out of range", number), .hint = range + unit};
    }
    return {.value = number};
}

Converted convert_number(const Value& raw) {
    double number = raw.number(std::nan(""));
    const std::string_view text = raw.text();
    if (!text.empty()) {
        const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
        if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
            number = std::nan("");
        }
    }
    if (!std::isfinite(number)) {
        return {.error = quoted(raw) + " is not a number", .hint = "write digits"};
    }
    return {.value = number};
}

Converted convert_enum(const Attribute& attribute, const Value& raw) {
    const auto choices = words_of(attribute.choices);
    const std::string text = to_display(raw);
    const std::string folded = lower(text);
    for (const std::string_view choice : choices) {
        if (lower(choice) == folded) {
            return {.value = choice};
        }
    }
    for (const std::string_view choice : words_of(attribute.refused)) {
        if (lower(choice) == folded) {
            return {.error = quoted(raw) + " is not supported",
                    .hint = std::string{attribute.advice}};
        }
    }
    const std::string near = suggest(text, choices);
    const std::string hint = near.empty() ? std::string{} : "did you mean " + near + "? ";
    return {.error = quoted(raw) + " is not one of its values",
            .hint = hint + "one of: " + joined(choices)};
}

Converted convert_text(const Value& raw) {
    if (raw.as<List>() != nullptr || raw.as<Map>() != nullptr) {
        return {.error = "a single value is wanted, not a list or map", .hint = "write one value"};
    }
    std::string text = to_display(raw);
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (std::ranges::any_of(text, is_control)) {
        return {.error = "the text has control characters", .hint = "write it on one line"};
    }
    return {.value = std::move(text)};
}

}  // namespace

Converted convert(const Attribute& attribute, const Value& raw) {
    switch (attribute.type) {
        case AttributeType::kBoolean:
            return convert_boolean(raw);
        case AttributeType::kInteger:
            return convert_integer(attribute, raw);
        case AttributeType::kNumber:
            return convert_number(raw);
        case AttributeType::kEnum:
            return convert_enum(attribute, raw);
        case AttributeType::kString:
        case AttributeType::kPath:
            return convert_text(raw);
        case AttributeType::kList:
            return raw.as<List>() != nullptr
                       ? Converted{.value = raw}
                       : Converted{.error = quoted(raw) + " is not a list", .hint = "write [...]"};
        case AttributeType::kMap:
            return raw.as<Map>() != nullptr
                       ? Converted{.value = raw}
                       : Converted{.error = quoted(raw) + " is not a map", .hint = "write {...}"};
    }
    return {};
}

}  // namespace amqmesh::mgmt
