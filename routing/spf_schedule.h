// When to recompute: the delay automaton of RFC 8405 with our own numbers (ROUTING 1.5). The first
// bad news is acted on in the same step; a storm of news costs a bounded share of a core.
#pragma once

#include "routing/types.h"

#include <cstddef>
#include <optional>

namespace amqmesh::routing {

class SpfSchedule {
  public:
    /// The graph changed. Bad news: something that routes may use is gone or dearer.
    void on_change(Time now, bool bad);

    /// Our own link is gone: routes over it must not stay for a moment.
    void force(Time now) { due_ = now; }

    void on_run(Time now, std::size_t routers, std::size_t edges);

    [[nodiscard]] std::optional<Time> due() const { return due_; }

    /// Of everything that decides about the next due().
    [[nodiscard]] std::uint64_t digest() const;

  private:
    enum class State { kQuiet, kShortWait, kLongWait };

    State state_ = State::kQuiet;
    Time learn_until_ = 0;
    Time hold_until_ = 0;
    Time not_before_ = 0;
    std::optional<Time> due_;
};

}  // namespace amqmesh::routing
