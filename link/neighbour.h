// Links between two of our nodes on one inter-router connection. Each side attaches its own
// senders: one control link, one lane for single-frame deliveries, and stream lanes as they are
// needed, every lane in a session of its own so that a blocked stream closes no other's window.
#pragma once

#include <cstdint>

namespace amqmesh::link {

inline constexpr const char* kControlCapability = "amqmesh.control";
inline constexpr const char* kShortLaneCapability = "amqmesh.lane";
inline constexpr const char* kStreamLaneCapability = "amqmesh.stream";

/// Credit of the control link: how many control messages may be on their way.
inline constexpr std::uint32_t kControlCredit = 256;
/// Credit of a lane. What a lane delivers is bounded by the senders' credit, not by this.
inline constexpr std::uint32_t kLaneCredit = 4096;
/// Deliveries of a lane whose outcome is awaited. Senders' credit bounds them, so that none waits
/// for those of a consumer that settles nothing; this is only an end to it.
inline constexpr std::size_t kLaneUnsettledMax = std::size_t{1} << 22U;
/// Stream lanes per neighbour and direction; further streams queue behind the least loaded one.
inline constexpr std::uint32_t kStreamLanesMax = 32;

}  // namespace amqmesh::link
