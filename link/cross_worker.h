// Records between workers: what a delivery's two halves tell each other when they live on different
// threads. Back to back in one string per burst and worker, each aligned so that it is read where
// it stands; process-internal, host order.
#pragma once

#include "link/delivery.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace amqmesh::link {

enum class RecordKind : std::uint8_t {
    kOffer,     ///< origin -> sender of a copy: first payload and where to
    kContinue,  ///< origin -> sender: more payload, the end, or abort
    kProgress,  ///< sender -> origin: bytes have left memory
    kOutcome,   ///< sender -> origin: state, usually final
    kSettle,    ///< origin -> sender: the message's sender has settled (second mode)
    kReturn,    ///< sender -> origin: not sent, to be offered to somebody else; the payload
    kGiveUp,    ///< origin -> all: nobody is to get the copy any more (forwarder_left.cpp)
    kDemand,    ///< to all: an address has a free consumer, here or at another router
    kTable      ///< to all: the table of generation `since` is in force on worker `copy`
};

/// Copies of one payload cross to a worker once.
enum class PayloadShare : std::uint8_t {
    kNone,
    kFirst,  ///< has it, and is followed by those that have no other
    kSame    ///< the one of the last kFirst
};

struct Record {
    RecordKind kind = RecordKind::kOffer;
    bool more = false;
    bool aborted = false;
    bool settled = false;  // kOutcome: final; kReturn: its consumer has gone
    bool presettled = false;
    bool second_mode = false;
    bool multicast = false;
    bool choosy = false;  // kOffer: give it back if the consumer is busy by now
    bool apart = false;   // the payload does not follow, it is the next of CrossBatch::apart
    PayloadShare share = PayloadShare::kNone;
    Outcome outcome = Outcome::kNone;
    std::uint32_t copy = 0;
    std::uint32_t message_format = 0;
    std::uint32_t bytes = 0;         // kProgress; kOutcome: of a stream, those that are left
    std::uint32_t payload_size = 0;  // payload, or raw state of kOutcome, follows
    DeliveryId origin;
    Target target;
    ConnectionId arrival;
    Time since = 0;  // kOffer: when it began to wait; kTable: a generation
    MeshLabel label;
};

/// Sets the record's payload_size.
void append_record(std::string& batch, const Record& record, std::span<const std::byte> payload);

/// Takes the next record off `batch`, the whole of a string that append_record() filled or what is
/// left of it; both stay where they are. nullptr at its end.
const Record* take_record(std::string_view& batch, std::span<const std::byte>& payload);

}  // namespace amqmesh::link
