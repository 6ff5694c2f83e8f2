#include "router/clerk.h"

#include "router/time_slice.h"

#include <pthread.h>

#include <memory>
#include <system_error>
#include <utility>

namespace amqmesh::router {

namespace {

// A tenth of a worker's share of a processor when there are not enough of them: messages are not
// kept waiting, and a query on a busy machine is still answered.
constexpr int kNice = 10;

}  // namespace

Clerk::~Clerk() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Clerk::run(Task work, Task then) {
    try {
        start();
    } catch (const std::system_error&) {
        work();
        then();
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back({std::move(work), std::move(then)});
    }
    wake_.notify_one();
}

void Clerk::start() {
    if (!thread_.joinable()) {
        thread_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "clerk");
            lower_priority(kNice);  // where that is not allowed, all share as they always did
            serve();
        });
    }
}

void Clerk::serve() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
        if (ending_) {
            return;
        }
        auto job = std::make_shared<Job>(std::move(jobs_.front()));
        jobs_.pop_front();
        lock.unlock();
        job->work();
        // All of it goes back, so that it is destroyed there.
        deliver_([job = std::move(job)] { job->then(); });
        lock.lock();
    }
}

}  // namespace amqmesh::router
