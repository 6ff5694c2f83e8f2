#include "routing/own_addresses.h"

#include "routing/assert.h"
#include "routing/codec.h"

#include <algorithm>

namespace amqmesh::routing {

namespace {

constexpr Time kBatch = 10 * kMillisecond;
constexpr std::size_t kStepBytes = 60'000;

}  // namespace

bool OwnAddresses::on_change(Time now, const event::LocalAddress& change, const Limits& limits) {
    if (change.key.empty() || change.key.size() > limits.key_bytes) {
        return false;
    }
    const bool known = ids_.contains(change.key) || pending_.contains(change.key);
    if (change.present && !known && ids_.size() + pending_.size() >= limits.addresses_per_origin) {
        return false;
    }
    pending_[change.key] = {change.treatment, change.weight, change.present};
    if (!due_) {
        due_ = last_flush_ ? std::max(now, *last_flush_ + kBatch) : now;
    }
    return true;
}

std::uint32_t OwnAddresses::lowest_free_id() {
    if (free_ids_.empty()) {
        return next_id_++;
    }
    const std::uint32_t id = *free_ids_.begin();
    free_ids_.erase(free_ids_.begin());
    return id;
}

std::vector<AddressDelta> OwnAddresses::make_steps() {
    std::vector<AddressDelta> steps;
    std::vector<std::uint32_t> released;
    std::size_t bytes = kStepBytes;
    for (const auto& [key, wanted] : pending_) {
        const auto it = ids_.find(key);
        if (!wanted.present && it == ids_.end()) {
            continue;
        }
        if (bytes + key.size() > kStepBytes) {
            steps.emplace_back();
            bytes = 0;
        }
        AddressDelta& step = steps.back();
        if (wanted.present) {
            const std::uint32_t id =
                it == ids_.end() ? ids_.emplace(key, lowest_free_id()).first->second : it->second;
            step.add.push_back({id, key, wanted.treatment, wanted.weight});
            bytes += key.size() + 12;
        } else {
            step.del.push_back(it->second);
            released.push_back(it->second);
            ids_.erase(it);
            bytes += 5;
        }
    }
    pending_.clear();
    // An id is free again only for the next batch: one step never both frees and takes it.
    free_ids_.insert(released.begin(), released.end());
    return steps;
}

void OwnAddresses::flush(Time now,
                         RouterId rid,
                         std::uint64_t incarnation,
                         OriginAddresses& table) {
    due_.reset();
    last_flush_ = now;
    std::vector<AddressDiff> ignored;
    const Limits unlimited = {.addresses_per_origin = ~std::size_t{0} >> 1U};
    for (AddressDelta& step : make_steps()) {
        std::sort(step.add.begin(),
                  step.add.end(),
                  [](const AddressEntry& a, const AddressEntry& b) { return a.id < b.id; });
        step.rid = rid;
        step.incarnation = incarnation;
        step.base = table.seq();
        step.seq = table.seq() + 1;
        const auto content = table.content_after(step);
        AMQMESH_ASSERT(content.has_value());
        step.digest = *content;
        const auto applied = table.apply_step(step, encode_delta(step), unlimited, ignored);
        AMQMESH_ASSERT(applied == OriginAddresses::Applied::kDone);
    }
}

}  // namespace amqmesh::routing
