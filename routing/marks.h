// Counts of branches that are rarely taken. Management shows them when something is odd; the
// simulator's tests prove by them that random lives take every one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace amqmesh::routing {

enum class Mark : std::uint8_t {
    kHandshakeTimeout,    ///< no complete Hello exchange in time
    kSilence,             ///< a neighbour was given up because nothing came from it
    kSyncStall,           ///< a synchronisation made no progress
    kStartedOver,         ///< the neighbour has another life, or has lost us
    kEqualDigests,        ///< a link came up without a summary
    kSummary,             ///< a link came up with one
    kHeldBack,            ///< damping kept a ready link from counting as up
    kLoopLag,             ///< our own stall was allowed for
    kRefused,             ///< a neighbour was told Goodbye
    kCrossing,            ///< a copy of a record we were about to send came in
    kStale,               ///< an older version of a record came in
    kDeferred,            ///< a record came faster than its origin may
    kOwnEcho,             ///< link state of an earlier life of ours came back
    kOwnIncarnation,      ///< which made us take a higher incarnation
    kOriginationBackoff,  ///< own link state had to wait
    kTombstone,           ///< a record expired
    kGap,                 ///< an address step did not fit and had to be asked for
    kTableAgain,          ///< a table was asked for as a whole: content or parts did not fit
    kHistoryGone,         ///< an old base: the whole table was sent instead of steps
    kBuckets,             ///< a big table was compared by buckets
    kManyParts,           ///< a table took more than one message
    kReissued,            ///< our table was numbered anew
    kSpfAvoided,          ///< a change of the graph that changes no distance
    kSpfLater,            ///< shortest paths were put off in a storm of changes
    kRepair,              ///< databases differed with nothing under way
    kCount
};

inline constexpr std::size_t kMarkCount = static_cast<std::size_t>(Mark::kCount);

using Marks = std::array<std::uint64_t, kMarkCount>;

/// Its name, as management shows it.
const char* to_string(Mark mark);

}  // namespace amqmesh::routing
