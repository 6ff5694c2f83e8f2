// The one table of entity types and attributes. Configuration files, the management agent,
// `--check`, the command-line tool and the reference in the README all read it, so that a name, a
// default or a range is written down once.
#pragma once

#include "mgmt/value.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::mgmt {

/// Prefix of the long form of type names; messages carry the long form.
inline constexpr std::string_view kTypePrefix = "org.apache.qpid.dispatch.";
/// Prefix that skupper-router, the reference's successor, gave the same types.
inline constexpr std::string_view kSuccessorPrefix = "io.skupper.router.";

enum class AttributeType : std::uint8_t {
    kString,
    kInteger,
    kNumber,  ///< with a fraction
    kBoolean,
    kEnum,
    kPath,  ///< file name, relative to the working directory
    kList,
    kMap
};

/// What this product does with a name that the reference knows.
enum class Support : std::uint8_t {
    kSupported,
    kIgnored,     ///< accepted; has no effect, and that harms nobody: a warning
    kUnsupported  ///< refused, with advice; an attribute given with its default value passes
};

/// Who sets the attribute, and when.
enum class Access : std::uint8_t {
    kReadOnly,  ///< the node reports it
    kCreate,    ///< given when the entity is made
    kUpdate     ///< may be changed at run time, too
};

struct Attribute {
    std::string_view name;
    AttributeType type = AttributeType::kString;
    Access access = Access::kReadOnly;
    std::string_view description = {};
    std::string_view default_text = {};  ///< as one would write it in a file; empty: none (null)
    std::string_view unit = {};          ///< "s", "ms", "bytes", …
    std::string_view choices = {};       ///< kEnum: names, separated by spaces
    std::string_view refused = {};       ///< kEnum: names the reference knows and we do not offer
    std::string_view aliases = {};       ///< deprecated names, separated by spaces
    bool required = false;
    std::int64_t min = 0;  ///< kInteger, inclusive
    std::int64_t max = INT64_MAX;
    Support support = Support::kSupported;
    std::string_view advice = {};  ///< what to know or do about kIgnored, kUnsupported, `refused`
    bool hidden = false;           ///< a secret: written, never shown
};

namespace operation {
inline constexpr std::uint8_t kRead = 1;  ///< READ and QUERY
inline constexpr std::uint8_t kCreate = 2;
inline constexpr std::uint8_t kUpdate = 4;
inline constexpr std::uint8_t kDelete = 8;
}  // namespace operation

enum class Base : std::uint8_t { kConfiguration, kOperational, kManagement };

struct EntityType {
    std::string_view name;              ///< without kTypePrefix
    std::string_view config_name = {};  ///< in configuration files; empty: not there
    std::string_view description;
    Base base = Base::kOperational;
    bool singleton = false;
    std::uint8_t operations = operation::kRead;  ///< at run time, of `operation`
    std::span<const Attribute> attributes;       ///< name, identity, type come first
    Support support = Support::kSupported;
    std::string_view advice = {};

    /// With kTypePrefix, as in the `type` attribute.
    [[nodiscard]] std::string long_name() const;
    /// By name or deprecated alias, in any spelling canonical_name() knows. npos: none.
    [[nodiscard]] std::size_t index_of(std::string_view attribute) const;
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

/// Every type, configuration first. Static storage; safe from any thread.
std::span<const EntityType> all_types();

/// "org.apache.qpid.dispatch.router.link" or "io.skupper.router.router.link" -> "router.link".
std::string_view short_type_name(std::string_view name);

/// By long or short name as messages use it ("router.link", "org.apache.qpid.dispatch.listener"),
/// or by the name in configuration files ("address"). nullptr: none.
const EntityType* find_type(std::string_view name);

/// A type that must exist.
const EntityType& type_of(std::string_view name);

/// "idle-timeout_seconds" -> "idleTimeoutSeconds".
std::string canonical_name(std::string_view text);

/// The nearest of `names` for a mistyped one, or empty when none is near.
std::string suggest(std::string_view text, std::span<const std::string_view> names);
/// Nearest configurable attribute / configurable type.
std::string suggest_attribute(const EntityType& type, std::string_view text);
std::string suggest_config_type(std::string_view text);

/// One entity as attribute values in the order of its type's table; null is "not set". Used for
/// rows of a query and for validated configuration alike.
class Row {
  public:
    explicit Row(const EntityType& type);

    /// Sets an attribute that the type has. Cheapest in the table's order.
    Row& set(std::string_view attribute, Value value);
    /// Null for an attribute that is not set; the type must have it.
    [[nodiscard]] const Value& at(std::string_view attribute) const;

    [[nodiscard]] const Value& operator[](std::size_t index) const { return values_[index]; }

    Value& operator[](std::size_t index) { return values_[index]; }

    [[nodiscard]] const EntityType& type() const { return *type_; }

    [[nodiscard]] std::size_t size() const { return values_.size(); }

    // Shorthand for readers of configuration.
    [[nodiscard]] bool has(std::string_view attribute) const { return !at(attribute).is_null(); }

    [[nodiscard]] std::string_view text(std::string_view attribute) const {
        return at(attribute).text();
    }

    [[nodiscard]] std::int64_t integer(std::string_view attribute) const {
        return at(attribute).integer();
    }

    [[nodiscard]] bool boolean(std::string_view attribute) const { return at(attribute).boolean(); }

  private:
    const EntityType* type_;
    std::vector<Value> values_;
    std::size_t cursor_ = 0;  // where set() looks first
};

/// An attribute as somebody wrote it. Values from text files may be strings throughout ("yes",
/// "5"); typed ones (YAML, JSON, AMQP) are taken as they are.
struct RawAttribute {
    std::string name;
    Value value;
};

enum class Purpose : std::uint8_t {
    kFile,    ///< configuration file
    kCreate,  ///< management CREATE: as kFile, but the operation must be offered
    kUpdate   ///< management UPDATE: only what is given; each must be changeable
};

struct Problem {
    static constexpr std::size_t kWholeEntity = static_cast<std::size_t>(-1);

    std::size_t index = kWholeEntity;  ///< of the raw attribute, or kWholeEntity
    bool warning = false;              ///< an error otherwise
    bool forbidden = false;            ///< the attribute is right but may not be set (403, not 400)
    std::string message;               ///< names the attribute
    std::string hint;                  ///< what to do; may be empty
};

struct Validated {
    Row row;  ///< complete with defaults (kUpdate: only what was given); use it only when ok()
    std::vector<Problem> problems;  ///< all of them, not the first

    [[nodiscard]] bool ok() const;  ///< no errors; warnings are fine
};

/// Checks names, types, ranges, required and deprecated attributes and turns the raw values into
/// typed ones. Also the rules between attributes of one entity (an address has a prefix or a
/// pattern, not both). Rules between entities are the reader's business. Never throws on bad input.
Validated validate(const EntityType& type, std::span<const RawAttribute> raw, Purpose purpose);
/// Purpose::kUpdate of an entity as it is: the rules between attributes hold for what it would be
/// then. The row has only what is to be changed.
Validated validate_change(const Row& current, std::span<const RawAttribute> raw);

}  // namespace amqmesh::mgmt
