#include "routing/spf_schedule.h"

#include "routing/hash.h"

#include <algorithm>

namespace amqmesh::routing {

namespace {

// Delay of good and of bad news per state. Bad news waits only in a lasting storm; the rest after
// each run bounds the share of a core in any case.
constexpr Time kQuietGood = 5 * kMillisecond;
constexpr Time kShortGood = 10 * kMillisecond;
constexpr Time kLongGood = 200 * kMillisecond;
constexpr Time kLongBad = 20 * kMillisecond;
constexpr Time kTimeToLearn = 500 * kMillisecond;
constexpr Time kHoldDown = 2 * kSecond;

// The core cannot read a clock, so the cost of a run is estimated from the graph's size, on the
// high side (100 ns per router and edge), and nine times that is left to everything else.
Time rest_after(std::size_t routers, std::size_t edges) {
    return 9 * ((routers + edges) / 10);
}

}  // namespace

void SpfSchedule::on_change(Time now, bool bad) {
    if (now >= hold_until_) {
        state_ = State::kQuiet;
    }
    if (state_ == State::kShortWait && now >= learn_until_) {
        state_ = State::kLongWait;
    }
    Time delay = 0;
    switch (state_) {
        case State::kQuiet:
            delay = bad ? 0 : kQuietGood;
            learn_until_ = now + kTimeToLearn;
            state_ = State::kShortWait;
            break;
        case State::kShortWait:
            delay = bad ? 0 : kShortGood;
            break;
        case State::kLongWait:
            delay = bad ? kLongBad : kLongGood;
            break;
    }
    hold_until_ = now + kHoldDown;
    const Time wanted = std::max(now + delay, not_before_);
    due_ = due_ ? std::min(*due_, wanted) : wanted;
}

void SpfSchedule::on_run(Time now, std::size_t routers, std::size_t edges) {
    due_.reset();
    not_before_ = now + rest_after(routers, edges);
}

std::uint64_t SpfSchedule::digest() const {
    return hash_words({static_cast<std::uint64_t>(state_),
                       learn_until_,
                       hold_until_,
                       not_before_,
                       due_.has_value() ? *due_ + 1 : 0});
}

}  // namespace amqmesh::routing
