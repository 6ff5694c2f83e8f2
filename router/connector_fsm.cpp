#include "router/connector_fsm.h"

#include <algorithm>

namespace amqmesh::router {

const char* to_string(ConnectorState state) {
    switch (state) {
        case ConnectorState::kConnecting:
            return "CONNECTING";
        case ConnectorState::kSuccess:
            return "SUCCESS";
        case ConnectorState::kFailed:
            return "FAILED";
    }
    return "";
}

ConnectorAction ConnectorFsm::start() {
    return connect();
}

ConnectorAction ConnectorFsm::on_timer() {
    return connect();
}

ConnectorAction ConnectorFsm::on_refused(std::string why) {
    state_ = ConnectorState::kFailed;
    message_ = std::move(why);
    return wait();
}

ConnectorAction ConnectorFsm::on_opened(Time now) {
    state_ = ConnectorState::kSuccess;
    message_ = "connection opened";
    open_ = true;
    opened_at_ = now;
    return {};
}

ConnectorAction ConnectorFsm::on_closed(Time now, std::string why, std::uint32_t retry_after_ms) {
    const bool was_up = open_ && now - opened_at_ >= kStableAfter;
    open_ = false;
    state_ = ConnectorState::kFailed;
    message_ = std::move(why);
    if (stopped_) {
        return {};
    }
    if (retry_after_ms != 0) {
        const Time asked = retry_after_ms * routing::kMillisecond;
        return {ConnectorAction::Kind::kWait, std::min(asked, kRetryAfterMax)};
    }
    if (was_up) {
        failures_ = 0;
        return connect();
    }
    return wait();
}

void ConnectorFsm::stop() {
    stopped_ = true;
}

ConnectorAction ConnectorFsm::connect() {
    if (stopped_) {
        return {};
    }
    ++attempts_;
    // A failure stays visible until something better is known.
    if (state_ != ConnectorState::kFailed) {
        state_ = ConnectorState::kConnecting;
    }
    return {ConnectorAction::Kind::kConnect, 0};
}

ConnectorAction ConnectorFsm::wait() {
    if (stopped_) {
        return {};
    }
    constexpr std::uint32_t kDoublingsMax = 6;
    const Time full = kFirstDelay << std::min(failures_, kDoublingsMax);
    ++failures_;
    return {ConnectorAction::Kind::kWait, jittered(std::min(full, kDelayMax))};
}

Time ConnectorFsm::jittered(Time delay) {
    // xorshift64: spread is all that is asked of it.
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    const Time half = delay / 2;
    return delay - half + random_ % (half + 1);
}

}  // namespace amqmesh::router
