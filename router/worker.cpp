#include "router/worker.h"

#include "router/amqp_socket.h"
#include "router/clock.h"
#include "router/deadline_queue.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <pthread.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

namespace amqmesh::router {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kItemsMax = 65'536;
constexpr std::size_t kBatchBytesMax = 8U << 20U;
constexpr std::size_t kChangedAddressesMax = 4096;
// Deadlines are checked in groups of this size, so that timers cannot starve sockets.
constexpr int kDeadlinesPerTurn = 256;
// While there is traffic the plane's own timers are looked at this often.
constexpr routing::Time kPlaneTickInterval = 20 * routing::kMillisecond;

}  // namespace

std::size_t weigh(const link::CrossBatch& batch) {
    return batch.bytes.size();
}

std::size_t weigh(const link::Report& report) {
    constexpr std::size_t kRecord = 128;
    if (const auto* frame = std::get_if<link::report::ControlFrame>(&report)) {
        return kRecord + frame->bytes.size();
    }
    if (const auto* request = std::get_if<link::report::ManagementRequest>(&report)) {
        return kRecord + request->message.size();
    }
    return kRecord;
}

struct Worker::Impl final : link::PlaneOutlet, SocketHost {
    explicit Impl(Options given)
        : options(std::move(given)),
          timer(io),
          items({.name = "items",
                 .limit = kItemsMax,
                 .wake = [this] { asio::post(io, [this] { drain_items(); }); },
                 .space = options.item_space}),
          batches({.name = "batches",
                   .limit = kBatchBytesMax,
                   .wake = [this] { asio::post(io, [this] { drain_batches(); }); },
                   .space = options.batch_space},
                  [](const link::CrossBatch& batch) { return weigh(batch); }),
          data_plane({.worker = options.index,
                      .workers = options.count,
                      .router_name = options.router_name,
                      .shared = options.shared,
                      .held_bytes_max = options.payload_bytes_max},
                     *this) {}

    // -- mailboxes --------------------------------------------------------------------------------
    void drain_items() {
        auto receiver = items.receiver();
        receiver.drain(item_burst);
        for (WorkerItem& item : item_burst) {
            handle(std::move(item));
        }
        item_burst.clear();
        active = true;
        schedule_flush();
    }

    void drain_batches() {
        auto receiver = batches.receiver();
        receiver.drain(batch_burst);
        const routing::Time time = now();
        for (const link::CrossBatch& batch : batch_burst) {
            data_plane.on_batch(batch, time);
        }
        batch_burst.clear();
        active = true;
        schedule_flush();
    }

    void handle(WorkerItem&& item) {
        if (auto* socket = std::get_if<NewSocket>(&item)) {
            adopt(std::move(*socket));
        } else if (std::holds_alternative<TableWaiting>(item)) {
            take_table();
        } else if (auto* command = std::get_if<link::Command>(&item)) {
            const bool all = std::holds_alternative<link::command::CloseAll>(*command);
            std::optional<link::command::CloseConnection> one;
            if (const auto* close = std::get_if<link::command::CloseConnection>(command)) {
                one = *close;
            }
            data_plane.on_command(std::move(*command), now());
            if (all) {
                touch_all();
            }
            if (one) {
                hang_up(*one);
            }
        }
    }

    // A close may end a connection without anything to write: look at it in the flush.
    void touch_all() {
        for (const auto& [slot, socket] : by_slot) {
            touched(*socket);
        }
    }

    // The control plane has given this peer up: what it is told is written, its answer not waited
    // for. A neighbour that is silent would hold its deliveries back until the answer is overdue.
    void hang_up(const link::command::CloseConnection& close) {
        const auto found = by_slot.find(close.id.slot);
        if (found != by_slot.end() && found->second->id() == close.id) {
            const std::shared_ptr<AmqpSocket> socket = found->second->shared_from_this();
            socket->hang_up(close.condition.description);
        }
    }

    void take_table() {
        link::command::Publish publish;
        {
            const std::lock_guard lock(table_mutex);
            publish.table = std::exchange(waiting_table, nullptr);
            publish.change =
                std::make_shared<const routing::TableChange>(std::move(waiting_change));
            waiting_change = {};
        }
        if (publish.table) {
            data_plane.on_command(std::move(publish), now());
        }
    }

    void adopt(NewSocket&& incoming) {
        if (stopping) {
            return;
        }
        asio::posix::stream_descriptor socket(io);
        boost::system::error_code error;
        socket.assign(incoming.fd.get(), error);
        if (error) {
            refuse(incoming.options, error.message());
            return;
        }
        (void)incoming.fd.release();  // the descriptor object owns it now
        const link::ConnectionId id = data_plane.open(incoming.options, now());
        const std::uint64_t key = ++last_key;
        auto adopted = std::make_shared<AmqpSocket>(std::move(socket), id, key, *this);
        by_key.emplace(key, adopted);
        by_slot[id.slot] = adopted.get();
        adopted->start();
    }

    // The kernel cannot watch one more socket: as if the peer had closed it.
    void refuse(const link::ConnectionOptions& options_of, const std::string& why) {
        link::report::ConnectionClosed closed;
        closed.id.worker = options.index;
        closed.role = options_of.role;
        closed.owner = options_of.owner;
        closed.condition = {"amqp:resource-limit-exceeded", why};
        report(std::move(closed));
    }

    // -- PlaneOutlet ------------------------------------------------------------------------------
    bool post(std::uint16_t worker, link::CrossBatch& batch) override {
        const bool taken = peers.at(worker).try_push(batch);
        refused = refused || !taken;
        return taken;
    }

    void report(link::Report&& report) override { options.reports.push(std::move(report)); }

    void output_ready(link::ConnectionId id) override {
        const auto found = by_slot.find(id.slot);
        if (found != by_slot.end() && found->second->id() == id) {
            touched(*found->second);
        }
    }

    // -- SocketHost -------------------------------------------------------------------------------
    link::DataPlane& plane() override { return data_plane; }

    DeadlineQueue& deadlines() override { return deadline_queue; }

    void touched(AmqpSocket& socket) override {
        if (!socket.is_touched) {
            socket.is_touched = true;
            dirty.push_back(socket.shared_from_this());
        }
        active = true;
        schedule_flush();
    }

    void detached(AmqpSocket& socket) override {
        by_slot.erase(socket.id().slot);
        schedule_flush();
    }

    void gone(AmqpSocket& socket) override { by_key.erase(socket.key()); }

    // -- bursts -----------------------------------------------------------------------------------
    // Posted, so that it runs behind the sockets that the same look at the kernel found readable.
    void schedule_flush() {
        if (!flush_posted) {
            flush_posted = true;
            asio::post(io, [this] { flush(); });
        }
    }

    void flush() {
        refused = false;
        const routing::Time time = now();
        data_plane.flush(time);
        // What touches from here on belongs to the next burst.
        flush_posted = false;
        writing.swap(dirty);
        for (const auto& socket : writing) {
            socket->is_touched = false;
            socket->start_write();
        }
        writing.clear();
        if (data_plane.needs_flush() && !refused) {
            schedule_flush();
        }
        // Whatever happened may have changed what the plane's timers are about: ask soon, not now.
        const routing::Time soon = last_plane_tick + kPlaneTickInterval;
        if (active && time >= soon) {
            tick_plane();
        } else if (active && (!plane_deadline || *plane_deadline > soon)) {
            plane_deadline = soon;
        }
        active = false;
        arm_timer();
    }

    // -- timers -----------------------------------------------------------------------------------
    void arm_timer() {
        std::optional<routing::Time> next = deadline_queue.next();
        if (plane_deadline && (!next || *plane_deadline < *next)) {
            next = plane_deadline;
        }
        if (!next || (armed && *armed <= *next)) {
            return;
        }
        armed = next;
        timer.expires_at(asio::steady_timer::time_point(std::chrono::microseconds(*next)));
        timer.async_wait([this](const boost::system::error_code& error) {
            if (!error) {
                armed.reset();
                on_timer();
            }
        });
    }

    void on_timer() {
        for (int turn = 0; turn < kDeadlinesPerTurn; ++turn) {
            const auto key = deadline_queue.take_due(now());
            if (!key) {
                break;
            }
            const auto found = by_key.find(*key);
            if (found != by_key.end()) {
                const std::shared_ptr<AmqpSocket> socket = found->second;
                socket->on_deadline();
            }
        }
        if (plane_deadline && now() >= *plane_deadline) {
            tick_plane();
        }
        schedule_flush();
    }

    void tick_plane() {
        last_plane_tick = now();
        plane_deadline = data_plane.tick(last_plane_tick);
    }

    void close_all() {
        stopping = true;
        timer.cancel();
        for (const auto& [key, socket] : by_key) {
            socket->abandon();
        }
        dirty.clear();
        work.reset();
        io.stop();
    }

    Options options;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    asio::steady_timer timer;
    std::optional<routing::Time> armed;
    std::optional<routing::Time> plane_deadline;
    routing::Time last_plane_tick = 0;
    Mailbox<WorkerItem> items;
    Mailbox<link::CrossBatch> batches;
    std::vector<WorkerItem> item_burst;
    std::vector<link::CrossBatch> batch_burst;
    std::vector<MailboxSender<link::CrossBatch>> peers;
    std::mutex table_mutex;
    std::shared_ptr<const routing::ForwardingTable> waiting_table;  // under table_mutex
    routing::TableChange waiting_change;                            // under table_mutex
    DeadlineQueue deadline_queue;
    link::DataPlane data_plane;
    std::unordered_map<std::uint64_t, std::shared_ptr<AmqpSocket>> by_key;
    std::unordered_map<std::uint32_t, AmqpSocket*> by_slot;
    std::vector<std::shared_ptr<AmqpSocket>> dirty, writing;
    std::uint64_t last_key = 0;
    bool flush_posted = false;
    bool refused = false;
    bool active = false;  ///< something came in since the last flush
    bool stopping = false;
    std::thread thread;
};

Worker::Worker(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Worker::~Worker() {
    stop();
}

void Worker::set_peers(std::vector<MailboxSender<link::CrossBatch>> peers) {
    impl_->peers = std::move(peers);
}

void Worker::start() {
    impl_->thread = std::thread([impl = impl_.get()] {
        const std::string name = "worker-" + std::to_string(impl->options.index);
        pthread_setname_np(pthread_self(), name.c_str());
        impl->tick_plane();
        impl->arm_timer();
        impl->io.run();
    });
}

void Worker::stop() {
    if (impl_->thread.joinable()) {
        asio::post(impl_->io, [impl = impl_.get()] { impl->close_all(); });
        impl_->thread.join();
    }
}

MailboxSender<WorkerItem> Worker::items() {
    return impl_->items.sender();
}

MailboxSender<link::CrossBatch> Worker::batches() {
    return impl_->batches.sender();
}

std::vector<MailboxFigures> Worker::figures() const {
    return {impl_->items.figures(), impl_->batches.figures()};
}

bool Worker::offer_table(std::shared_ptr<const routing::ForwardingTable> table,
                         const routing::TableChange& change) {
    const std::lock_guard lock(impl_->table_mutex);
    const bool told = impl_->waiting_table != nullptr;
    impl_->waiting_table = std::move(table);
    routing::TableChange& merged = impl_->waiting_change;
    merged.all = merged.all || change.all ||
                 merged.addresses.size() + change.addresses.size() > kChangedAddressesMax;
    if (merged.all) {
        merged.addresses.clear();
    } else {
        merged.addresses.insert(
            merged.addresses.end(), change.addresses.begin(), change.addresses.end());
    }
    return !told;
}

void Worker::wake() {
    asio::post(impl_->io, [impl = impl_.get()] { impl->schedule_flush(); });
}

}  // namespace amqmesh::router
