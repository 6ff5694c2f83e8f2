// A node's life as text: what went in, and a digest of what came out, line by line. Because a node
// is a pure function of its events, the same lines give the same life again, on any machine.
//
//   amqmesh-recording 1
//   node NAME AREA HEARTBEAT_MS DETECT_MULT MAX_PATHS SEED  and the seven limits
//   > TIME KIND ...          an event, written before it is handled: a crash leaves it as the last
//   < EFFECTS STATE          digests of what followed from it
//
// Names, keys and messages are in hexadecimal digits. Lines are at most kRecordedLineMax long.
#pragma once

#include "routing/node.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace amqmesh::routing {

inline constexpr std::size_t kRecordedLineMax = std::size_t{4} << 20U;

/// How a node was made.
struct RecordedNode {
    Config config;
    std::uint64_t seed = 0;
};

struct RecordedEvent {
    Time now = 0;
    Event event;
};

struct RecordedOutcome {
    std::uint64_t effects = 0;
    std::uint64_t state = 0;

    bool operator==(const RecordedOutcome&) const = default;
};

/// The first two lines. All of these end with a newline.
std::string record(const RecordedNode& node);
std::string record(Time now, const Event& event);
std::string record(const RecordedOutcome& outcome);

/// After node.handle(). The state of a mere sign of life is not looked at, as nothing but a
/// deadline follows from it: it counts as 0.
RecordedOutcome outcome_of(const Node& node, const Event& event, const Effects& effects);

/// Without newlines. Nothing: not such a line, or values out of range.
bool is_recording(std::string_view first_line);
std::optional<RecordedNode> parse_recorded_node(std::string_view line);
std::optional<RecordedEvent> parse_recorded_event(std::string_view line);
std::optional<RecordedOutcome> parse_recorded_outcome(std::string_view line);

}  // namespace amqmesh::routing
