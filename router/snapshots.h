// Collects what all workers know into one answer. Control thread only.
#pragma once

#include "link/control_messages.h"
#include "router/control_outlet.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace amqmesh::router {

class Snapshots {
  public:
    using Parts = std::vector<std::unique_ptr<link::PlaneSnapshot>>;  ///< one per worker, in order
    /// The receiver may keep the parts.
    using Done = std::function<void(Parts& parts)>;

    struct What {
        bool links = false, connections = false, addresses = false, deliveries = false;

        bool operator==(const What&) const = default;
    };

    /// `outlet` is not owned and outlives this.
    Snapshots(std::uint16_t workers, ControlOutlet& outlet) : workers_(workers), outlet_(outlet) {}

    /// Asks all workers; `done` is called once, when the last has answered.
    void take(const What& what, Done done);
    void on_snapshot(std::unique_ptr<link::PlaneSnapshot> snapshot);

  private:
    struct Request {
        Parts parts;
        Done done;
    };

    const std::uint16_t workers_;
    ControlOutlet& outlet_;
    std::map<std::uint64_t, Request> requests_;  ///< as many as the agent has pending
    std::uint64_t last_ = 0;
};

}  // namespace amqmesh::router
