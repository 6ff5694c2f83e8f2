#include "routing/adjacency.h"

namespace amqmesh::routing {

namespace {

constexpr std::size_t kWindowBytes = 256 * 1024;

}  // namespace

bool ControlLink::may_send_data() const {
    return unsettled_bytes_ < kWindowBytes && (credit_ > 1 || (credit_ == 1 && unsettled_.empty()));
}

std::uint64_t ControlLink::on_send(std::size_t bytes) {
    if (credit_ > 0) {
        --credit_;
    }
    unsettled_.emplace(++last_token_, bytes);
    unsettled_bytes_ += bytes;
    return last_token_;
}

bool ControlLink::on_settled(std::uint64_t token) {
    const auto it = unsettled_.find(token);
    if (it == unsettled_.end()) {
        return false;
    }
    unsettled_bytes_ -= it->second;
    unsettled_.erase(it);
    return true;
}

bool Adjacency::owing() const {
    return !queue.empty() || !outbox.empty() || !table_parts.empty();
}

}  // namespace amqmesh::routing
