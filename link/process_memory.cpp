// glibc has an arena per thread. malloc_trim() gives back the free pages of all of them, but for
// the upper end ("top") of those that are not the main thread's. Of those only free() cuts it, for
// its own thread's, when it is given a large block and the top exceeds M_TRIM_THRESHOLD: so that is
// high as long as the node works, and low for a moment when memory is to go back.
#include "link/process_memory.h"

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

#include <cstddef>
#include <memory>

namespace amqmesh::link {

#ifdef __GLIBC__

namespace {

constexpr int kTopKept = 1 << 20;     // per thread, while the node works
constexpr int kMappedFrom = 4 << 20;  // blocks that come from the system and go back one by one
// What free() takes for a large block (FASTBIN_CONSOLIDATION_THRESHOLD), and a little more.
constexpr std::size_t kLargeBlock = std::size_t{96} << 10U;

}  // namespace

void keep_freed_memory() {
    // Either of these ends the allocator's adapting of its thresholds to what it sees.
    ::mallopt(M_MMAP_THRESHOLD, kMappedFrom);
    ::mallopt(M_TRIM_THRESHOLD, kTopKept);
}

void give_memory_back() {
    ::mallopt(M_TRIM_THRESHOLD, 0);
    {
        // NOLINTNEXTLINE(modernize-avoid-c-arrays): a block of bytes
        const auto block = std::make_unique_for_overwrite<std::byte[]>(kLargeBlock);
        // Looked at, or the compiler may leave out the block and the freeing of it.
        *static_cast<volatile std::byte*>(block.get()) = std::byte{};
    }
    ::malloc_trim(0);
    ::mallopt(M_TRIM_THRESHOLD, kTopKept);
}

#else

void keep_freed_memory() {}

void give_memory_back() {}

#endif

}  // namespace amqmesh::link
