// Copies of a data plane's state for management, taken on the worker's thread.
#pragma once

#include "link/control_messages.h"
#include "link/forwarder.h"
#include "link/plane.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace amqmesh::link {

/// A snapshot in pieces, so that many links do not keep messages waiting: neither while they are
/// looked at, nor because the kernel then gives the processor to others whose share the worker has
/// had. What it says of a link is of the moment when that link was looked at, and so with
/// deliveries under way; sums are of the end.
class SnapshotJob {
  public:
    explicit SnapshotJob(const command::TakeSnapshot& what) : what_(what) {}

    /// Looks at as many links as have time since the last piece, or more of what costs less each.
    /// True: it is complete.
    bool advance(Plane& plane, Forwarder& forwarder);

    /// REQUIRES: complete.
    std::unique_ptr<PlaneSnapshot> take() { return std::move(snapshot_); }

    /// From the begin of a piece to that of the next, and its links: 10,000 take 80 ms. A message
    /// that comes in the meantime waits about 16 us.
    static constexpr Time kPause = 128;
    static constexpr std::uint32_t kPiece = 16;
    /// Of a thread that came late, because it slept.
    static constexpr std::uint32_t kPieceMax = 128;

  private:
    void begin(Plane& plane, Forwarder& forwarder);
    /// At most `most` links from link_ on. How many.
    std::uint32_t visit(Plane& plane, Connection& connection, std::uint32_t most);
    void add_link(Plane& plane, Connection& connection, LinkIndex index);
    /// True: there are no more.
    bool visit_connections(Plane& plane);
    bool copy_addresses(const Plane& plane);
    bool count_deliveries(Plane& plane);
    void finish(Plane& plane, const Forwarder& forwarder);

    command::TakeSnapshot what_;
    std::unique_ptr<PlaneSnapshot> snapshot_;  ///< none: not begun
    std::vector<ConnectionId> connections_;    ///< those there were at the begin
    std::size_t next_ = 0;                     ///< the connection to look at next
    LinkIndex link_ = 0;                       ///< and its link
    std::uint32_t delivery_ = 0;               ///< the slot to look at next
    std::uint32_t piece_ = kPiece;             ///< links, now
    Time last_ = 0;                            ///< when it was advanced
    std::uint64_t links_blocked_ = 0;
    Forwarder::CountsByLink undelivered_;  ///< of incoming links
};

}  // namespace amqmesh::link
