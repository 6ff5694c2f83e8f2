#include "routing/flood_queue.h"

namespace amqmesh::routing {

FloodQueue::PerOrigin& FloodQueue::at(Slot slot) {
    if (slot >= origins_.size()) {
        origins_.resize(slot + std::size_t{1});
    }
    return origins_[slot];
}

void FloodQueue::owe_lsp(Slot slot, bool urgent) {
    PerOrigin& origin = at(slot);
    if (!origin.lsp_owed) {
        origin.lsp_owed = true;
        ++owed_;
    }
    if (urgent && !origin.in_urgent) {
        origin.in_urgent = true;
        urgent_.push(slot);
    } else if (!urgent && !origin.in_urgent && !origin.in_normal) {
        origin.in_normal = true;
        normal_.push(slot);
    }
}

void FloodQueue::lsp_known(Slot slot, std::uint64_t stamp) {
    PerOrigin& origin = at(slot);
    origin.sent_stamp = stamp;
    if (origin.lsp_owed) {
        origin.lsp_owed = false;
        --owed_;
    }
}

bool FloodQueue::knows_lsp(Slot slot, std::uint64_t stamp) const {
    return slot < origins_.size() && origins_[slot].sent_stamp == stamp;
}

bool FloodQueue::owes_lsp(Slot slot) const {
    return slot < origins_.size() && origins_[slot].lsp_owed;
}

std::optional<FloodQueue::Slot> FloodQueue::pop_lsp() {
    for (SlotFifo* queue : {&urgent_, &normal_}) {
        while (const auto slot = queue->pop()) {
            PerOrigin& origin = origins_[*slot];
            (queue == &urgent_ ? origin.in_urgent : origin.in_normal) = false;
            if (origin.lsp_owed) {
                origin.lsp_owed = false;
                --owed_;
                return slot;
            }
        }
    }
    return std::nullopt;
}

void FloodQueue::owe_addresses(Slot slot) {
    PerOrigin& origin = at(slot);
    if (!origin.addresses_owed) {
        origin.addresses_owed = true;
        ++owed_;
    }
    if (!origin.in_addresses) {
        origin.in_addresses = true;
        addresses_.push(slot);
    }
}

std::optional<FloodQueue::Slot> FloodQueue::pop_addresses() {
    while (const auto slot = addresses_.pop()) {
        PerOrigin& origin = origins_[*slot];
        origin.in_addresses = false;
        if (origin.addresses_owed) {
            origin.addresses_owed = false;
            --owed_;
            return slot;
        }
    }
    return std::nullopt;
}

std::uint64_t FloodQueue::addresses_known(Slot slot) const {
    return slot < origins_.size() ? origins_[slot].addresses_known : 0;
}

void FloodQueue::set_addresses_known(Slot slot, std::uint64_t seq) {
    at(slot).addresses_known = seq;
}

void FloodQueue::forget(Slot slot) {
    lsp_known(slot, 0);
    forget_addresses(slot);
}

void FloodQueue::forget_addresses(Slot slot) {
    PerOrigin& origin = at(slot);
    origin.addresses_known = 0;
    if (origin.addresses_owed) {
        origin.addresses_owed = false;
        --owed_;
    }
}

}  // namespace amqmesh::routing
