// Decoded control messages. The codec (routing/codec.h) makes them from bytes and checks every
// bound, so whoever gets one of these may rely on the ranges named here.
#pragma once

#include "routing/types.h"
#include "routing/views.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace amqmesh::routing {

inline constexpr std::uint32_t kWireVersionMin = 1;
inline constexpr std::uint32_t kWireVersionMax = 1;

namespace lsp_flag {
inline constexpr std::uint32_t kNoTransit = 1;  ///< reached, but never crossed
inline constexpr std::uint32_t kDraining = 2;   ///< its addresses count as weight 0
inline constexpr std::uint32_t kStarting = 4;   ///< has not synchronised with anybody yet
inline constexpr std::uint32_t kPurge = 8;      ///< last words of a router that ends
}  // namespace lsp_flag

struct Hello {
    RouterId rid = 0;
    std::string name;
    std::uint64_t life = 0;
    RouterId peer_rid = 0;
    std::uint64_t peer_life = 0;
    std::uint32_t min_version = 0;
    std::uint32_t max_version = 0;
    std::string area;
    std::uint32_t link_id = 0;
    std::uint32_t peer_link_id = 0;
    Cost cost = 1;
    std::uint32_t heartbeat_ms = 0;
    std::uint32_t detect_mult = 0;
    AdjacencyState state = AdjacencyState::kDown;
    std::uint64_t lsdb_digest = 0;
    std::uint64_t addr_digest = 0;
    std::uint32_t lsp_count = 0;
    bool owing = false;
};

struct LspLink {
    RouterId peer = 0;
    Cost cost = 1;
    std::uint32_t link_id = 0;
    std::uint32_t peer_link_id = 0;

    bool operator==(const LspLink&) const = default;
};

struct Lsp {
    RouterId rid = 0;
    std::uint64_t incarnation = 0;
    std::uint64_t seq = 0;
    std::uint64_t life = 0;
    std::string name;
    std::string area;
    std::uint32_t flags = 0;
    std::vector<LspLink> links = {};  ///< ascending by (peer, link_id), each link_id once

    [[nodiscard]] bool has(std::uint32_t flag) const { return (flags & flag) != 0; }
};

struct AddressEntry {
    std::uint32_t id = 0;
    std::string key;
    Treatment treatment = Treatment::kBalanced;
    std::uint32_t weight = 1;
};

struct AddressDelta {
    RouterId rid = 0;
    std::uint64_t incarnation = 0;
    std::uint64_t base = 0;
    std::uint64_t seq = 0;
    std::vector<AddressEntry> add = {};  ///< ascending by id, each id once
    std::vector<std::uint32_t> del = {};
    bool reset = false;
    std::uint32_t part = 0;
    std::uint32_t parts = 1;
    std::uint64_t digest = 0;
    std::vector<std::uint32_t> buckets = {};
};

struct FloodedLsp {
    std::string body;
    std::uint32_t lifetime_ms = 0;
    std::uint64_t hash = 0;
};

struct FloodedDelta {
    std::string body;
    std::uint64_t hash = 0;
};

struct Flood {
    std::vector<FloodedLsp> lsps = {};
    std::vector<FloodedDelta> deltas = {};
};

struct OriginSummary {
    RouterId rid = 0;
    std::uint64_t incarnation = 0;
    std::uint64_t seq = 0;
    std::uint64_t addr_seq = 0;
    std::uint64_t addr_digest = 0;
    std::uint64_t hash = 0;
};

struct BucketDigest {
    std::uint32_t index = 0;
    std::uint64_t digest = 0;
};

struct Summary {
    std::vector<OriginSummary> origins = {};
    bool first = false;
    bool complete = false;
    bool repair = false;
    RouterId bucket_rid = 0;  ///< not 0: bucket digests of this origin, instead of origins
    std::vector<BucketDigest> buckets = {};
};

struct Request {
    std::vector<OriginSummary> have = {};
    RouterId bucket_rid = 0;
    std::vector<std::uint32_t> buckets = {};
    bool table = false;  ///< the whole address table is wanted, whatever `have` says
};

enum class Reason : std::uint8_t {
    kShutdown = 0,
    kDrained = 1,
    kVersion = 2,
    kArea = 3,
    kDuplicateId = 4,
    kMalformed = 5,
    kOverLimit = 6
};

struct Goodbye {
    Reason reason = Reason::kShutdown;
    std::uint32_t retry_after_ms = 0;
};

/// monostate: a kind of message that this version does not know; ignored.
using Message = std::variant<std::monostate, Hello, Flood, Summary, Request, Goodbye>;

}  // namespace amqmesh::routing
