#include "tests/fuzz/engine_fuzz.h"

#include <cstdint>

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    amqmesh::fuzz::feed_engine(std::as_bytes(std::span(data, size)));
    return 0;
}
