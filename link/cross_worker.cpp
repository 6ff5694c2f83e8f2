#include "link/cross_worker.h"

#include <cassert>
#include <cstring>
#include <type_traits>

namespace amqmesh::link {

static_assert(std::is_trivially_copyable_v<Record>);

void append_record(std::string& batch, const Record& record, std::span<const std::byte> payload) {
    assert(record.payload_size == payload.size());
    batch.append(reinterpret_cast<const char*>(&record), sizeof record);
    batch.append(reinterpret_cast<const char*>(payload.data()), payload.size());
}

std::optional<Record> take_record(std::string_view& batch, std::span<const std::byte>& payload) {
    if (batch.empty()) {
        return std::nullopt;
    }
    Record record;
    assert(batch.size() >= sizeof record);
    std::memcpy(&record, batch.data(), sizeof record);
    batch.remove_prefix(sizeof record);
    assert(batch.size() >= record.payload_size);
    payload = std::as_bytes(std::span(batch.data(), record.payload_size));
    batch.remove_prefix(record.payload_size);
    return record;
}

}  // namespace amqmesh::link
