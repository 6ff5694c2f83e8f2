#include "router/drain.h"

namespace amqmesh::router {

void DrainProgress::enter(routing::Time now, Phase phase) {
    phase_ = phase;
    since_ = now;
    moved_at_ = now;
}

DrainProgress::Phase DrainProgress::observe(routing::Time now, const DrainLoad& load) {
    const bool came = !first_ && load.transit_count != last_.transit_count;
    transit_open_ = load.transit_open > 0;
    transit_seen_ = transit_seen_ || came || transit_open_;
    if (came || transit_open_) {
        quiet_since_ = now;
    }
    if (load.moved != last_.moved) {
        moved_at_ = now;
    }
    last_ = load;
    first_ = false;
    if (phase_ == Phase::kTransit) {
        const routing::Time wait = transit_seen_ ? kQuiet : kMoment;
        if ((!transit_open_ && now >= quiet_since_ + wait) || now >= since_ + kTransitMax) {
            enter(now, Phase::kLocal);
        }
    } else if (phase_ == Phase::kLocal) {
        const bool idle = load.local_open == 0 && load.transit_open == 0;
        if ((idle && now >= since_ + kMoment) || now >= moved_at_ + kStandstillMax ||
            now >= since_ + kLocalMax) {
            enter(now, Phase::kOver);
        }
    }
    return phase_;
}

}  // namespace amqmesh::router
