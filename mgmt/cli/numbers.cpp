#include "mgmt/cli/numbers.h"

#include <charconv>
#include <optional>
#include <system_error>

namespace amqmesh::cli {

namespace {

std::optional<double> number(const std::string& text) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    return read.ec == std::errc{} && read.ptr == end ? std::optional{value} : std::nullopt;
}

}  // namespace

std::string positive(const std::string& text) {
    const std::optional<double> value = number(text);
    if (!value) {
        return text + " is no number";
    }
    return *value > 0 ? "" : text + " is not more than 0";
}

std::string not_negative(const std::string& text) {
    const std::optional<double> value = number(text);
    if (!value) {
        return text + " is no number";
    }
    return *value >= 0 ? "" : text + " is negative";
}

}  // namespace amqmesh::cli
