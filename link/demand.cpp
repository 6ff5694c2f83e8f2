#include "link/demand.h"

#include <algorithm>

namespace amqmesh::link {

DemandBook::~DemandBook() {
    for (const auto& [address, entry] : entries_) {
        interest_.remove(address);
    }
}

DemandBook::Entry* DemandBook::find(routing::AddressHash address) {
    const auto found = entries_.find(address);
    return found == entries_.end() ? nullptr : &found->second;
}

DemandBook::Entry& DemandBook::make(routing::AddressHash address) {
    const auto [place, fresh] = entries_.try_emplace(address);
    if (fresh) {
        interest_.add(address);
    }
    return place->second;
}

void DemandBook::drop_if_idle(routing::AddressHash address) {
    const auto found = entries_.find(address);
    if (found != entries_.end() && found->second.queue.size == 0 && found->second.waiters.empty()) {
        entries_.erase(found);
        interest_.remove(address);
    }
}

bool DemandBook::queued(routing::AddressHash address) {
    const auto* entry = entries_.empty() ? nullptr : find(address);
    return entry != nullptr && entry->queue.size != 0;
}

void DemandBook::remember(routing::AddressHash address, routing::RouterId router, Time now) {
    if (entries_.size() >= kAddressesMax && !entries_.contains(address)) {
        return;  // it will probe
    }
    auto& waiters = make(address).waiters;
    const auto until = now + kRemember;
    const auto known = std::ranges::find(waiters, router, &Waiter::router);
    if (known != waiters.end()) {
        known->until = until;
    } else if (waiters.size() < kRoutersMax) {
        waiters.push_back({router, until});
    }
}

void DemandBook::refresh(routing::AddressHash address, routing::RouterId router, Time now) {
    if (auto* entry = entries_.empty() ? nullptr : find(address)) {
        const auto known = std::ranges::find(entry->waiters, router, &Waiter::router);
        if (known != entry->waiters.end()) {
            known->until = now + kRemember;
            entry->reserved -= entry->reserved > 0 ? 1U : 0U;
        }
    }
}

void DemandBook::forget(routing::AddressHash address, routing::RouterId router) {
    if (auto* entry = find(address)) {
        std::erase_if(entry->waiters,
                      [router](const Waiter& waiter) { return waiter.router == router; });
        entry->reserved = 0;
        drop_if_idle(address);
    }
}

void DemandBook::told(routing::AddressHash address,
                      routing::RouterId router,
                      std::uint32_t free,
                      Time now) {
    if (answers_.size() >= kAnswersMax) {
        answers_.clear();  // everybody is asked again
    }
    auto& answer = answers_[key(address, router)];
    answer = {free, free == 0 ? 1 : answer.step, now};
}

bool DemandBook::busy(routing::AddressHash address, routing::RouterId router, Time now) const {
    if (answers_.empty()) {
        return false;
    }
    const auto found = answers_.find(key(address, router));
    return found != answers_.end() && found->second.free == 0 && now < found->second.at + kTrust;
}

bool DemandBook::took(routing::AddressHash address, routing::RouterId router, Time now) {
    if (answers_.empty()) {
        return false;
    }
    const auto found = answers_.find(key(address, router));
    if (found == answers_.end()) {
        return false;
    }
    auto& answer = found->second;
    answer.free += answer.step;
    answer.step *= 2;
    answer.at = now;
    if (answer.step > kStepMax) {
        answers_.erase(found);
    }
    return true;
}

void DemandBook::sent(routing::AddressHash address, routing::RouterId router, Time now) {
    if (answers_.empty()) {
        return;
    }
    const auto found = answers_.find(key(address, router));
    if (found == answers_.end()) {
        return;
    }
    if (found->second.free > 0) {
        --found->second.free;
    }
    found->second.at = now;
}

std::vector<routing::AddressHash> DemandBook::tidy(Time now) {
    std::erase_if(answers_,
                  [now](const auto& each) { return each.second.at + 2 * kRemember < now; });
    std::vector<routing::AddressHash> queued;
    std::vector<routing::AddressHash> idle;
    for (auto& [address, entry] : entries_) {
        std::erase_if(entry.waiters, [now](const Waiter& each) { return each.until <= now; });
        if (entry.queue.size != 0) {
            queued.push_back(address);
        } else if (entry.waiters.empty()) {
            idle.push_back(address);
        }
    }
    for (const auto address : idle) {
        drop_if_idle(address);
    }
    return queued;
}

}  // namespace amqmesh::link
