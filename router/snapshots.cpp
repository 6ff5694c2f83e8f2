#include "router/snapshots.h"

#include <algorithm>
#include <utility>

namespace amqmesh::router {

void Snapshots::take(const What& what, Done done) {
    const std::uint64_t number = ++last_;
    requests_.emplace(number, Request{{}, std::move(done)});
    for (std::uint16_t worker = 0; worker < workers_; ++worker) {
        outlet_.send(worker,
                     link::command::TakeSnapshot{.request = number,
                                                 .links = what.links,
                                                 .connections = what.connections,
                                                 .addresses = what.addresses,
                                                 .deliveries = what.deliveries});
    }
}

void Snapshots::on_snapshot(std::unique_ptr<link::PlaneSnapshot> snapshot) {
    const auto place = requests_.find(snapshot->request);
    if (place == requests_.end()) {
        return;
    }
    place->second.parts.push_back(std::move(snapshot));
    if (place->second.parts.size() < workers_) {
        return;
    }
    Request complete = std::move(place->second);
    requests_.erase(place);
    // Answers come in any order; rows must not change places from one query to the next.
    std::ranges::sort(complete.parts, {}, &link::PlaneSnapshot::worker);
    complete.done(complete.parts);
}

}  // namespace amqmesh::router
