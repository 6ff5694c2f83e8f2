#include "link/session_flow.h"

#include "link/assert.h"
#include "link/serial.h"

#include <algorithm>

namespace amqmesh::link {

std::uint32_t SessionFlow::initial_window(const Limits& limits) {
    const std::size_t affordable = limits.held_bytes_max / std::max(limits.frame_bytes_max, 512U);
    return static_cast<std::uint32_t>(
        std::clamp<std::size_t>(affordable, kWindowFramesMin, kWindowFrames));
}

SessionFlow::SessionFlow(const Limits& limits)
    : limits_(limits),
      window_(initial_window(limits)),
      incoming_window_(window_),
      mean_payload_bytes_(limits.frame_bytes_max) {}

void SessionFlow::local_begun(std::uint32_t next_outgoing_id, std::uint32_t incoming_window) {
    initial_outgoing_id_ = next_outgoing_id;
    next_outgoing_id_ = next_outgoing_id;
    incoming_window_ = incoming_window;
    window_ = std::max(window_, incoming_window);
}

void SessionFlow::remote_begun(std::uint32_t next_outgoing_id, std::uint32_t incoming_window) {
    next_incoming_id_ = next_outgoing_id;
    remote_begun_ = true;
    remote_incoming_window_ = incoming_window;
}

std::uint32_t SessionFlow::target_window() const {
    const std::size_t mean = std::max(mean_payload_bytes_, 64U);
    const std::size_t allowed = bytes_allowed();
    const std::size_t affordable = (allowed - std::min(allowed, held_bytes_)) / mean;
    return static_cast<std::uint32_t>(
        std::clamp<std::size_t>(affordable, kWindowFramesMin, kWindowFramesMax));
}

void SessionFlow::renew() {
    if (!roomy()) {
        return;
    }
    const std::uint32_t target = target_window();
    if (incoming_window_ <= window_ / 2) {
        window_ = target;  // it is used: no session that is not gets a wide one
    }
    // A promise made is kept: the window never shrinks below what the peer was told.
    incoming_window_ = std::max(incoming_window_, std::min(window_, target));
}

void SessionFlow::unhold(std::size_t bytes) {
    AMQMESH_DEBUG_ASSERT(bytes <= held_bytes_);
    held_bytes_ -= std::min(bytes, held_bytes_);
}

std::optional<std::uint32_t> SessionFlow::next_incoming_id() const {
    return remote_begun_ ? std::optional(next_incoming_id_) : std::nullopt;
}

bool SessionFlow::receive_flow(std::optional<std::uint32_t> next_incoming_id,
                               std::uint32_t incoming_window,
                               std::uint32_t next_outgoing_id) {
    next_incoming_id_ = next_outgoing_id;
    // Without next-incoming-id the peer had not seen our begin: count from the first id it names.
    const std::uint32_t from = next_incoming_id.value_or(initial_outgoing_id_);
    const std::int32_t in_flight = std::max(serial_distance(from, next_outgoing_id_), 0);
    const auto used = static_cast<std::uint32_t>(in_flight);
    const bool was_empty = remote_incoming_window_ == 0;
    remote_incoming_window_ = incoming_window > used ? incoming_window - used : 0;
    return was_empty && remote_incoming_window_ > 0;
}

}  // namespace amqmesh::link
