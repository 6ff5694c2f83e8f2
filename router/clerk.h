// The thread that does the management's paperwork: it turns snapshots into rows and rows into
// replies, so that the control thread, which has neighbours to answer, does not. It gives way to
// whoever forwards messages.
#pragma once

#include "mgmt/background.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace amqmesh::router {

/// One task at a time, in order. How many wait is bounded by those who ask: mgmt::Agent and
/// mgmt::HttpServer have few tasks each for a bounded number of requests.
class Clerk final : public mgmt::Background {
  public:
    /// Runs a task on the owner's thread, later; called by the clerk's.
    using Deliver = std::function<void(Task)>;

    /// The thread starts with the first task.
    explicit Clerk(Deliver deliver) : deliver_(std::move(deliver)) {}

    /// Waits for the task under way; the others are forgotten.
    ~Clerk() override;
    Clerk(const Clerk&) = delete;
    Clerk& operator=(const Clerk&) = delete;

    /// The owner's thread only. Where no thread can be had, the work is done here and now.
    void run(Task work, Task then) override;

  private:
    struct Job {
        Task work, then;
    };

    void start();
    void serve();

    const Deliver deliver_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;  // of both threads
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace amqmesh::router
