#include "tests/sim/forge.h"

#include "routing/codec.h"
#include "routing/hash.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace amqmesh::sim {

namespace {

// Never both at the end: from there on its owner has no number left that counts, and lies of that
// kind only end with the record's lifetime.
std::pair<std::uint64_t, std::uint64_t> absurd_number(std::uint64_t clock_ms, Random& random) {
    const std::uint64_t few = random.between(1, 10);
    switch (random.below(5)) {
        case 0:
            return {clock_ms, few};
        case 1:
            return {clock_ms + few, few};
        case 2:
            return {clock_ms + few, routing::kSequenceMax - random.below(2)};
        case 3:
            return {routing::kIncarnationMax - random.below(2), few};
        default:
            return {few, random.between(1, routing::kSequenceMax)};
    }
}

}  // namespace

std::string forged_link_state(const World& world, std::size_t receiver, Random& random) {
    const auto& routers = world.routers();
    const Router& victim = routers[random.chance(0.5) ? receiver : random.below(routers.size())];
    const auto [incarnation, sequence] = absurd_number(victim.clock_ms, random);
    routing::Lsp lsp = {
        .rid = victim.id,
        .incarnation = incarnation,
        .seq = sequence,
        .life = random.chance(0.5) ? victim.clock_ms : random.between(1, 2 * victim.clock_ms),
        .name = victim.name,
        .area = routing::Config().area};
    lsp.flags = static_cast<std::uint32_t>(random.below(8));
    for (std::uint64_t links = random.below(4); links > 0; --links) {
        const auto id = static_cast<std::uint32_t>(random.between(1, 100));
        const auto cost = static_cast<Cost>(random.between(1, 20));
        lsp.links.push_back({routers[random.below(routers.size())].id, cost, id, id});
    }
    std::ranges::sort(lsp.links, {}, [](const routing::LspLink& link) {
        return std::pair(link.peer, link.link_id);
    });
    std::string body = routing::encode_lsp(lsp);
    const std::uint64_t hash = routing::hash_bytes(body);
    routing::Flood flood;
    flood.lsps.push_back({std::move(body), 3'600'000, hash});
    return routing::encode(flood);
}

}  // namespace amqmesh::sim
