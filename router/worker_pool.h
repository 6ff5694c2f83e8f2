// The workers as the control thread sees them. Control thread only.
#pragma once

#include "link/control_messages.h"
#include "router/mailbox.h"
#include "router/worker.h"
#include "routing/forwarding_table.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace amqmesh::router {

class WorkerPool {
  public:
    /// `retry` is called on some worker's thread when flush_pending() can make progress.
    WorkerPool(std::uint16_t count,
               const std::string& router_name,
               std::size_t payload_bytes_max,
               const MailboxSender<link::Report>& reports,
               const std::function<void()>& retry);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    void start();
    /// REQUIRES: the report mailbox is closed, or a worker could wait for ever.
    void stop();

    [[nodiscard]] std::uint16_t size() const { return static_cast<std::uint16_t>(lanes_.size()); }

    /// Hands a connected socket to the worker that has the fewest connections.
    void adopt(NewSocket&& socket);
    /// A connection of that worker ended.
    void released(std::uint16_t worker);

    /// Never waits: what the worker's mailbox refuses is kept and sent in order later. False: a
    /// management reply was dropped because too much is kept already.
    bool send(std::uint16_t worker, link::Command&& command);
    void publish(const std::shared_ptr<const routing::ForwardingTable>& table,
                 const routing::TableChange& change);
    void flush_pending();

    [[nodiscard]] std::vector<MailboxFigures> figures() const;

    /// What the worker's mailbox has refused and is kept for it.
    [[nodiscard]] std::size_t pending(std::uint16_t worker) const {
        return lanes_.at(worker).pending.size();
    }

  private:
    struct Lane {
        std::unique_ptr<Worker> worker;
        // Bounded by what each kind is bounded by: sockets by the process's descriptors, control
        // messages by their link's credit, closes and changes by the connections (the last one of
        // each counts), snapshots by the queries under way, replies by a number, tables by being
        // merged.
        std::deque<WorkerItem> pending;
        std::size_t connections = 0;
    };

    void push(Lane& lane, WorkerItem&& item);

    std::vector<Lane> lanes_;
    std::size_t next_ = 0;
};

}  // namespace amqmesh::router
