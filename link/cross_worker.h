// Records between workers: what a delivery's two halves tell each other when they live on different
// threads. Encoded back to back into one string per burst and worker; process-internal, host order.
#pragma once

#include "link/delivery.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace amqmesh::link {

enum class RecordKind : std::uint8_t {
    kOffer,     ///< origin -> sender of a copy: first payload and where to
    kContinue,  ///< origin -> sender: more payload, the end, or abort
    kProgress,  ///< sender -> origin: bytes have left memory
    kOutcome,   ///< sender -> origin: state, usually final
    kSettle     ///< origin -> sender: the message's sender has settled (second mode)
};

struct Record {
    RecordKind kind = RecordKind::kOffer;
    bool more = false;
    bool aborted = false;
    bool settled = false;  // kOutcome: final
    bool presettled = false;
    bool second_mode = false;
    bool multicast = false;
    Outcome outcome = Outcome::kNone;
    std::uint16_t copy = 0;
    std::uint32_t message_format = 0;
    std::uint32_t bytes = 0;         // kProgress
    std::uint32_t payload_size = 0;  // payload, or raw state of kOutcome, follows
    DeliveryId origin;
    Target target;
    ConnectionId arrival;
    MeshLabel label;
};

void append_record(std::string& batch, const Record& record, std::span<const std::byte> payload);

/// Takes the next record off `batch`; nothing at its end.
std::optional<Record> take_record(std::string_view& batch, std::span<const std::byte>& payload);

}  // namespace amqmesh::link
