// Data of AMQP management (bodies and attributes): what a schema attribute can hold, no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace amqmesh::mgmt {

class Value;
using List = std::vector<Value>;
/// Keeps the order of insertion; keys are few, lookup is linear.
using Map = std::vector<std::pair<std::string, Value>>;

/// One value; a default-constructed one is null. A value type without invariants: not thread-safe,
/// freely copied and moved.
class Value {
  public:
    using Storage = std::
        variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, List, Map>;

    Value() = default;

    Value(bool value) : data_(value) {}  // NOLINT(google-explicit-constructor)

    Value(int value) : data_(std::int64_t{value}) {}  // NOLINT(google-explicit-constructor)

    Value(unsigned value) : data_(std::uint64_t{value}) {}  // NOLINT(google-explicit-constructor)

    Value(std::int64_t value) : data_(value) {}  // NOLINT(google-explicit-constructor)

    Value(std::uint64_t value) : data_(value) {}  // NOLINT(google-explicit-constructor)

    Value(double value) : data_(value) {}  // NOLINT(google-explicit-constructor)

    Value(std::string value) : data_(std::move(value)) {}  // NOLINT(google-explicit-constructor)

    Value(std::string_view value)
        : data_(std::string{value}) {}  // NOLINT(google-explicit-constructor)

    Value(const char* value) : data_(std::string{value}) {}  // NOLINT(google-explicit-constructor)

    Value(List value) : data_(std::move(value)) {}  // NOLINT(google-explicit-constructor)

    Value(Map value) : data_(std::move(value)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool is_null() const { return data_.index() == 0; }

    /// The value as that alternative, or nullptr.
    template <typename T>
    [[nodiscard]] const T* as() const {
        return std::get_if<T>(&data_);
    }

    template <typename T>
    [[nodiscard]] T* as() {
        return std::get_if<T>(&data_);
    }

    // Reading with a fallback for null and other types; integers convert where the value fits.
    [[nodiscard]] bool boolean(bool fallback = false) const;
    [[nodiscard]] std::int64_t integer(std::int64_t fallback = 0) const;
    [[nodiscard]] std::uint64_t unsigned_integer(std::uint64_t fallback = 0) const;
    [[nodiscard]] double number(double fallback = 0) const;
    /// Empty for anything but a string.
    [[nodiscard]] std::string_view text() const;

    [[nodiscard]] const Storage& storage() const { return data_; }

    /// Numbers are equal when they mean the same, whichever integer type holds them.
    friend bool operator==(const Value& a, const Value& b);

  private:
    Storage data_;
};

/// The value of `key`, or nullptr.
const Value* find(const Map& map, std::string_view key);

/// For people: strings as they are, null as "", lists and maps as JSON.
std::string to_display(const Value& value);

/// JSON text (RFC 8259); strings that are not UTF-8 have their bad bytes replaced.
std::string to_json(const Value& value);

}  // namespace amqmesh::mgmt
