// AMQP 1.0 type system (part 1) to and from management values. Our own code rather than Proton's
// pn_data: that holds at most 65,535 nodes, far less than a query of 10,000 links, and recurses
// without a bound into nested input.
#pragma once

#include "mgmt/value.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace amqmesh::mgmt {

/// Reads encoded values off the front of a borrowed buffer. A failure is final: ok() stays false
/// and nothing more is read.
class ValueReader {
  public:
    static constexpr unsigned kDepthMax = 16;
    static constexpr std::size_t kValuesMax = 100'000;  ///< in one buffer, unless told otherwise

    explicit ValueReader(std::string_view bytes, std::size_t values_max = kValuesMax)
        : rest_(bytes), values_max_(values_max) {}

    /// The next value. Symbols, binary, char and uuid become text, timestamps milliseconds; arrays
    /// become lists. Described values, decimals and keys that are no strings are failures.
    Value read();

    /// The next value's encoding as it is, without looking at what it means.
    std::string_view skip();

    /// Descriptor of the described value that comes next (AMQP 1.2); its value is read afterwards.
    std::uint64_t read_descriptor();

    /// Opens the list that comes next and returns the count of its values, to be read afterwards.
    std::uint32_t open_list();

    [[nodiscard]] bool ok() const { return ok_; }

    [[nodiscard]] bool at_end() const { return rest_.empty(); }

  private:
    void fail();
    std::uint64_t take(std::size_t bytes);  // big-endian, at most 8
    std::string_view take_text(std::size_t bytes);
    bool count_value();
    Value read_as(std::uint8_t constructor, unsigned depth);
    Value read_list(std::size_t width, unsigned depth);
    Value read_map(std::size_t width, unsigned depth);
    Value read_array(std::size_t width, unsigned depth);
    Value read_one(unsigned depth);
    void skip_one(unsigned depth);

    std::string_view rest_;
    std::size_t values_max_;
    bool ok_ = true;
    std::size_t values_ = 0;
};

/// Appends encoded values to a string. Lists and maps of unknown length are opened and closed.
class ValueWriter {
  public:
    /// `out` is not owned.
    explicit ValueWriter(std::string& out) : out_(out) {}

    void null();
    void boolean(bool value);
    void integer32(std::int32_t value);  ///< AMQP int
    void long_integer(std::int64_t value);
    void natural(std::uint64_t value);  ///< AMQP ulong
    void number(double value);
    void symbol(std::string_view value);  ///< ASCII
    void string(std::string_view value);  ///< bytes that are not UTF-8 are replaced
    void value(const Value& value);
    void descriptor(std::uint8_t code);

    /// `count`: of values; of keys and values for a map. close() what open returned.
    [[nodiscard]] std::size_t open_list(std::size_t count);
    [[nodiscard]] std::size_t open_map(std::size_t count);
    void close(std::size_t opened);

  private:
    void byte(std::uint8_t value);
    void big_endian(std::uint64_t value, unsigned bytes);
    void text(std::uint8_t short_code, std::uint8_t long_code, std::string_view text);
    std::size_t open(std::uint8_t code, std::size_t count);

    std::string& out_;
};

}  // namespace amqmesh::mgmt
