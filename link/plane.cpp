#include "link/plane.h"

#include "link/connection.h"

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
    const bool counts = hash != kSharedCounters && table->find(hash) != nullptr &&
                        address_counters_.size() < kAddressCountersMax;
    auto& counters_of = address_counters_by_hash_[counts ? hash : kSharedCounters];
    if (counters_of == nullptr) {
        counters_of = &address_counters_.emplace_back();
        counters_of->hash = counts ? hash : kSharedCounters;
    }
    return *counters_of;
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
