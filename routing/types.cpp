#include "routing/types.h"

#include "routing/assert.h"
#include "routing/views.h"

#include <cstdio>
#include <cstdlib>

namespace amqmesh::routing {

std::string_view to_string(Treatment treatment) {
    switch (treatment) {
        case Treatment::kBalanced:
            return "balanced";
        case Treatment::kClosest:
            return "closest";
        case Treatment::kMulticast:
            return "multicast";
        case Treatment::kUnavailable:
            return "unavailable";
    }
    return "unavailable";
}

const char* to_string(AdjacencyState state) {
    switch (state) {
        case AdjacencyState::kDown:
            return "down";
        case AdjacencyState::kInit:
            return "init";
        case AdjacencyState::kTwoWay:
            return "two-way";
        case AdjacencyState::kSync:
            return "sync";
        case AdjacencyState::kFull:
            return "full";
    }
    return "down";
}

void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    std::abort();
}

}  // namespace amqmesh::routing
