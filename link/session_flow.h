// A session's transfer ids and windows (AMQP 2.5.6). No I/O: the engine reports frames and flows
// and asks what it may or must do.
#pragma once

#include "link/assert.h"
#include "link/memory_budget.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace amqmesh::link {

class SessionFlow {
  public:
    struct Limits {
        std::uint32_t frame_bytes_max = 16384;  ///< what the peer may put into one frame
        /// What it holds and what the peer may still send stay below this, together.
        std::size_t held_bytes_max = std::size_t{2} << 20U;
        const MemoryBudget* connection = nullptr;  ///< of all its sessions; not owned
        const MemoryBudget* process = nullptr;     ///< of this worker; not owned
    };

    /// At begin, unless frames are huge: what a stream that nobody reads takes at least.
    static constexpr std::uint32_t kWindowFrames = 128;
    static constexpr std::uint32_t kWindowFramesMax = 4096;  ///< with small frames
    static constexpr std::uint32_t kWindowFramesMin = 4;     ///< with huge ones

    explicit SessionFlow(const Limits& limits);

    /// Window to offer in our begin.
    static std::uint32_t initial_window(const Limits& limits);

    /// What our begin, as sent, said.
    void local_begun(std::uint32_t next_outgoing_id, std::uint32_t incoming_window);
    /// What the peer's begin said.
    void remote_begun(std::uint32_t next_outgoing_id, std::uint32_t incoming_window);

    // -- receiving --------------------------------------------------------------------------------
    /// A transfer frame came in. False: the peer overran its window.
    [[nodiscard]] bool receive_frame(std::size_t payload_bytes) {
        if (incoming_window_ == 0) {
            return false;
        }
        --incoming_window_;
        ++next_incoming_id_;
        const std::uint32_t sample =
            payload_bytes < kSampleMax ? static_cast<std::uint32_t>(payload_bytes) : kSampleMax;
        mean_payload_bytes_ = mean_payload_bytes_ - mean_payload_bytes_ / 16 + sample / 16;
        return true;
    }

    /// Half of the window is used and memory allows at least twice the rest: send a flow.
    [[nodiscard]] bool renewal_due() const { return incoming_window_ <= window_ / 2 && roomy(); }

    /// Opens the window as far as memory allows; a flow with incoming_window() follows.
    void renew();

    void hold(std::size_t bytes) { held_bytes_ += bytes; }

    void unhold(std::size_t bytes);

    [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }

    [[nodiscard]] std::uint32_t incoming_window() const { return incoming_window_; }

    /// nullopt: the peer's begin has not come yet.
    [[nodiscard]] std::optional<std::uint32_t> next_incoming_id() const;

    // -- sending ----------------------------------------------------------------------------------
    /// The peer's flow. True: the outgoing window was empty and is open now.
    bool receive_flow(std::optional<std::uint32_t> next_incoming_id,
                      std::uint32_t incoming_window,
                      std::uint32_t next_outgoing_id);

    void send_frame() {
        AMQMESH_DEBUG_ASSERT(remote_incoming_window_ > 0);
        --remote_incoming_window_;
        ++next_outgoing_id_;
    }

    [[nodiscard]] std::uint32_t outgoing_window() const { return remote_incoming_window_; }

    [[nodiscard]] std::uint32_t next_outgoing_id() const { return next_outgoing_id_; }

  private:
    static constexpr std::uint32_t kSampleMax = 1U << 24U;

    [[nodiscard]] std::uint32_t target_window() const;

    [[nodiscard]] bool roomy() const {
        const std::size_t allowed = bytes_allowed();
        return held_bytes_ <= allowed / 4 * 3 &&
               (incoming_window_ <= kWindowFramesMin / 2 ||
                held_bytes_ + std::size_t{2} * incoming_window_ * mean_payload_bytes_ <= allowed);
    }

    /// Who holds next to nothing goes on, in small steps, although others have used up the budget:
    /// what waits for a stopped reader stops nobody else.
    [[nodiscard]] std::size_t bytes_allowed() const {
        const bool tight = (limits_.connection != nullptr && limits_.connection->tight()) ||
                           (limits_.process != nullptr && limits_.process->tight());
        return tight ? limits_.held_bytes_max / 16 : limits_.held_bytes_max;
    }

    Limits limits_;
    std::uint32_t window_;           // what renew() opens to
    std::uint32_t incoming_window_;  // frames the peer may still send
    std::uint32_t next_incoming_id_ = 0;
    bool remote_begun_ = false;
    std::size_t held_bytes_ = 0;
    std::uint32_t mean_payload_bytes_;  // exponential, over 16 frames

    std::uint32_t initial_outgoing_id_ = 0;
    std::uint32_t next_outgoing_id_ = 0;
    std::uint32_t remote_incoming_window_ = 0;
};

}  // namespace amqmesh::link
