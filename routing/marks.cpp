#include "routing/marks.h"

namespace amqmesh::routing {

const char* to_string(Mark mark) {
    constexpr std::array<const char*, kMarkCount> kNames = {"handshakeTimeout",
                                                            "silence",
                                                            "syncStall",
                                                            "startedOver",
                                                            "equalDigests",
                                                            "summary",
                                                            "heldBack",
                                                            "loopLag",
                                                            "refused",
                                                            "crossing",
                                                            "stale",
                                                            "deferred",
                                                            "ownEcho",
                                                            "ownIncarnation",
                                                            "originationBackoff",
                                                            "tombstone",
                                                            "gap",
                                                            "tableAgain",
                                                            "historyGone",
                                                            "buckets",
                                                            "manyParts",
                                                            "reissued",
                                                            "spfAvoided",
                                                            "spfLater",
                                                            "repair"};
    return kNames[static_cast<std::size_t>(mark)];
}

}  // namespace amqmesh::routing
