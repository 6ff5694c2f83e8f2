#include "link/link_credit.h"

#include "link/assert.h"
#include "link/serial.h"

#include <algorithm>

namespace amqmesh::link {

void ReceiverCredit::start(std::uint32_t delivery_count) {
    AMQMESH_DEBUG_ASSERT(!started_);
    started_ = true;
    limit_ += delivery_count;
    limit_told_ += delivery_count;
    delivery_count_ = delivery_count;
}

void ReceiverCredit::set(std::uint32_t credit, bool drain) {
    // Half of the serial space is the most that can be compared.
    limit_ = delivery_count_ + std::min(credit, 0x7fffffffU);
    if (serial_less(limit_told_, limit_)) {
        limit_told_ = limit_;
    }
    drain_ = drain;
}

bool ReceiverCredit::receive_delivery() {
    if (!serial_less(delivery_count_, limit_told_)) {
        return false;
    }
    ++delivery_count_;
    if (serial_less(limit_, delivery_count_)) {
        limit_ = delivery_count_;  // sent before the peer saw its credit taken back
    }
    return true;
}

bool ReceiverCredit::receive_flow(std::uint32_t delivery_count) {
    // Only forward, and not beyond what was granted: anything else is the peer's mistake.
    if (serial_less(delivery_count_, delivery_count)) {
        delivery_count_ = serial_less(limit_told_, delivery_count) ? limit_told_ : delivery_count;
        if (serial_less(limit_, delivery_count_)) {
            limit_ = delivery_count_;
        }
    }
    return take_drained();
}

bool ReceiverCredit::take_drained() {
    if (!drain_ || credit() > 0) {
        return false;
    }
    drain_ = false;
    return true;
}

std::uint32_t ReceiverCredit::credit() const {
    return limit_ - delivery_count_;
}

std::optional<std::uint32_t> ReceiverCredit::delivery_count() const {
    return started_ ? std::optional(delivery_count_) : std::nullopt;
}

bool SenderCredit::receive_flow(std::optional<std::uint32_t> delivery_count,
                                std::uint32_t link_credit,
                                bool drain) {
    // link-credit_snd := delivery-count_rcv + link-credit_rcv - delivery-count_snd; a receiver that
    // has not seen our attach counts from the initial delivery-count, 0.
    const std::int32_t sent = serial_distance(delivery_count.value_or(0), delivery_count_);
    const std::uint32_t used = static_cast<std::uint32_t>(std::max(sent, 0));
    const std::uint32_t credit = link_credit > used ? link_credit - used : 0;
    const bool changed = credit != credit_ || drain != drain_ || drain;
    credit_ = credit;
    drain_ = drain;
    return changed;
}

void SenderCredit::send_delivery() {
    AMQMESH_DEBUG_ASSERT(credit_ > 0);
    --credit_;
    ++delivery_count_;
}

bool SenderCredit::drained() {
    if (!drain_) {
        return false;
    }
    delivery_count_ += credit_;
    credit_ = 0;
    return true;
}

}  // namespace amqmesh::link
