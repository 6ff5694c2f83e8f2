#include "link/shared_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

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
    const std::uint32_t age = newest_ - sequence;  // serial numbers (RFC 1982)
    return age < kWindow && (seen_[sequence % kWindow / kBits] & bit(sequence)) != 0;
}

/// What has left the window leaves room for what comes into it.
void MulticastGuard::Window::advance(std::uint32_t to) {
    if (to - newest_ >= kWindow) {
        seen_.fill(0);
    } else {
        for (std::uint32_t next = newest_ + 1; next != to + 1; ++next) {
            word(next) &= ~bit(next);
        }
    }
    newest_ = to;
}

MulticastGuard::Verdict MulticastGuard::Window::see(std::uint32_t sequence) {
    const std::uint32_t ahead = sequence - newest_;
    const std::uint32_t behind = newest_ - sequence;
    if (std::min(ahead, behind) >= kFar) {
        seen_.fill(0);
        newest_ = sequence;
    } else if (ahead < behind) {
        advance(sequence);
    } else if (behind >= kWindow) {
        return Verdict::kTooOld;
    }
    if ((word(sequence) & bit(sequence)) != 0) {
        return Verdict::kDuplicate;
    }
    word(sequence) |= bit(sequence);
    return Verdict::kNew;
}

std::size_t MulticastGuard::origins() {
    const std::lock_guard lock(mutex_);
    return origins_.size();
}

MulticastGuard::Verdict MulticastGuard::see(routing::RouterId id,
                                            std::uint64_t incarnation,
                                            std::uint32_t sequence) {
    const std::lock_guard lock(mutex_);
    auto& entry = origins_[id];
    if (!entry.window) {
        entry = {incarnation, std::make_unique<Window>(sequence), nullptr};
        if (origins_.size() > kOriginsMax) {
            const auto any = origins_.begin();
            origins_.erase(any->first != id ? any : std::next(any));
        }
    } else if (entry.incarnation == 0) {
        entry.incarnation = incarnation;
    } else if (incarnation > entry.incarnation) {
        entry = {incarnation, std::make_unique<Window>(sequence), std::move(entry.window)};
    }
    if (entry.before && entry.before->has(sequence)) {
        return Verdict::kDuplicate;
    }
    return entry.window->see(sequence);
}

}  // namespace amqmesh::link
