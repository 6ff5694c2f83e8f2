#include "link/data_plane.h"

#include "link/connection.h"
#include "link/forwarder.h"
#include "link/neighbour.h"
#include "link/plane.h"
#include "link/process_memory.h"
#include "link/snapshot.h"
#include "link/starved_links.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <utility>

namespace amqmesh::link {

/// A worker that falls idle keeps at most this much room for its next records to each other one.
constexpr std::size_t kBatchReserveMax = std::size_t{16} << 10U;

struct DataPlane::Impl {
    Impl(PlaneConfig config, PlaneOutlet& outlet)
        : plane(std::move(config), outlet), forwarder(plane) {}

    Connection& at(ConnectionId id) {
        auto* connection = plane.connection(id);
        assert(connection != nullptr);
        return *connection;
    }

    void execute(command::Publish& publish);
    void execute(command::SendControl& send);
    void execute(command::CloseConnection& close);
    void execute(command::CloseAll& close);
    void execute(command::Originate& originate);
    void execute(command::TakeSnapshot& snapshot);
    void execute(command::SetCapacity& set);
    void execute(command::Trace& trace);
    void execute(command::Withhold& withhold);

    void look_again(const LinkKey& key);
    void renew_credit();
    std::uint32_t affordable(const Connection& connection, const LinkKey& key, IncomingLink& link);
    void relax();
    std::optional<Time> trim(Time now);
    bool routable(IncomingLink& link);

    Plane plane;
    Forwarder forwarder;
    std::deque<SnapshotJob> snapshots;  // the first is under way
    Time next_piece = 0;                // of it
    Time next_life = 0;
    StarvedLinks starved;
    bool was_tight = false;
    std::size_t peak = 0;  // of the load since memory was given back last
    Time next_trim = 0;
    bool trim_again = false;
    bool has_neighbours = false;
};

DataPlane::DataPlane(PlaneConfig config, PlaneOutlet& outlet)
    : impl_(std::make_unique<Impl>(std::move(config), outlet)) {}

DataPlane::~DataPlane() = default;

ConnectionId DataPlane::open(const ConnectionOptions& options, Time now) {
    auto& plane = impl_->plane;
    plane.now = now;
    const auto slot = plane.connections.take();
    const ConnectionId id{plane.config.worker, slot, plane.connections.generation(slot)};
    auto adjusted = options;
    if (options.role == ConnectionRole::kInterRouter) {
        adjusted.engine.heartbeat_ms = options.heartbeat_ms;
        adjusted.engine.outgoing_unsettled_max = kLaneUnsettledMax;
        impl_->has_neighbours = true;
    } else {
        adjusted.engine.process_budget = &plane.budget;
    }
    plane.connections.at(slot).connection =
        std::make_unique<Connection>(plane, impl_->forwarder, id, adjusted, now);
    plane.touch(*plane.connections.at(slot).connection);
    return id;
}

std::span<std::byte> DataPlane::input_space(ConnectionId id) {
    return impl_->at(id).engine().input_space();
}

void DataPlane::input_done(ConnectionId id, std::size_t count, Time now) {
    impl_->plane.now = now;
    auto& connection = impl_->at(id);
    connection.engine().input_done(count, now);
    impl_->plane.touch(connection);
}

void DataPlane::peer_ended(ConnectionId id, Time now) {
    impl_->at(id).peer_ended(now);
}

void DataPlane::input_closed(ConnectionId id, std::string_view why, Time now) {
    impl_->plane.now = now;
    auto& connection = impl_->at(id);
    connection.engine().input_closed(why, now);
    impl_->plane.touch(connection);
}

bool DataPlane::input_ended(ConnectionId id) const {
    return impl_->at(id).engine().input_ended();
}

std::size_t DataPlane::output(ConnectionId id, std::span<iovec> slices) {
    return impl_->at(id).engine().output(slices);
}

void DataPlane::output_done(ConnectionId id, std::size_t bytes, Time now) {
    impl_->plane.now = now;
    auto& connection = impl_->at(id);
    connection.note_output(now);
    connection.engine().output_done(bytes);
}

bool DataPlane::has_output(ConnectionId id) const {
    return impl_->at(id).engine().has_output();
}

bool DataPlane::finished(ConnectionId id) const {
    return impl_->at(id).engine().finished();
}

std::optional<Time> DataPlane::tick(ConnectionId id, Time now) {
    impl_->plane.now = now;
    auto& connection = impl_->at(id);
    connection.note_tick(now);
    const auto next = connection.engine().tick(now);
    if (connection.engine().has_output()) {
        impl_->plane.touch(connection);
    }
    return next;
}

void DataPlane::forget(ConnectionId id) {
    impl_->at(id);
    impl_->plane.connections.at(id.slot).connection.reset();
    impl_->plane.connections.give_back(id.slot);
}

void DataPlane::on_batch(CrossBatch&& batch, Time now) {
    impl_->plane.now = now;
    std::string_view rest = batch.bytes;
    std::span<const std::byte> payload;
    std::size_t apart = 0;
    std::span<const std::byte> shared;
    ChunkRef owner_of_shared;
    while (const Record* record = take_record(rest, payload)) {
        if (record->share == PayloadShare::kSame) {
            const auto* owner = owner_of_shared ? &owner_of_shared : nullptr;
            impl_->forwarder.on_record(*record, shared, owner);
            continue;
        }
        ChunkRef owner;
        if (record->apart) {
            owner = impl_->plane.pool.adopt(std::move(batch.apart.at(apart++)));
            payload = std::as_bytes(std::span(owner.get()->adopted));
        }
        if (record->share == PayloadShare::kFirst) {
            shared = payload;
            owner_of_shared = owner;
        }
        impl_->forwarder.on_record(*record, payload, owner ? &owner : nullptr);
    }
}

void DataPlane::on_command(Command&& command, Time now) {
    impl_->plane.now = now;
    std::visit([this](auto& what) { impl_->execute(what); }, command);
}

void DataPlane::flush(Time now) {
    auto& plane = impl_->plane;
    plane.now = now;
    impl_->forwarder.release_pins();
    impl_->forwarder.serve_demand();
    impl_->relax();
    impl_->renew_credit();
    for (std::size_t worker = 0; worker < plane.batches.size(); ++worker) {
        auto& batch = plane.batches[worker];
        const auto bytes = batch.bytes.size();
        if (bytes != 0 && plane.outlet.post(static_cast<std::uint16_t>(worker), batch)) {
            batch = CrossBatch{plane.config.worker, {}, {}};
            if (bytes <= kBatchReserveMax) {
                batch.bytes.reserve(bytes);  // the next one is likely to be as long
            }
        }
    }
    // Writing may touch connections again (output falls, links go on): one round per flush.
    const auto dirty = std::exchange(plane.dirty, {});
    for (const auto& id : dirty) {
        if (auto* connection = plane.connection(id)) {
            connection->dirty = false;
            if (connection->engine().has_output() || connection->engine().finished()) {
                plane.outlet.output_ready(id);
            }
        }
    }
    if (!impl_->snapshots.empty() && now >= impl_->next_piece) {
        impl_->next_piece = now + SnapshotJob::kPause;
        if (impl_->snapshots.front().advance(plane, impl_->forwarder)) {
            plane.outlet.report(impl_->snapshots.front().take());
            impl_->snapshots.pop_front();
        }
    }
}

std::optional<Time> DataPlane::next_flush() const {
    return impl_->snapshots.empty() ? std::nullopt : std::optional<Time>(impl_->next_piece);
}

bool DataPlane::needs_flush() const {
    const auto& plane = impl_->plane;
    return !plane.dirty.empty() || !plane.credit_due.empty() || impl_->forwarder.demand_due() ||
           impl_->forwarder.pins_due() ||
           std::ranges::any_of(plane.batches,
                               [](const CrossBatch& batch) { return !batch.bytes.empty(); });
}

std::optional<Time> DataPlane::tick(Time now) {
    auto& plane = impl_->plane;
    plane.now = now;
    auto next = impl_->forwarder.tick();
    if (const auto later = impl_->trim(now)) {
        next = next ? std::min(*next, *later) : *later;
    }
    if (const auto sweep = impl_->forwarder.sweep()) {
        next = next ? std::min(*next, *sweep) : *sweep;
    }
    if (const auto watch = impl_->forwarder.watch_links()) {
        next = next ? std::min(*next, *watch) : *watch;
    }
    if (!impl_->has_neighbours) {
        return next;
    }
    if (now >= impl_->next_life) {
        std::uint32_t shortest_ms = 1000;
        plane.connections.for_each([&](std::uint32_t, ConnectionHolder& holder) {
            if (holder.connection->neighbour()) {
                holder.connection->report_life();
                shortest_ms = std::min(shortest_ms, holder.connection->options().heartbeat_ms);
            }
        });
        // A third of the heartbeat: silence is noticed at most that much late.
        impl_->next_life = now + std::max<Time>(1, shortest_ms / 3) * routing::kMillisecond;
    }
    return next ? std::min(*next, impl_->next_life) : impl_->next_life;
}

std::size_t DataPlane::connections() const {
    return impl_->plane.connections.live();
}

// -- commands
// --------------------------------------------------------------------------------------

void DataPlane::Impl::execute(command::Publish& publish) {
    const auto before = std::exchange(plane.table, std::move(publish.table));
    if (publish.change->all) {
        for (const auto& [hash, links] : plane.watchers) {
            for (const auto& key : links) {
                look_again(key);
            }
        }
    } else {
        for (const auto hash : publish.change->addresses) {
            if (const auto found = plane.watchers.find(hash); found != plane.watchers.end()) {
                for (const auto& key : found->second) {
                    look_again(key);
                }
            }
        }
    }
    if (publish.change->all) {
        forwarder.reclaim_all();
    }
    for (const auto hash : publish.change->addresses) {
        forwarder.reclaim(hash);
    }
    forwarder.on_table_changed(publish.change->all ? before.get() : nullptr);
}

void DataPlane::Impl::look_again(const LinkKey& key) {
    auto* connection = plane.connection(key.connection, key.connection_generation);
    if (connection != nullptr) {
        plane.queue_credit(*connection, key.link);
    }
}

void DataPlane::Impl::execute(command::SendControl& send) {
    if (auto* connection = plane.connection(send.id)) {
        connection->send_control(send.token, std::move(send.bytes));
    }
}

void DataPlane::Impl::execute(command::CloseConnection& close) {
    if (auto* connection = plane.connection(close.id)) {
        connection->engine().close(close.condition, plane.now);
        plane.touch(*connection);
    }
}

void DataPlane::Impl::execute(command::CloseAll& close) {
    plane.connections.for_each([&](std::uint32_t, ConnectionHolder& holder) {
        holder.connection->engine().close(close.condition, plane.now);
        plane.touch(*holder.connection);
    });
}

void DataPlane::Impl::execute(command::Originate& originate) {
    forwarder.originate(originate.address, std::move(originate.message));
}

void DataPlane::Impl::execute(command::TakeSnapshot& snapshot) {
    // As many as the management agent's queries under way. One begins at once if it is alone.
    next_piece = snapshots.empty() ? 0 : next_piece;
    snapshots.emplace_back(snapshot);
}

void DataPlane::Impl::execute(command::SetCapacity& set) {
    if (auto* connection = plane.connection(set.id)) {
        connection->set_link_capacity(set.link_capacity);
    }
}

void DataPlane::Impl::execute(command::Trace& trace) {
    if (auto* connection = plane.connection(trace.id)) {
        connection->set_trace(trace.on);
    }
}

void DataPlane::Impl::execute(command::Withhold&) {
    plane.withhold = true;
    plane.connections.for_each([&](std::uint32_t, ConnectionHolder& holder) {
        auto& connection = *holder.connection;
        for (LinkIndex index = 0; index < connection.link_count(); ++index) {
            if (auto* link = connection.incoming(index); link != nullptr) {
                link->routable_generation = 0;
                plane.queue_credit(connection, index);
            }
        }
    });
}

// -- credit (DESIGN 4.2)
// ---------------------------------------------------------------------------

bool DataPlane::Impl::routable(IncomingLink& link) {
    const bool anonymous = link.purpose == LinkPurpose::kAnonymous;
    if (link.purpose != LinkPurpose::kEndpoint && !anonymous) {
        return true;
    }
    if (plane.withhold || anonymous) {
        return !plane.withhold;
    }
    if (link.router != 0) {
        return plane.table->route(link.router) != nullptr;
    }
    const auto* route = plane.table->find(link.hash);
    return route != nullptr && plane.table->routable(*route);
}

/// How many deliveries of the link may be under way: its capacity, or fewer large ones, or its part
/// of what a connection may have. With n links that is kConnectionDeliveries / n each, so that all
/// of a connection together have at most kConnectionDeliveries or kDeliveriesMin each, and what
/// those that came first were given before the others came.
std::uint32_t DataPlane::Impl::affordable(const Connection& connection,
                                          const LinkKey& key,
                                          IncomingLink& link) {
    constexpr std::size_t kLinkBytesMax = std::size_t{2} << 20U;
    constexpr std::size_t kConnectionDeliveries = std::size_t{1} << 17U;
    constexpr std::size_t kDeliveriesMin = 8;
    const auto have = connection.engine().credit(key.link);
    const auto by_size = kLinkBytesMax / std::max<std::size_t>(link.mean_bytes, 1);
    const auto part = kConnectionDeliveries / std::max(connection.incoming_count(), 1U);
    const auto least = std::max(std::min(by_size, part), kDeliveriesMin);
    const auto limit = static_cast<std::uint32_t>(std::min<std::size_t>(least, link.capacity));
    if (!plane.budget.tight()) {
        return limit;
    }
    starved.add(plane, link, key);
    return std::min(limit, link.outstanding + std::max(have, link.outstanding == 0 ? 1U : 0U));
}

/// Memory has become free: whoever was held back for want of it goes on.
void DataPlane::Impl::relax() {
    was_tight = was_tight || plane.budget.tight();
    if (!was_tight || !plane.budget.relaxed()) {
        return;
    }
    was_tight = false;
    for (const auto& key : starved.take(plane)) {
        look_again(key);
    }
    plane.connections.for_each([this](std::uint32_t, ConnectionHolder& holder) {
        holder.connection->engine().renew_windows();
        plane.touch(*holder.connection);
    });
}

/// After a burst: memory that only the burst needed goes back to the system. When to look again.
std::optional<Time> DataPlane::Impl::trim(Time now) {
    constexpr Time kInterval = 2 * routing::kSecond;
    constexpr std::size_t kConnectionWeight = 32;  // deliveries that a connection counts for
    constexpr std::size_t kWorthIt = 256;
    const auto load = plane.incoming.live() + plane.outgoing.live() +
                      kConnectionWeight * plane.connections.live();
    peak = std::max(peak, load);
    if (peak == 0 && !trim_again) {
        return std::nullopt;
    }
    next_trim = next_trim == 0 ? now + kInterval : next_trim;
    if (now < next_trim) {
        return next_trim;
    }
    const bool burst_over = load < peak / 4 && peak >= kWorthIt;
    if (burst_over || trim_again) {
        plane.incoming.trim();
        plane.outgoing.trim();
        plane.pool.trim();
        give_memory_back();
        trim_again = burst_over;  // what its end still needed goes with the next look
    }
    peak = load < peak / 4 ? load : peak;
    next_trim = 0;
    return trim_again || peak > load ? std::optional<Time>(now + kInterval) : std::nullopt;
}

void DataPlane::Impl::renew_credit() {
    const auto due = std::exchange(plane.credit_due, {});
    for (const auto& key : due) {
        auto* connection = plane.connection(key.connection, key.connection_generation);
        auto* link = connection != nullptr ? connection->incoming(key.link) : nullptr;
        if (link == nullptr || link->generation != key.link_generation) {
            continue;
        }
        link->credit_queued = false;
        auto& engine = connection->engine();
        const auto have = engine.credit(key.link);
        const bool lane =
            link->purpose != LinkPurpose::kEndpoint && link->purpose != LinkPurpose::kAnonymous;
        if (link->routable_generation != plane.table->generation()) {
            link->routable_generation = plane.table->generation();
            link->routable = routable(*link);
        }
        const auto limit = lane ? link->capacity : affordable(*connection, key, *link);
        std::uint32_t want = lane ? limit : limit - std::min(limit, link->outstanding);
        want = link->routable ? want : 0;
        // Renewed in steps: a flow frame for a quarter of the window, or when the sender has none.
        const bool step = want > have && (have == 0 || want - have >= std::max(1U, limit / 4));
        if (step || (want == 0 && have > 0 && !link->routable)) {
            engine.set_credit(key.link, want);
            plane.touch(*connection);
        }
        if (have == 0 && want == 0) {
            link->zero_credit_since =
                link->zero_credit_since == 0 ? plane.now : link->zero_credit_since;
        } else {
            link->zero_credit_since = 0;
        }
    }
}

}  // namespace amqmesh::link
