// Lives a recorded life again (routing/recording.h), and compares.
#pragma once

#include "routing/recording.h"

#include <cstddef>
#include <functional>
#include <istream>
#include <string>

namespace amqmesh::sim {

struct Playback {
    std::string failure;    ///< empty: every outcome is the recorded one
    std::size_t line = 0;   ///< of the failure, from 1
    std::size_t steps = 0;  ///< events handled
    routing::Time from = 0;
    routing::Time to = 0;
};

using OnStep =
    std::function<void(std::size_t line, const routing::RecordedEvent&, const routing::Effects&)>;

/// Stops at the first outcome that differs. A last event without outcome is handled all the same:
/// the recorded process ended in it.
Playback play(std::istream& recording, const OnStep& on_step = {});

/// One line for a reader: when, what came in, and what followed from it.
std::string in_words(const routing::RecordedEvent& event, const routing::Effects& effects);

}  // namespace amqmesh::sim
