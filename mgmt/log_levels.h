// What `enable` of a log entity says, for who checks it and who applies it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace amqmesh::mgmt {

inline constexpr std::array<std::string_view, 7> kLogLevelNames{
    "trace", "debug", "info", "notice", "warning", "error", "critical"};

struct LogLevels {
    std::uint8_t mask = 0;    ///< bit i: kLogLevelNames[i]
    bool by_default = false;  ///< "default", or nothing: as the module DEFAULT
};

/// Levels between commas or blanks, in any case; "info+" means that level and those above it,
/// "none" no level. "default" stands alone. nullopt and `why`: it cannot be read.
std::optional<LogLevels> parse_log_levels(std::string_view enable, std::string& why);

}  // namespace amqmesh::mgmt
