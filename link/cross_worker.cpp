#include "link/cross_worker.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace amqmesh::link {

static_assert(std::is_trivially_copyable_v<Record>);
// A string that holds a record is on the heap, and what is there is aligned.
static_assert(alignof(Record) <= alignof(std::max_align_t) && sizeof(Record) > sizeof(std::string));

void append_record(std::string& batch, const Record& record, std::span<const std::byte> payload) {
    const auto at = batch.size();
    assert(at % alignof(Record) == 0);
    batch.append(reinterpret_cast<const char*>(&record), sizeof record);
    batch.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    batch.append((alignof(Record) - payload.size() % alignof(Record)) % alignof(Record), '\0');
    reinterpret_cast<Record*>(batch.data() + at)->payload_size =
        static_cast<std::uint32_t>(payload.size());
}

const Record* take_record(std::string_view& batch, std::span<const std::byte>& payload) {
    if (batch.empty()) {
        return nullptr;
    }
    assert(batch.size() >= sizeof(Record));
    assert(reinterpret_cast<std::uintptr_t>(batch.data()) % alignof(Record) == 0);
    const auto* record = reinterpret_cast<const Record*>(batch.data());
    batch.remove_prefix(sizeof(Record));
    assert(batch.size() >= record->payload_size);
    payload = std::as_bytes(std::span(batch.data(), record->payload_size));
    const auto padded =
        (record->payload_size + alignof(Record) - 1) / alignof(Record) * alignof(Record);
    batch.remove_prefix(padded);
    return record;
}

}  // namespace amqmesh::link
