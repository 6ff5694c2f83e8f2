#include "link/plane.h"

#include "link/connection.h"

#include <algorithm>
#include <random>
#include <utility>

namespace amqmesh::link {

namespace {

std::shared_ptr<const routing::ForwardingTable> empty_table(const std::string& name) {
    routing::ForwardingTableBuilder builder(routing::router_id(name), name);
    routing::TableChange change;
    return builder.publish(change);
}

}  // namespace

Plane::Plane(PlaneConfig plane_config, PlaneOutlet& plane_outlet)
    : config(std::move(plane_config)),
      outlet(plane_outlet),
      shared(config.shared ? config.shared : std::make_shared<SharedState>()),
      table(empty_table(config.router_name)) {
    budget.max = config.held_bytes_max / config.workers;
    batches.resize(config.workers);
    for (auto& batch : batches) {
        batch.from = config.worker;
    }
    std::random_device random;
    name_seed_ = std::uint64_t{random()} << 32U | random();
}

Plane::~Plane() = default;

void Plane::touch(Connection& connection) {
    if (!connection.dirty) {
        connection.dirty = true;
        dirty.push_back(connection.id());
    }
}

void Plane::queue_credit(Connection& connection, LinkIndex index, IncomingLink& link) {
    if (!link.credit_queued) {
        link.credit_queued = true;
        credit_due.push_back(connection.key(index));
    }
}

void Plane::queue_credit(Connection& connection, LinkIndex index) {
    if (auto* link = connection.incoming(index)) {
        queue_credit(connection, index, *link);
    }
}

void Plane::watch(Connection& connection, LinkIndex index, IncomingLink& link) {
    auto& links = watchers[link.hash];
    link.watched_at = static_cast<std::uint32_t>(links.size());
    links.push_back(connection.key(index));
}

void Plane::unwatch(IncomingLink& link) {
    const auto found = watchers.find(link.hash);
    if (link.watched_at == kNoSlot || found == watchers.end()) {
        return;
    }
    // The last one takes its place: thousands of links of one address may end at once.
    auto& links = found->second;
    const auto at = std::exchange(link.watched_at, kNoSlot);
    const auto last = links.back();
    links.pop_back();
    if (links.empty()) {
        watchers.erase(found);
    } else if (at < links.size()) {
        links[at] = last;
        auto* owner = connection(last.connection, last.connection_generation);
        if (auto* moved = owner != nullptr ? owner->incoming(last.link) : nullptr) {
            moved->watched_at = at;
        }
    }
}

AddressCounters& Plane::address_counters(routing::AddressHash hash) {
    const auto known = address_counters_by_hash_.find(hash);
    if (known != address_counters_by_hash_.end()) {
        return *known->second;
    }
    // Temporary addresses come and go without end, and are nobody's figures: all share one.
    bool counts = hash != kSharedCounters && table->find(hash) != nullptr;
    if (counts && address_counters_by_hash_.size() >= forget_address_counters_at_) {
        forget_address_counters();
        forget_address_counters_at_ =
            std::max(kAddressCountersMin, 2 * address_counters_by_hash_.size());
    }
    counts = counts && address_counters_by_hash_.size() < kAddressCountersMax;
    auto& counters_of = address_counters_by_hash_[counts ? hash : kSharedCounters];
    if (counters_of == nullptr) {
        if (free_address_counters_.empty()) {
            free_address_counters_.push_back(&address_counters_.emplace_back());
        }
        counters_of = free_address_counters_.back();
        free_address_counters_.pop_back();
        counters_of->hash = counts ? hash : kSharedCounters;
    }
    return *counters_of;
}

/// Those of addresses that the table does not name any more: clients may use new ones without end.
/// Now and then only, so that an address whose consumers come back soon goes on counting.
void Plane::forget_address_counters() {
    const auto gone = [this](const AddressCounters& of) {
        return of.hash != kSharedCounters && of.outstanding == 0 && table->find(of.hash) == nullptr;
    };
    connections.for_each([&](std::uint32_t, ConnectionHolder& holder) {
        for (LinkIndex index = 0; index < holder.connection->link_count(); ++index) {
            if (auto* in = holder.connection->incoming(index);
                in != nullptr && in->address_counters != nullptr && gone(*in->address_counters)) {
                in->address_counters = nullptr;
            }
            if (auto* out = holder.connection->outgoing(index); out != nullptr &&
                                                                out->address_counters != nullptr &&
                                                                gone(*out->address_counters)) {
                out->address_counters = nullptr;
            }
        }
    });
    for (auto entry = address_counters_by_hash_.begin();
         entry != address_counters_by_hash_.end();) {
        if (gone(*entry->second)) {
            *entry->second = {};
            free_address_counters_.push_back(entry->second);
            entry = address_counters_by_hash_.erase(entry);
        } else {
            ++entry;
        }
    }
}

std::string Plane::unique_name() {
    static constexpr std::string_view kDigits =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // Ten digits of per-process randomness, five of worker and count, read as one number each.
    std::uint64_t random = name_seed_;
    std::uint64_t count = name_count_++ * config.workers + config.worker;
    std::string name;
    for (int i = 0; i < 10; ++i, random /= kDigits.size()) {
        name.push_back(kDigits[random % kDigits.size()]);
    }
    for (int i = 0; i < 5 || count != 0; ++i, count /= kDigits.size()) {
        name.push_back(kDigits[count % kDigits.size()]);
    }
    return name;
}

}  // namespace amqmesh::link
