// When a connector tries, waits and tries again; decides, and leaves doing to router/connector.
//
// A lost or refused connection is tried again for ever: after a link that had been up at once, else
// after 50..100 ms, then twice as long each time up to 5 s, each wait shortened by up to half at
// random so that the neighbours of a restarted router do not come back in step. A peer that names
// the time of return (retry_after) is believed up to 60 s.
#pragma once

#include "routing/types.h"

#include <cstdint>
#include <string>

namespace amqmesh::router {

using routing::Time;

/// The reference's words for management's `connectionStatus`.
enum class ConnectorState : std::uint8_t { kConnecting, kSuccess, kFailed };

const char* to_string(ConnectorState state);

/// What the driver has to do next.
struct ConnectorAction {
    enum class Kind : std::uint8_t { kNone, kConnect, kWait };

    Kind kind = Kind::kNone;
    Time delay = 0;  ///< kWait: call on_timer() after it
};

class ConnectorFsm {
  public:
    static constexpr Time kFirstDelay = 100 * routing::kMillisecond;
    static constexpr Time kDelayMax = 5 * routing::kSecond;
    static constexpr Time kRetryAfterMax = 60 * routing::kSecond;
    /// A link up for less than this is not trusted to come back at once.
    static constexpr Time kStableAfter = 1 * routing::kSecond;

    /// `seed` feeds the jitter only.
    explicit ConnectorFsm(std::uint64_t seed) : random_(seed | 1U) {}

    ConnectorAction start();
    /// The wait is over.
    ConnectorAction on_timer();
    /// Resolving or connecting failed; nothing was opened.
    ConnectorAction on_refused(std::string why);
    /// AMQP's open was exchanged.
    ConnectorAction on_opened(Time now);
    /// The transport is gone. `retry_after_ms` 0: our own back-off.
    ConnectorAction on_closed(Time now, std::string why, std::uint32_t retry_after_ms);
    /// No action follows any more, whatever comes late.
    void stop();

    [[nodiscard]] ConnectorState state() const { return state_; }

    [[nodiscard]] const std::string& message() const { return message_; }

    [[nodiscard]] std::uint64_t attempts() const { return attempts_; }

  private:
    ConnectorAction connect();
    ConnectorAction wait();
    Time jittered(Time delay);

    std::uint64_t random_;
    ConnectorState state_ = ConnectorState::kConnecting;
    std::string message_;
    std::uint64_t attempts_ = 0;
    std::uint32_t failures_ = 0;  ///< since a link was last up for kStableAfter
    Time opened_at_ = 0;
    bool open_ = false;
    bool stopped_ = false;
};

}  // namespace amqmesh::router
