#include "router/worker.h"

#include "router/amqp_socket.h"
#include "router/clock.h"
#include "router/deadline_queue.h"
#include "router/poller.h"
#include "router/time_slice.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

namespace amqmesh::router {

namespace {

constexpr std::size_t kItemsMax = 65'536;
constexpr std::size_t kBatchBytesMax = 8U << 20U;
constexpr std::size_t kChangedAddressesMax = 4096;
// Deadlines are checked in groups of this size, so that timers cannot starve sockets.
constexpr int kDeadlinesPerTurn = 256;
// While there is traffic the plane's own timers are looked at this often.
constexpr routing::Time kPlaneTickInterval = 20 * routing::kMillisecond;
// A message is not to wait for the end of the turn that the control thread, or some other program,
// has just begun.
constexpr std::chrono::microseconds kTimeSlice{300};

}  // namespace

std::size_t weigh(const link::CrossBatch& batch) {
    std::size_t bytes = batch.bytes.size();
    for (const std::string& apart : batch.apart) {
        bytes += apart.size();
    }
    return bytes;
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
          items({.name = "items",
                 .limit = kItemsMax,
                 .wake = [this] { poller.wake(); },
                 .space = options.item_space}),
          batches({.name = "batches",
                   .limit = kBatchBytesMax,
                   .wake = [this] { poller.wake(); },
                   .space = options.batch_space},
                  [](const link::CrossBatch& batch) { return weigh(batch); }),
          data_plane({.worker = options.index,
                      .workers = options.count,
                      .router_name = options.router_name,
                      .shared = options.shared,
                      .held_bytes_max = options.payload_bytes_max},
                     *this) {}

    // -- the loop ---------------------------------------------------------------------------------
    void run() {
        tick_plane();
        while (!stopping.load(std::memory_order_relaxed)) {
            reading.swap(unread_sockets);
            const auto deadline = reading.empty() ? next_turn() : routing::Time{0};
            const auto events = poller.wait(deadline);
            if (poller.take_wake()) {
                drain_mailboxes();  // a table that waits is older than what the sockets bring
            }
            for (const Poller::Event& event : events) {
                const auto found = by_key.find(event.key);
                if (found != by_key.end()) {
                    found->second->on_event(event);
                }
            }
            for (AmqpSocket* socket : reading) {
                socket->is_unread = false;
                socket->read();
            }
            reading.clear();
            on_deadlines();
            if (flush_due) {
                flush();
            }
            dead.clear();
        }
        close_all();
    }

    /// When to look again although nothing happened.
    [[nodiscard]] std::optional<routing::Time> next_turn() const {
        if (flush_due) {
            return 0;
        }
        std::optional<routing::Time> next = deadline_queue.next();
        for (const std::optional<routing::Time>& other :
             {plane_deadline, data_plane.next_flush()}) {
            next = other && (!next || *other < *next) ? other : next;
        }
        return next;
    }

    void drain_mailboxes() {
        items.receiver().drain(item_burst);
        for (WorkerItem& item : item_burst) {
            handle(std::move(item));
        }
        item_burst.clear();
        batches.receiver().drain(batch_burst);
        const routing::Time time = now();
        for (link::CrossBatch& waiting : batch_burst) {
            // Gone as soon as its bytes are where they wait: not all of a burst's are here twice.
            link::CrossBatch batch = std::move(waiting);
            data_plane.on_batch(std::move(batch), time);
        }
        batch_burst.clear();
        active = true;
        flush_due = true;  // also when woken for what another worker refused
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
            found->second->hang_up(close.condition.description);
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
        const std::uint64_t key = ++last_key;
        if (const std::error_code error = poller.watch(incoming.fd.get(), key)) {
            refuse(incoming.options, error.message());
            return;
        }
        const link::ConnectionId id = data_plane.open(incoming.options, now());
        auto adopted = std::make_unique<AmqpSocket>(std::move(incoming.fd), id, key, *this);
        by_slot[id.slot] = adopted.get();
        adopted->start();
        by_key.emplace(key, std::move(adopted));
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
            dirty.push_back(&socket);
        }
        active = true;
        flush_due = true;
    }

    void unread(AmqpSocket& socket) override {
        if (!socket.is_unread) {
            socket.is_unread = true;
            unread_sockets.push_back(&socket);
        }
    }

    void detached(AmqpSocket& socket) override {
        by_slot.erase(socket.id().slot);
        flush_due = true;
    }

    // Kept to the end of the turn: lists that are being walked through may name it.
    void gone(AmqpSocket& socket) override {
        std::erase(dirty, &socket);
        std::erase(unread_sockets, &socket);
        const auto found = by_key.find(socket.key());
        dead.push_back(std::move(found->second));
        by_key.erase(found);
    }

    // -- bursts -----------------------------------------------------------------------------------
    // Once per turn, behind all that the kernel and the other threads had for us.
    void flush() {
        refused = false;
        const routing::Time time = now();
        data_plane.flush(time);
        // What touches from here on belongs to the next turn.
        flush_due = false;
        writing.swap(dirty);
        for (AmqpSocket* socket : writing) {
            socket->is_touched = false;
            socket->start_write();
        }
        writing.clear();
        flush_due = flush_due || (data_plane.needs_flush() && !refused);
        // Whatever happened may have changed what the plane's timers are about: ask soon, not now.
        const routing::Time soon = last_plane_tick + kPlaneTickInterval;
        if (active && time >= soon) {
            tick_plane();
        } else if (active && (!plane_deadline || *plane_deadline > soon)) {
            plane_deadline = soon;
        }
        active = false;
    }

    // -- timers -----------------------------------------------------------------------------------
    void on_deadlines() {
        const routing::Time time = now();
        for (int turn = 0; turn < kDeadlinesPerTurn; ++turn) {
            const auto key = deadline_queue.take_due(time);
            if (!key) {
                break;
            }
            flush_due = true;
            const auto found = by_key.find(*key);
            if (found != by_key.end()) {
                found->second->on_deadline();
            }
        }
        if (plane_deadline && time >= *plane_deadline) {
            flush_due = true;
            tick_plane();
        }
        if (const auto next = data_plane.next_flush(); next && time >= *next) {
            flush_due = true;
        }
    }

    void tick_plane() {
        last_plane_tick = now();
        plane_deadline = data_plane.tick(last_plane_tick);
    }

    void close_all() {
        for (const auto& [key, socket] : by_key) {
            socket->abandon();
        }
    }

    Options options;
    Poller poller;
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
    std::unordered_map<std::uint64_t, std::unique_ptr<AmqpSocket>> by_key;
    std::unordered_map<std::uint32_t, AmqpSocket*> by_slot;
    std::vector<AmqpSocket*> dirty, writing;           // to be written; none is dead
    std::vector<AmqpSocket*> unread_sockets, reading;  // to be read on; none is dead
    std::vector<std::unique_ptr<AmqpSocket>> dead;     // this turn
    std::uint64_t last_key = 0;
    bool refused = false;
    bool active = false;     ///< something came in since the last flush
    bool flush_due = false;  ///< something may be left to hand over or to write
    std::atomic<bool> stopping = false;
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
        set_time_slice(kTimeSlice);  // a kernel that does not know it shares as it always did
        impl->run();
    });
}

void Worker::stop() {
    if (impl_->thread.joinable()) {
        impl_->stopping.store(true, std::memory_order_relaxed);
        impl_->poller.wake();
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
    impl_->poller.wake();
}

}  // namespace amqmesh::router
