// Copies of a data plane's state for management, taken on the worker's thread.
#pragma once

#include "link/control_messages.h"
#include "link/plane.h"

#include <memory>

namespace amqmesh::link {

/// Cost: one pass over what was asked for; 10,000 links take about a millisecond.
std::unique_ptr<PlaneSnapshot> take_snapshot(Plane& plane, const command::TakeSnapshot& what);

}  // namespace amqmesh::link
