#include "tests/fuzz/config_fuzz.h"

#include <cstdint>

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    amqmesh::fuzz::feed_config(std::as_bytes(std::span(data, size)));
    return 0;
}
