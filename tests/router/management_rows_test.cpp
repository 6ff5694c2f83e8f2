// Rows that are put together from what workers, the routing core and the log know.
#include "router/management_rows.h"

#include "router/log.h"
#include "routing/address_key.h"
#include "routing/node.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace amqmesh::router {
namespace {

using routing::router_id;

routing::LinkStateView router_of(const std::string& name, bool reachable = true) {
    routing::LinkStateView view;
    view.router = router_id(name);
    view.name = name;
    view.reachable = reachable;
    return view;
}

/// A, B, lost, C: B is the node itself.
routing::NodeView mesh() {
    routing::NodeView view;
    view.id = router_id("B");
    view.name = "B";
    view.routers = {
        router_of("A"), router_of("B", false), router_of("lost", false), router_of("C")};
    return view;
}

mgmt::Value list(std::initializer_list<std::uint64_t> numbers) {
    return mgmt::List(numbers.begin(), numbers.end());
}

Snapshots::Parts parts_with(link::PlaneSnapshot&& snapshot) {
    Snapshots::Parts parts;
    parts.push_back(std::make_unique<link::PlaneSnapshot>(std::move(snapshot)));
    return parts;
}

TEST(ManagementRows, IngressHistogramIsByTheIndexOfRouters) {
    link::LinkRow to_client;
    to_client.type = "endpoint";
    to_client.deliveries = 12;
    to_client.origins = {{router_id("C"), 4}, {router_id("lost"), 1}};
    link::LinkRow quiet = to_client;
    quiet.origins.clear();
    quiet.deliveries = 3;
    link::LinkRow from_client = to_client;
    from_client.incoming = true;
    link::PlaneSnapshot snapshot;
    snapshot.links = {to_client, quiet, from_client};
    const auto parts = parts_with(std::move(snapshot));
    const auto rows = link_rows(parts, RouterNumbers{mesh()}, {});
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0].at("ingressHistogram"), list({0, 7, 4})) << "A, B itself, C";
    EXPECT_EQ(rows[1].at("ingressHistogram"), list({0, 3})) << "no zeros at the end";
    EXPECT_TRUE(rows[2].at("ingressHistogram").is_null());
    EXPECT_TRUE(link_rows(parts, {}, {})[0].at("ingressHistogram").is_null()) << "standalone";
    // The same numbers as in router.node.
    routing::ForwardingTableBuilder builder(router_id("B"), "B");
    routing::TableChange change;
    const auto nodes = node_rows(mesh(), *builder.publish(change), {});
    ASSERT_EQ(nodes.size(), 3U);
    EXPECT_EQ(nodes[2].text("id"), "C");
    EXPECT_EQ(nodes[2].integer("index"), 2);
}

TEST(ManagementRows, TransitOutstandingAddsUpWorkers) {
    routing::ForwardingTableBuilder builder(router_id("B"), "B");
    builder.add_consumer("M0balanced", routing::Treatment::kBalanced, {});
    builder.add_consumer("M0closest", routing::Treatment::kClosest, {});
    builder.add_consumer("M0quiet", routing::Treatment::kBalanced, {});
    routing::TableChange change;
    const auto table = builder.publish(change);
    const auto hash = routing::hash_key("M0balanced");
    link::PlaneSnapshot one;
    one.towards = {{hash, router_id("C"), 5}};
    link::PlaneSnapshot two;
    two.towards = {{hash, router_id("C"), 2}, {hash, router_id("A"), 1}};
    Snapshots::Parts parts = parts_with(std::move(one));
    parts.push_back(std::make_unique<link::PlaneSnapshot>(std::move(two)));
    std::map<std::string, mgmt::Value> shown;
    const AddressesTaken taken{parts, RouterNumbers{mesh()}, table};
    for (const mgmt::Row& row : taken.rows({})) {
        shown.emplace(row.text("key"), row.at("transitOutstanding"));
    }
    EXPECT_EQ(shown.at("M0balanced"), list({1, 0, 7}));
    EXPECT_EQ(shown.at("M0quiet"), list({}));
    EXPECT_TRUE(shown.at("M0closest").is_null());
}

TEST(ManagementRows, LogStatsCountLines) {
    const auto count = [](const std::string& module, const std::string& attribute) {
        for (const mgmt::Row& row : log_stats_rows()) {
            if (row.text("identity") == "logStats/" + module) {
                return row.integer(attribute);
            }
        }
        return std::int64_t{-1};
    };
    const auto before = count("CONN_MGR", "warningCount");
    log::write(log::Module::kConnMgr, log::Level::kWarning, "TEST", "one");
    log::write(log::Module::kConnMgr, log::Level::kWarning, "TEST", "two");
    log::write(log::Module::kConnMgr, log::Level::kError, "TEST", "another level");
    EXPECT_EQ(count("CONN_MGR", "warningCount"), before + 2);
    EXPECT_EQ(log_stats_rows().size(), log::kModules);
}

}  // namespace
}  // namespace amqmesh::router
