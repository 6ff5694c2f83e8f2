#include "router/worker_pool.h"

#include "link/shared_state.h"
#include "router/clock.h"

#include <utility>

namespace amqmesh::router {

namespace {

constexpr std::size_t kRepliesPendingMax = 1000;

template <typename Kind>
bool same(const link::Command& a, const link::Command& b) {
    const auto* left = std::get_if<Kind>(&a);
    const auto* right = std::get_if<Kind>(&b);
    return left != nullptr && right != nullptr && left->id == right->id;
}

/// With `later` there is no need of `earlier`.
bool replaces(const link::Command& later, const link::Command& earlier) {
    return same<link::command::CloseConnection>(later, earlier) ||
           same<link::command::SetCapacity>(later, earlier) ||
           same<link::command::Trace>(later, earlier);
}

}  // namespace

WorkerPool::WorkerPool(std::uint16_t count,
                       const std::string& router_name,
                       std::size_t payload_bytes_max,
                       const MailboxSender<link::Report>& reports,
                       const std::function<void()>& retry)
    : lanes_(count) {
    const auto shared = std::make_shared<link::SharedState>();
    shared->multicast_sequence = static_cast<std::uint32_t>(wall_clock_ms());
    std::vector<MailboxSender<link::CrossBatch>> batches;
    for (std::uint16_t index = 0; index < count; ++index) {
        Worker::Options options;
        options.index = index;
        options.count = count;
        options.router_name = router_name;
        options.payload_bytes_max = payload_bytes_max;
        options.shared = shared;
        options.reports = reports;
        options.item_space = retry;
        // Who was refused is not recorded: waking all is rare and cheap.
        options.batch_space = [this] {
            for (const Lane& lane : lanes_) {
                lane.worker->wake();
            }
        };
        lanes_[index].worker = std::make_unique<Worker>(std::move(options));
        batches.push_back(lanes_[index].worker->batches());
    }
    for (const Lane& lane : lanes_) {
        lane.worker->set_peers(batches);
    }
}

WorkerPool::~WorkerPool() {
    stop();
}

void WorkerPool::start() {
    for (const Lane& lane : lanes_) {
        lane.worker->start();
    }
}

void WorkerPool::stop() {
    for (const Lane& lane : lanes_) {
        lane.worker->stop();
    }
}

void WorkerPool::adopt(NewSocket&& socket) {
    // Ties go round, so that a burst of connections is spread before any report came back.
    std::size_t best = next_;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        const std::size_t index = (next_ + i) % lanes_.size();
        if (lanes_[index].connections < lanes_[best].connections) {
            best = index;
        }
    }
    next_ = (best + 1) % lanes_.size();
    ++lanes_[best].connections;
    push(lanes_[best], std::move(socket));
}

void WorkerPool::released(std::uint16_t worker) {
    std::size_t& connections = lanes_.at(worker).connections;
    connections -= connections > 0 ? 1 : 0;
}

bool WorkerPool::send(std::uint16_t worker, link::Command&& command) {
    Lane& lane = lanes_.at(worker);
    if (std::holds_alternative<link::command::Originate>(command) &&
        lane.pending.size() >= kRepliesPendingMax) {
        return false;
    }
    push(lane, WorkerItem{std::move(command)});
    return true;
}

void WorkerPool::publish(const std::shared_ptr<const routing::ForwardingTable>& table,
                         const routing::TableChange& change) {
    for (Lane& lane : lanes_) {
        if (lane.worker->offer_table(table, change)) {
            push(lane, TableWaiting{});
        }
    }
}

void WorkerPool::push(Lane& lane, WorkerItem&& item) {
    if (auto* command = std::get_if<link::Command>(&item)) {
        for (WorkerItem& waiting : lane.pending) {
            auto* earlier = std::get_if<link::Command>(&waiting);
            if (earlier != nullptr && replaces(*command, *earlier)) {
                *earlier = std::move(*command);
                return;
            }
        }
    }
    if (!lane.pending.empty() || !lane.worker->items().try_push(item)) {
        lane.pending.push_back(std::move(item));
    }
}

void WorkerPool::flush_pending() {
    for (Lane& lane : lanes_) {
        while (!lane.pending.empty() && lane.worker->items().try_push(lane.pending.front())) {
            lane.pending.pop_front();
        }
    }
}

std::vector<MailboxFigures> WorkerPool::figures() const {
    std::vector<MailboxFigures> all;
    for (const Lane& lane : lanes_) {
        for (const MailboxFigures& figures : lane.worker->figures()) {
            all.push_back(figures);
        }
    }
    return all;
}

}  // namespace amqmesh::router
