#include "link/unanswered.h"

#include "link/connection.h"
#include "link/plane.h"

#include <algorithm>
#include <utility>

namespace amqmesh::link {

namespace {

bool names(const routing::ForwardingTable& table,
           routing::AddressHash address,
           const routing::ConsumerId& consumer) {
    const auto* route = table.find(address);
    if (route == nullptr) {
        return false;
    }
    // New ones are at the end.
    return std::any_of(route->local.rbegin(),
                       route->local.rend(),
                       [&](const routing::LocalConsumer& each) { return each.id == consumer; });
}

}  // namespace

void Unanswered::add(SharedState& shared,
                     const LinkKey& key,
                     routing::AddressHash address,
                     Terminus source,
                     Terminus target) {
    entries_.push_back({key, address, 0, std::move(source), std::move(target)});
    shared.unanswered.fetch_add(1);
}

void Unanswered::on_table(Plane& plane) {
    const auto& table = *plane.table;
    for (auto& entry : entries_) {
        if (entry.generation == 0 &&
            names(table,
                  entry.address,
                  {{plane.config.worker, entry.key.connection, entry.key.connection_generation},
                   entry.key.link,
                   entry.key.link_generation})) {
            entry.generation = table.generation();
        }
    }
    answer(plane);
}

void Unanswered::on_other_worker(Plane& plane, std::uint16_t worker, std::uint64_t generation) {
    others_.resize(plane.config.workers);
    others_.at(worker) = std::max(others_.at(worker), generation);
    answer(plane);
}

bool Unanswered::known_to_all(const Plane& plane, std::uint64_t generation) const {
    for (std::size_t worker = 0; worker < plane.config.workers; ++worker) {
        const auto heard = worker < others_.size() ? others_[worker] : 0;
        if (worker != plane.config.worker && heard < generation) {
            return false;
        }
    }
    return true;
}

void Unanswered::answer(Plane& plane) {
    // Answering sends what has come for the link meanwhile, which may end links, but attaches none.
    auto waiting = std::exchange(entries_, {});
    std::size_t kept = 0;
    std::uint32_t done = 0;
    for (auto& entry : waiting) {
        auto* connection = plane.connection(entry.key.connection, entry.key.connection_generation);
        const auto* link = connection != nullptr ? connection->outgoing(entry.key.link) : nullptr;
        const bool alive = link != nullptr && link->generation == entry.key.link_generation;
        if (alive && (entry.generation == 0 || !known_to_all(plane, entry.generation))) {
            if (&waiting[kept] != &entry) {
                waiting[kept] = std::move(entry);
            }
            ++kept;
            continue;
        }
        ++done;
        if (alive) {
            connection->answer_receiver(entry.key.link, entry.source, entry.target);
        }
    }
    waiting.resize(kept);
    entries_ = std::move(waiting);
    if (done != 0) {
        plane.shared->unanswered.fetch_sub(done);
    }
}

}  // namespace amqmesh::link
