#include "link/snapshot.h"

#include "link/connection.h"
#include "link/forwarder.h"

#include <algorithm>

namespace amqmesh::link {

namespace {

// To see whether a link waits for credit costs this much less than to make a row of it; to count a
// delivery less again.
constexpr std::uint32_t kLinksPerRow = 4;
constexpr std::uint32_t kDeliveriesPerRow = 16;

const char* link_type(LinkPurpose purpose) {
    switch (purpose) {
        case LinkPurpose::kControl:
            return "router-control";
        case LinkPurpose::kShortLane:
        case LinkPurpose::kStreamLane:
            return "inter-router";
        case LinkPurpose::kNone:
        case LinkPurpose::kEndpoint:
        case LinkPurpose::kAnonymous:
            return "endpoint";
    }
    return "endpoint";
}

void copy_counters(LinkRow& row, const LinkCounters& counters) {
    row.deliveries = counters.deliveries;
    row.presettled = counters.presettled;
    row.dropped_presettled = counters.dropped_presettled;
    row.accepted = counters.accepted;
    row.rejected = counters.rejected;
    row.released = counters.released;
    row.modified = counters.modified;
    row.ages = counters.ages;
}

std::uint64_t seconds_since(Time since, Time now) {
    return since == 0 || since > now ? 0 : (now - since) / routing::kSecond;
}

void fill(LinkRow& row, const IncomingLink& link, const Engine& engine, LinkIndex index, Time now) {
    row.name = link.name;
    row.type = link_type(link.purpose);
    row.incoming = true;
    row.owning_address = link.key;
    row.uptime_s = (now - link.attached_at) / routing::kSecond;
    row.capacity = link.capacity;
    row.unsettled = link.outstanding;
    row.credit = engine.credit(index);
    row.zero_credit_s = seconds_since(link.zero_credit_since, now);
    row.settle_rate = link.counters.rate.per_second(now);
    copy_counters(row, link.counters);
}

void fill(LinkRow& row, const OutgoingLink& link, const Engine& engine, LinkIndex index, Time now) {
    row.name = link.name;
    row.type = link_type(link.purpose);
    row.owning_address = link.key;
    row.uptime_s = (now - link.attached_at) / routing::kSecond;
    row.credit = engine.send_credit(index);
    row.undelivered = link.waiting.size;
    row.unsettled = link.sent.size;
    row.up = link.attached;
    row.origins.assign(link.origins.all().begin(), link.origins.all().end());
    row.zero_credit_s = seconds_since(link.zero_credit_since, now);
    row.settle_rate = link.counters.rate.per_second(now);
    copy_counters(row, link.counters);
}

// What messages of the link get unless their header says otherwise.
std::uint8_t priority_of(const Plane& plane, std::string_view key) {
    constexpr std::uint8_t kDefault = 4;
    const auto* rule =
        key.starts_with('M') ? plane.table->settings().match(key.substr(2)) : nullptr;
    return rule != nullptr && rule->priority ? *rule->priority : kDefault;
}

}  // namespace

void SnapshotJob::begin(Plane& plane, Forwarder& forwarder) {
    snapshot_ = std::make_unique<PlaneSnapshot>();
    snapshot_->request = what_.request;
    snapshot_->worker = plane.config.worker;
    std::size_t links = 0;
    plane.connections.for_each([&](std::uint32_t, const ConnectionHolder& holder) {
        forwarder.count_container(*holder.connection);
        if (what_.connections || what_.links) {
            connections_.push_back(holder.connection->id());
            links += holder.connection->link_count();
        }
    });
    // What grows later is copied then, all at once.
    if (what_.links) {
        undelivered_ = forwarder.undelivered();
        snapshot_->links.reserve(links);
    }
    if (what_.addresses) {
        snapshot_->addresses.reserve(plane.all_address_counters().size());
    }
}

void SnapshotJob::add_link(Plane& plane, Connection& connection, LinkIndex index) {
    const auto* in = connection.incoming(index);
    const auto* out = connection.outgoing(index);
    if (in == nullptr && out == nullptr) {
        return;
    }
    LinkRow& row = snapshot_->links.emplace_back();
    if (in != nullptr) {
        fill(row, *in, connection.engine(), index, plane.now);
        const auto waiting = undelivered_.find(Forwarder::link_number(connection.id().slot, index));
        row.undelivered = waiting == undelivered_.end() ? 0 : waiting->second;
    } else {
        fill(row, *out, connection.engine(), index, plane.now);
        row.capacity = connection.options().link_capacity;
    }
    row.connection = connection.id();
    row.connection_number = connection.options().number;
    row.link = index;
    row.priority = priority_of(plane, row.owning_address);
}

std::uint32_t SnapshotJob::visit(Plane& plane, Connection& connection, std::uint32_t most) {
    if (what_.connections && link_ == 0) {
        snapshot_->connections.push_back(connection.row());
    }
    const std::uint32_t begin = link_;
    for (const auto end = std::min(connection.link_count(), link_ + most); link_ < end; ++link_) {
        if (what_.connections) {
            links_blocked_ += Forwarder::is_blocked(connection, link_, plane.now) ? 1U : 0U;
        }
        if (what_.links) {
            add_link(plane, connection, link_);
        }
    }
    return link_ - begin;
}

bool SnapshotJob::advance(Plane& plane, Forwarder& forwarder) {
    if (!snapshot_) {
        begin(plane, forwarder);
        piece_ = kPiece;
    } else {
        const Time pauses = (plane.now - std::min(last_, plane.now)) / kPause;
        piece_ = static_cast<std::uint32_t>(std::clamp<Time>(pauses * kPiece, kPiece, kPieceMax));
    }
    last_ = plane.now;
    if (!visit_connections(plane) || (what_.addresses && !copy_addresses(plane)) ||
        (what_.deliveries && !count_deliveries(plane))) {
        return false;
    }
    finish(plane, forwarder);
    return true;
}

bool SnapshotJob::visit_connections(Plane& plane) {
    const std::uint32_t piece = what_.links ? piece_ : piece_ * kLinksPerRow;
    for (std::uint32_t looked = 0; next_ < connections_.size();) {
        if (looked >= piece) {
            return false;
        }
        auto* connection = plane.connection(connections_[next_]);
        if (connection != nullptr) {
            looked += 1 + visit(plane, *connection, piece - looked);
        }
        if (connection == nullptr || link_ >= connection->link_count()) {
            ++next_;
            link_ = 0;
        }
    }
    return true;
}

bool SnapshotJob::copy_addresses(const Plane& plane) {
    const auto& all = plane.all_address_counters();
    auto& copied = snapshot_->addresses;
    const std::size_t begin = copied.size();
    const std::size_t end = std::min<std::size_t>(all.size(), begin + std::size_t{2} * piece_);
    copied.insert(copied.end(),
                  all.begin() + static_cast<std::ptrdiff_t>(begin),
                  all.begin() + static_cast<std::ptrdiff_t>(end));
    return end == all.size();
}

bool SnapshotJob::count_deliveries(Plane& plane) {
    return plane.incoming.visit_some(
        delivery_, piece_ * kDeliveriesPerRow, [this](std::uint32_t, const IncomingDelivery& in) {
            ++(in.transit ? snapshot_->transit_open : snapshot_->local_open);
        });
}

void SnapshotJob::finish(Plane& plane, const Forwarder& forwarder) {
    snapshot_->counters = plane.counters;
    snapshot_->counters.links_blocked = links_blocked_;
    if (what_.addresses) {
        snapshot_->towards = forwarder.towards_routers();
    }
}

}  // namespace amqmesh::link
