#include "tests/fuzz/control_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    amqmesh::fuzz::feed_control(data, size);
    return 0;
}
