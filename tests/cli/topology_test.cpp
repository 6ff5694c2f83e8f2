#include "mgmt/cli/topology.h"

#include <gtest/gtest.h>

namespace amqmesh::cli {
namespace {

const std::vector<std::string> kColumns = {"id", "nextHop", "cost", "linkState"};

Rows router(const char* id, const char* mode = "interior") {
    return {{"id", "mode"}, {{Json(id), Json(mode)}}};
}

/// A ring A-B-C-D seen from A.
Rows ring() {
    return {kColumns,
            {{"D", "D", 1, Json::array({"A", "C"})},
             {"A", "(self)", 0, Json::array({"B", "D"})},
             {"C", "B", 2, Json::array({"B", "D"})},
             {"B", Json(), 1, Json::array({"A", "C"})}}};
}

TEST(Topology, KnowsNextHopsAndFirstLinks) {
    const Topology mesh = build_topology(router("A"), ring());
    ASSERT_EQ(mesh.nodes.size(), 4U);
    EXPECT_EQ(mesh.find("A")->next_hop, "");
    EXPECT_EQ(mesh.find("B")->next_hop, "B");  // no next hop told and a neighbour: itself
    EXPECT_EQ(mesh.find("C")->next_hop, "B");
    ASSERT_EQ(mesh.links.size(), 4U);
    EXPECT_EQ(mesh.links[0].a + mesh.links[0].b, "AB");
    EXPECT_TRUE(mesh.links[0].in_use);
    EXPECT_EQ(mesh.links[0].cost, 1);
    EXPECT_FALSE(mesh.links[2].in_use);  // B-C is on the way, but not a first hop
    EXPECT_EQ(mesh.links[2].cost, std::nullopt);
}

TEST(Topology, TakesCostsFromALinkStateThatHasThem) {
    Rows nodes = ring();
    nodes.columns.emplace_back("linkCosts");
    for (auto& row : nodes.rows) {
        row.push_back(row[0] == "C"   ? Json{{"B", 5}, {"D", 9}}
                      : row[0] == "B" ? Json{{"C", 7}}
                                      : Json());
    }
    const Topology mesh = build_topology(router("A"), nodes);
    const TopologyLink& b_c = mesh.links[2];
    EXPECT_EQ(b_c.a + b_c.b, "BC");
    EXPECT_EQ(b_c.cost, 7);  // the larger of what both ends say
}

TEST(Topology, ShowsALinkThatOnlyOneEndAdvertises) {
    Rows nodes = ring();
    nodes.rows[2][3] = Json::array({"B"});  // C no longer lists D
    const Topology mesh = build_topology(router("A"), nodes);
    EXPECT_FALSE(mesh.links[3].both_ways);
    EXPECT_NE(topology_text(mesh, 0, false).find("one way"), std::string::npos);
}

TEST(Topology, MarksAnUnreachableNode) {
    Rows nodes = ring();
    nodes.rows.push_back({"E", "(none)", Json(), Json::array({"F"})});
    const Topology mesh = build_topology(router("A"), nodes);
    EXPECT_FALSE(mesh.find("E")->reachable);
    EXPECT_NE(topology_text(mesh, 0, false).find("(unreachable)"), std::string::npos);
}

TEST(Topology, StandaloneHasNoMesh) {
    const Topology mesh = build_topology(router("S", "standalone"), {kColumns, {}});
    EXPECT_EQ(mesh.nodes.size(), 1U);
    EXPECT_EQ(topology_text(mesh, 0, false), "S is standalone: it has no mesh\n");
}

TEST(Topology, DotQuotesNames) {
    const Topology mesh = build_topology(router("a\"b\\c"), {kColumns, {}});
    EXPECT_NE(topology_dot(mesh).find("\"a\\\"b\\\\c\""), std::string::npos);
}

}  // namespace
}  // namespace amqmesh::cli
