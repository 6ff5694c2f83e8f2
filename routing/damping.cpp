#include "routing/damping.h"

#include <algorithm>

namespace amqmesh::routing {

namespace {

constexpr std::size_t kPeersMax = 4096;
constexpr Time kMemory = 60 * kSecond;
constexpr Time kTogether = kSecond;
constexpr std::uint32_t kFreeFlaps = 3;

// 1, 2, 4 … 60 seconds for step 0, 1, 2 …
std::uint32_t seconds_of(std::uint32_t step) {
    return std::min(60U, std::uint32_t{1} << std::min(step, 6U));
}

}  // namespace

Damping::History& Damping::history(RouterId peer) {
    if (!peers_.contains(peer) && peers_.size() >= kPeersMax) {
        peers_.erase(
            std::min_element(peers_.begin(), peers_.end(), [](const auto& a, const auto& b) {
                return std::max(a.second.last, a.second.refused_at) <
                       std::max(b.second.last, b.second.refused_at);
            }));
    }
    return peers_[peer];
}

void Damping::on_down(Time now, RouterId peer, Time up_since) {
    History& entry = history(peer);
    if (entry.level > 0 && up_since < entry.last && now < entry.last + kTogether) {
        return;  // a parallel link, lost for the same reason
    }
    const bool recent = entry.level > 0 && now < std::max(entry.last, entry.held_until) + kMemory;
    entry.level = recent ? entry.level + 1 : 1;
    entry.last = now;
    ++entry.flaps;
    if (entry.level >= kFreeFlaps) {
        entry.held_until = now + seconds_of(entry.level - kFreeFlaps) * kSecond;
    }
}

std::uint32_t Damping::on_refused(Time now, RouterId peer) {
    History& entry = history(peer);
    const bool recent = entry.refusals > 0 && now < entry.refused_at + 2 * kMemory;
    entry.refusals = recent ? entry.refusals + 1 : 1;
    entry.refused_at = now;
    return seconds_of(entry.refusals - 1) * 1000;
}

Time Damping::held_until(RouterId peer) const {
    const auto it = peers_.find(peer);
    return it == peers_.end() ? 0 : it->second.held_until;
}

std::uint64_t Damping::flaps(RouterId peer) const {
    const auto it = peers_.find(peer);
    return it == peers_.end() ? 0 : it->second.flaps;
}

}  // namespace amqmesh::routing
