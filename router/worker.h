// A thread that owns connections: an event loop around one data plane.
//
// Everything from outside comes through mailboxes. Inside, one burst is: all sockets that the
// kernel reported are read, then one flush() hands batches over and writes every dirty connection
// once.
#pragma once

#include "link/control_messages.h"
#include "link/data_plane.h"
#include "router/mailbox.h"
#include "router/unique_fd.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace amqmesh::router {

/// A connected socket for a worker to take over.
struct NewSocket {
    UniqueFd fd;  ///< non-blocking
    link::ConnectionOptions options;
};

/// A newer forwarding table waits in the worker's slot.
struct TableWaiting {};

using WorkerItem = std::variant<NewSocket, TableWaiting, link::Command>;

std::size_t weigh(const link::CrossBatch& batch);
std::size_t weigh(const link::Report& report);

class Worker {
  public:
    struct Options {
        std::uint16_t index = 0;
        std::uint16_t count = 1;
        std::string router_name;
        std::size_t payload_bytes_max = 0;          ///< of all workers together
        std::shared_ptr<link::SharedState> shared;  ///< one for all workers of the process
        MailboxSender<link::Report> reports;
        std::function<void()> item_space;   ///< a refused try_push of an item may be tried again
        std::function<void()> batch_space;  ///< the same for batches from other workers
    };

    explicit Worker(Options options);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Before start(): where batches for each worker go, by index.
    void set_peers(std::vector<MailboxSender<link::CrossBatch>> peers);
    void start();
    /// Closes all sockets at once, ends the thread and waits for it.
    void stop();

    // Any thread.
    [[nodiscard]] MailboxSender<WorkerItem> items();
    [[nodiscard]] MailboxSender<link::CrossBatch> batches();
    [[nodiscard]] std::vector<MailboxFigures> figures() const;
    /// Replaces the table that waits, if one does, and merges what changed. True: the worker has
    /// to be told by a TableWaiting.
    bool offer_table(std::shared_ptr<const routing::ForwardingTable> table,
                     const routing::TableChange& change);
    /// Retries batches that another worker refused.
    void wake();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace amqmesh::router
