#include "link/delivery_map.h"

#include "link/assert.h"
#include "link/serial.h"

namespace amqmesh::link {

DeliveryEntry* DeliveryMap::find_sparse(std::uint32_t id) {
    if (sparse_.empty()) {
        return nullptr;
    }
    const auto found = sparse_.find(id);
    return found == sparse_.end() ? nullptr : &found->second;
}

bool DeliveryMap::erase_sparse(std::uint32_t id) {
    return !sparse_.empty() && sparse_.erase(id) > 0;
}

bool DeliveryMap::insert_anywhere(const DeliveryEntry& entry) {
    if (find(entry.id) != nullptr) {
        return false;
    }
    if (!make_room(entry.id)) {
        sparse_.emplace(entry.id, entry);
        return true;
    }
    slot(entry.id) = entry;
    ++ring_count_;
    return true;
}

bool DeliveryMap::make_room(std::uint32_t id) {
    if (ring_.empty()) {
        ring_.resize(kRingMin);
        mask_ = kRingMin - 1;
    }
    if (ring_count_ == 0) {
        low_ = id;
        high_ = id + 1;
        return true;
    }
    if (serial_less(id, low_)) {  // older than all: rare, never worth moving others
        if (high_ - id > ring_.size()) {
            return false;
        }
        low_ = id;
        return true;
    }
    while (ring_count_ > 0 && id - low_ >= ring_.size()) {
        if (ring_count_ * 2 > ring_.size()) {
            grow();
        } else {
            evict_oldest();
        }
    }
    if (ring_count_ == 0) {
        low_ = id;
        high_ = id + 1;
    } else if (!serial_less(id, high_)) {
        high_ = id + 1;
    }
    return true;
}

void DeliveryMap::grow() {
    std::vector<DeliveryEntry> larger(ring_.size() * 2);
    const auto mask = static_cast<std::uint32_t>(larger.size() - 1);
    for (const DeliveryEntry& entry : ring_) {
        if (entry.link != DeliveryEntry::kNoLink) {
            larger[entry.id & mask] = entry;
        }
    }
    ring_ = std::move(larger);
    mask_ = mask;
}

void DeliveryMap::evict_oldest() {
    DeliveryEntry& oldest = slot(low_);
    AMQMESH_DEBUG_ASSERT(oldest.link != DeliveryEntry::kNoLink && oldest.id == low_);
    sparse_.emplace(oldest.id, oldest);
    oldest.link = DeliveryEntry::kNoLink;
    --ring_count_;
    skip_unused();
}

std::vector<std::uint32_t> DeliveryMap::collect(std::uint32_t first, std::uint32_t last) const {
    std::vector<std::uint32_t> ids;
    const std::uint32_t span = last - first;
    if (ring_count_ > 0) {
        if (span < high_ - low_) {
            for (std::uint32_t i = 0; i <= span; ++i) {
                if (in_ring(first + i)) {
                    ids.push_back(first + i);
                }
            }
        } else {
            for (std::uint32_t id = low_; id != high_; ++id) {
                if (id - first <= span && in_ring(id)) {
                    ids.push_back(id);
                }
            }
        }
    }
    for (auto at = sparse_.lower_bound(first); at != sparse_.end() && at->first - first <= span;
         ++at) {
        ids.push_back(at->first);
    }
    if (last < first) {
        for (auto at = sparse_.begin(); at != sparse_.end() && at->first <= last; ++at) {
            ids.push_back(at->first);
        }
    }
    return ids;
}

std::size_t DeliveryMap::erase_link(std::uint32_t link) {
    std::size_t erased = 0;
    if (ring_count_ > 0) {
        for (std::uint32_t id = low_; id != high_; ++id) {
            DeliveryEntry& entry = slot(id);
            if (entry.link == link && entry.id == id) {
                entry.link = DeliveryEntry::kNoLink;
                --ring_count_;
                ++erased;
            }
        }
        skip_unused();
    }
    for (auto at = sparse_.begin(); at != sparse_.end();) {
        if (at->second.link == link) {
            at = sparse_.erase(at);
            ++erased;
        } else {
            ++at;
        }
    }
    return erased;
}

}  // namespace amqmesh::link
