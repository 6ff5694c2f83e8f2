#include "tests/fuzz/mgmt_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    amqmesh::fuzz::feed_mgmt(data, size);
    return 0;
}
