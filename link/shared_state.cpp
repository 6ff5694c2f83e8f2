#include "link/shared_state.h"

namespace amqmesh::link {

std::uint32_t GaugeBoard::take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
        const auto page = owned_.size();
        if (page == kPages) {
            return 0;
        }
        owned_.push_back(std::make_unique<Page>());
        pages_[page].store(owned_.back().get(), std::memory_order_release);
        for (std::size_t i = 0; i < kPage; ++i) {
            const auto gauge = static_cast<std::uint32_t>(page * kPage + i);
            if (gauge != 0) {  // 0 is the shared one of those that came too late
                free_.push_back(gauge);
            }
        }
    }
    const auto gauge = free_.front();
    free_.pop_front();
    return gauge;
}

void GaugeBoard::give_back(std::uint32_t gauge) {
    if (gauge == 0) {
        return;
    }
    set(gauge, {kGone, 0});
    const std::lock_guard lock(mutex_);
    free_.push_back(gauge);
}

bool MulticastGuard::Window::has(std::uint32_t sequence) const {
    return seen[sequence % kWindow].load(std::memory_order_relaxed) == std::uint64_t{sequence} + 1;
}

MulticastGuard::Origin MulticastGuard::origin(routing::RouterId id, std::uint64_t incarnation) {
    const std::lock_guard lock(mutex_);
    auto& entry = origins_[id];
    if (!entry.window) {
        entry = {incarnation, std::make_shared<Window>(), nullptr};
    } else if (entry.incarnation == 0) {
        entry.incarnation = incarnation;
    } else if (incarnation > entry.incarnation) {
        entry = {incarnation, std::make_shared<Window>(), entry.window};
    }
    auto result = entry;
    if (origins_.size() > kOriginsMax) {
        for (auto it = origins_.begin(); it != origins_.end(); ++it) {
            if (it->first != id) {
                origins_.erase(it);
                break;
            }
        }
    }
    return result;
}

MulticastGuard::Verdict MulticastGuard::see(routing::RouterId id,
                                            std::uint64_t incarnation,
                                            std::uint32_t sequence) {
    const auto from = origin(id, incarnation);
    if (from.before && from.before->has(sequence)) {
        return Verdict::kDuplicate;
    }
    auto& slot = from.window->seen[sequence % kWindow];
    const std::uint64_t value = std::uint64_t{sequence} + 1;
    auto old = slot.load(std::memory_order_relaxed);
    while (true) {
        if (old == value) {
            return Verdict::kDuplicate;
        }
        // Serial-number order (RFC 1982): the older of two that share a slot is outside the window.
        if (old != 0 &&
            static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(old - 1)) < 0) {
            return Verdict::kTooOld;
        }
        if (slot.compare_exchange_weak(old, value, std::memory_order_relaxed)) {
            return Verdict::kNew;
        }
    }
}

}  // namespace amqmesh::link
