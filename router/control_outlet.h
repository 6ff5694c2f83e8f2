// What the control plane's logic asks of its surroundings. Control thread only; the daemon
// implements it with mailboxes and sockets, tests with vectors.
#pragma once

#include "link/control_messages.h"
#include "routing/forwarding_table.h"

#include <cstdint>
#include <memory>
#include <string>

namespace amqmesh::router {

class ControlOutlet {
  public:
    virtual ~ControlOutlet() = default;
    /// A command for one worker. False: dropped (only Originate, when far too many wait).
    virtual bool send(std::uint16_t worker, link::Command&& command) = 0;
    /// A new forwarding table for all workers.
    virtual void publish(const std::shared_ptr<const routing::ForwardingTable>& table,
                         const routing::TableChange& change) = 0;
    /// For the connector that ConnectionOptions::owner named (or a listener, which need not care).
    virtual void connection_opened(std::uint64_t owner,
                                   const link::report::ConnectionOpened& what) = 0;
    /// `retry_after_ms`: when the connection should be tried again; 0: no wish.
    virtual void connection_closed(std::uint64_t owner,
                                   const link::report::ConnectionClosed& what,
                                   std::uint32_t retry_after_ms) = 0;
};

}  // namespace amqmesh::router
