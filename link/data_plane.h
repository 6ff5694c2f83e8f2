// All of one worker's AMQP: its connections, links and deliveries, and the forwarder between them.
// Owns engines, not sockets or threads; whoever drives it brings bytes, time and mailboxes.
#pragma once

#include "link/control_messages.h"
#include "link/engine.h"
#include "link/ids.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::link {

/// Records for another worker, encoded back to back; moved, never shared.
struct CrossBatch {
    std::uint16_t from = 0;
    std::string bytes;
    /// Payload of records that say so, one string each, in their order: the other worker takes them
    /// over as they are, so that what waits there is not copied, and keeps nothing else in memory.
    std::vector<std::string> apart;
};

struct SharedState;  // link/shared_state.h

/// What a data plane asks of its surroundings. Called on the worker's thread only.
class PlaneOutlet {
  public:
    virtual ~PlaneOutlet() = default;
    /// Hands a batch to another worker. False: its mailbox is full; the plane keeps the batch and
    /// tries again at the next flush(), which the outlet has to cause.
    virtual bool post(std::uint16_t worker, CrossBatch& batch) = 0;
    /// Hands a report to the control thread; must not fail (its mailbox blocks the worker when
    /// full).
    virtual void report(Report&& report) = 0;
    /// The connection has something to write. Called once per burst and connection, from flush().
    virtual void output_ready(ConnectionId id) = 0;
};

struct PlaneConfig {
    std::uint16_t worker = 0;
    std::uint16_t workers = 1;
    std::string router_name;
    /// One per process, given to every plane; empty: made here (a single worker).
    std::shared_ptr<SharedState> shared;
    /// Payload that may wait in memory, all workers together: beyond, clients get no more credit
    /// than keeps them going, and no wider windows.
    std::size_t held_bytes_max = std::size_t{512} << 20U;
};

inline constexpr std::uint32_t kDefaultLinkCapacity = 250;

struct ConnectionOptions {
    EngineConfig engine;
    ConnectionRole role = ConnectionRole::kNormal;
    std::uint32_t link_capacity = kDefaultLinkCapacity;  ///< credit given to a sender
    routing::Cost cost = 1;                              ///< inter-router only
    std::uint32_t heartbeat_ms = 300;  ///< inter-router only: life signs while idle
    std::uint32_t detect_mult = 3;     ///< inter-router only: neighbours wait for so many of them
    std::string host;                  ///< shown by management
    std::uint64_t number = 0;          ///< management identity, unique in the process
    std::uint64_t owner = 0;           ///< comes back in the reports: which connector or listener
};

class DataPlane {
  public:
    /// `outlet` is not owned and outlives the plane.
    DataPlane(PlaneConfig config, PlaneOutlet& outlet);
    ~DataPlane();
    DataPlane(const DataPlane&) = delete;
    DataPlane& operator=(const DataPlane&) = delete;

    /// A socket was accepted or connected.
    ConnectionId open(const ConnectionOptions& options, Time now);

    // Bytes of one connection. `id` must be live: from open() to forget().
    std::span<std::byte> input_space(ConnectionId id);
    void input_done(ConnectionId id, std::size_t count, Time now);
    /// The peer sends nothing any more; what it has sent may still be brought. Optional.
    void peer_ended(ConnectionId id, Time now);
    void input_closed(ConnectionId id, std::string_view why, Time now);
    [[nodiscard]] bool input_ended(ConnectionId id) const;
    std::size_t output(ConnectionId id, std::span<iovec> slices);
    void output_done(ConnectionId id, std::size_t bytes, Time now);
    [[nodiscard]] bool has_output(ConnectionId id) const;
    /// Close the socket, then forget().
    [[nodiscard]] bool finished(ConnectionId id) const;
    /// When tick() is wanted next for this connection, at the latest.
    std::optional<Time> tick(ConnectionId id, Time now);
    void forget(ConnectionId id);

    // Mailboxes.
    void on_batch(CrossBatch&& batch, Time now);
    void on_command(Command&& command, Time now);

    /// End of a burst: renews credit, hands batches over, calls output_ready().  [data path 9]
    void flush(Time now);
    /// True while flush() has something to do (batches that were refused, too).
    [[nodiscard]] bool needs_flush() const;
    /// When flush() has something to do even if nothing happens until then.
    [[nodiscard]] std::optional<Time> next_flush() const;
    /// Plane-wide timers (life signs of neighbours, parked deliveries). When to call next.
    std::optional<Time> tick(Time now);

    [[nodiscard]] std::size_t connections() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace amqmesh::link
