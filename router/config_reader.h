// Reads a configuration file into raw entities, whichever of the three dialects it is written in:
//
//   YAML (native)    top-level keys are entity types, each a map or a list of maps
//   brace dialect    listener {            one attribute a line
//                        port: amqp
//                    }
//   JSON list        [["listener", {"port": "amqp"}], …]
//
// The dialect is told by content. Names and values are checked elsewhere (router/configuration);
// here only the form is. Pure functions; nothing is thrown, bad input ends in problems.
#pragma once

#include "mgmt/value.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::router {

/// One finding about a file. Line 0: the file as a whole.
struct ConfigProblem {
    unsigned line = 0;
    bool warning = false;
    std::string message;
    std::string hint;  ///< what to do; may be empty
};

/// "FILE:LINE: message (hint)".
std::string to_string(const ConfigProblem& problem, std::string_view file);

struct RawConfigAttribute {
    std::string name;
    mgmt::Value value;  ///< scalars are strings as written; null: nothing was written
    unsigned line = 0;
};

struct RawEntity {
    std::string type;  ///< as written
    unsigned line = 0;
    unsigned type_line = 0;  ///< of the type's name; entities of one list share it
    std::vector<RawConfigAttribute> attributes;
    bool bare = false;  ///< a name with nothing below it, not even {}
};

struct RawConfig {
    std::vector<RawEntity> entities;
    std::vector<ConfigProblem> problems;
};

/// Bounds of what is read.
inline constexpr std::size_t kConfigBytesMax = 4U << 20U;
inline constexpr std::size_t kConfigDepthMax = 16;
inline constexpr std::size_t kConfigProblemsMax = 100;

RawConfig read_config(std::string_view text);

// The dialects, for read_config and tests.
RawConfig read_yaml_config(std::string_view text);
RawConfig read_brace_config(std::string_view text);

/// A value in YAML flow (or JSON) form, for attributes that hold lists or maps. Null and a problem
/// (line counted from 1) when it cannot be read.
mgmt::Value read_flow_value(std::string_view text, std::vector<ConfigProblem>& problems);

}  // namespace amqmesh::router
