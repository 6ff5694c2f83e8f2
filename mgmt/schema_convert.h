// From what somebody wrote to a value of an attribute's type. Private to the schema.
#pragma once

#include "mgmt/schema.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::mgmt {

// A conversion's result: a value, or what is wrong with it.
struct Converted {
    Value value{};
    std::string error{};
    std::string hint{};
};

/// Text is understood as the type wants it ("yes", "5"); range and choices are checked.
Converted convert(const Attribute& attribute, const Value& raw);

/// Whole numbers, also as text; false for anything else.
bool parse_integer(const Value& raw, std::int64_t& out);

/// A wrong value, shortened, as shown in a message.
std::string quoted(const Value& value);
/// ASCII only.
std::string lower(std::string_view text);
/// Parts between blanks.
std::vector<std::string_view> words_of(std::string_view text);
/// "a, b, c".
std::string joined(const std::vector<std::string_view>& words);

}  // namespace amqmesh::mgmt
