// How far a drain has come (ROUTING 1.10): when transit has ceased, and when nothing is under way.
// Fed with what the workers counted, at times that the caller chooses; no clock, no I/O.
#pragma once

#include "routing/types.h"

#include <cstdint>

namespace amqmesh::router {

/// Sums over all workers, at one moment.
struct DrainLoad {
    std::uint64_t transit_count = 0;  ///< deliveries that ever crossed this node
    std::uint64_t transit_open = 0;   ///< those under way
    std::uint64_t local_open = 0;     ///< deliveries from or for own clients that are under way
    std::uint64_t moved = 0;          ///< rises whenever a delivery of a client gets on
};

class DrainProgress {
  public:
    enum class Phase : std::uint8_t {
        kTransit,  ///< the mesh has been told; others' deliveries may still come
        kLocal,    ///< transit is over; own clients' deliveries are being finished
        kOver      ///< nothing is under way, or it takes too long
    };

    /// Others go round us at once where nothing crosses this node: only a moment is waited then.
    static constexpr routing::Time kMoment = 20 * routing::kMillisecond;
    static constexpr routing::Time kQuiet = 200 * routing::kMillisecond;
    static constexpr routing::Time kTransitMax = 10 * routing::kSecond;
    /// A client that does nothing for so long will not settle what it holds.
    static constexpr routing::Time kStandstillMax = routing::kSecond;
    static constexpr routing::Time kLocalMax = 30 * routing::kSecond;

    explicit DrainProgress(routing::Time now) : since_(now), quiet_since_(now), moved_at_(now) {}

    /// Takes a count. REQUIRES: `now` does not fall.
    Phase observe(routing::Time now, const DrainLoad& load);

    [[nodiscard]] Phase phase() const { return phase_; }

    /// No transit delivery is under way and none has come for kQuiet.
    [[nodiscard]] bool transit_quiet(routing::Time now) const {
        return !transit_open_ && now >= quiet_since_ + kQuiet;
    }

  private:
    void enter(routing::Time now, Phase phase);

    Phase phase_ = Phase::kTransit;
    routing::Time since_;        // of the phase
    routing::Time quiet_since_;  // no transit delivery came since
    routing::Time moved_at_;
    DrainLoad last_;
    bool first_ = true;
    bool transit_seen_ = false;
    bool transit_open_ = false;
};

}  // namespace amqmesh::router
