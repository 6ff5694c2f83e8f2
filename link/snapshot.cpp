#include "link/snapshot.h"

#include "link/connection.h"
#include "link/forwarder.h"

namespace amqmesh::link {

namespace {

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

LinkRow incoming_row(const IncomingLink& link, const Engine& engine, LinkIndex index, Time now) {
    LinkRow row;
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
    return row;
}

LinkRow outgoing_row(const OutgoingLink& link, const Engine& engine, LinkIndex index, Time now) {
    LinkRow row;
    row.name = link.name;
    row.type = link_type(link.purpose);
    row.owning_address = link.key;
    row.uptime_s = (now - link.attached_at) / routing::kSecond;
    row.credit = engine.send_credit(index);
    row.undelivered = link.waiting.size;
    row.unsettled = link.sent.size;
    row.zero_credit_s = seconds_since(link.zero_credit_since, now);
    row.settle_rate = link.counters.rate.per_second(now);
    copy_counters(row, link.counters);
    return row;
}

void add_links(PlaneSnapshot& snapshot, Connection& connection, Time now) {
    for (LinkIndex index = 0; index < connection.link_count(); ++index) {
        LinkRow row;
        if (const auto* in = connection.incoming(index)) {
            row = incoming_row(*in, connection.engine(), index, now);
        } else if (const auto* out = connection.outgoing(index)) {
            row = outgoing_row(*out, connection.engine(), index, now);
            row.capacity = connection.options().link_capacity;
        } else {
            continue;
        }
        row.connection = connection.id();
        row.connection_number = connection.options().number;
        row.link = index;
        row.priority = 4;
        snapshot.links.push_back(std::move(row));
    }
}

void count_deliveries(PlaneSnapshot& snapshot, Plane& plane) {
    const auto self = plane.table->self();
    plane.incoming.for_each([&](std::uint32_t, const IncomingDelivery& in) {
        const bool transit = in.label.ingress != self && in.label.egress != self;
        ++(transit ? snapshot.transit_open : snapshot.local_open);
    });
}

}  // namespace

std::unique_ptr<PlaneSnapshot> take_snapshot(Plane& plane, const command::TakeSnapshot& what) {
    auto snapshot = std::make_unique<PlaneSnapshot>();
    snapshot->request = what.request;
    snapshot->worker = plane.config.worker;
    snapshot->counters = plane.counters;
    plane.connections.for_each([&](std::uint32_t, ConnectionHolder& holder) {
        auto& connection = *holder.connection;
        if (what.connections) {
            snapshot->connections.push_back(connection.row());
            snapshot->counters.links_blocked += Forwarder::blocked_links(connection, plane.now);
        }
        if (what.links) {
            add_links(*snapshot, connection, plane.now);
        }
    });
    if (what.deliveries) {
        count_deliveries(*snapshot, plane);
    }
    if (what.addresses) {
        plane.for_each_address_counters(
            [&](const AddressCounters& counters) { snapshot->addresses.push_back(counters); });
    }
    return snapshot;
}

}  // namespace amqmesh::link
