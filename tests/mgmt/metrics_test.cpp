#include "mgmt/metrics.h"

#include "tests/mgmt/fake_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace amqmesh::mgmt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

Row address(const std::string& key, std::uint64_t ingress) {
    Row row{type_of("router.address")};
    row.set("name", key).set("key", key).set("subscriberCount", 2U).set("remoteCount", 1U);
    row.set("deliveriesIngress", ingress).set("deliveriesEgress", 0U);
    row.set("deliveriesTransit", 0U);
    row.set("settleAges", List{ingress, 1U, 0U}).set("settleAgesSum", 1000U * ingress);
    return row;
}

FakeSource node() {
    FakeSource source;
    Row router{type_of("router")};
    router.set("id", "A").set("mode", "interior").set("version", "0.1");
    router.set("uptimeSeconds", 12U).set("acceptedDeliveries", std::uint64_t{1} << 40U);
    router.set("deliveriesIngress", 5U).set("nodeCount", 1U);
    router.set("settleAges", List{1U, 2U, 4U}).set("settleAgesSum", 5'000'000U);
    router.set("deliveriesDelayed1Sec", 3U).set("deliveriesStuck", 2U).set("linksBlocked", 1U);
    source.add(router);
    Row connection{type_of("connection")};
    connection.set("identity", "3").set("role", "inter-router").set("dir", "out");
    connection.set("container", "B").set("links", 4U).set("bytesIn", 1000U).set("bytesOut", 7U);
    source.add(connection);
    connection.set("role", "normal").set("dir", "in").set("container", "client");
    source.add(connection);
    source.add(connection);
    source.add(address("M0queue.\"a\"\n", 9));
    source.add(address("M0quiet", 1));
    source.add(address("L$management", 100));
    Row other{type_of("router.node")};
    other.set("id", "B").set("cost", 3U);
    source.add(other);
    Row self{type_of("router.node")};
    self.set("id", "A").set("cost", 0U).set("nextHop", "(self)");
    source.add(self);
    return source;
}

std::string scrape(FakeSource& source, const MetricsOptions& options = {}) {
    std::string text;
    gather_metrics(source, options, [&](std::string&& result) { text = std::move(result); });
    source.run();
    return text;
}

TEST(Metrics, ShowTheNode) {
    FakeSource source = node();
    const std::string text = scrape(source);
    EXPECT_THAT(text, HasSubstr("amqmesh_info{id=\"A\",mode=\"interior\",version=\"0.1\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE amqmesh_settled_deliveries_total counter\n"));
    EXPECT_THAT(
        text, HasSubstr("amqmesh_settled_deliveries_total{outcome=\"accepted\"} 1099511627776\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_deliveries_total{direction=\"ingress\"} 5\n"));
    EXPECT_THAT(text, Not(HasSubstr("outcome=\"rejected\""))) << "not counted is not zero";
    EXPECT_THAT(text, HasSubstr("amqmesh_connections{role=\"normal\",direction=\"in\"} 2\n"));
    EXPECT_THAT(
        text,
        HasSubstr("amqmesh_neighbour_received_bytes_total{router=\"B\",connection=\"3\"} 1000\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_route_cost{router=\"B\"} 3\n"));
    EXPECT_THAT(text, Not(HasSubstr("amqmesh_route_cost{router=\"A\"}")));
}

TEST(Metrics, EscapeLabels) {
    FakeSource source = node();
    EXPECT_THAT(scrape(source),
                HasSubstr("amqmesh_address_deliveries_total{address=\"queue.\\\"a\\\"\\n\","
                          "direction=\"ingress\"} 9\n"));
}

TEST(Metrics, TextsThatAreNoUtf8StayDifferent) {
    FakeSource source;
    for (const char* key : {"M0a\xff", "M0a\xfe", "M0a\xef\xbf\xbd", "M0a\\xff", "M0a\\b"}) {
        source.add(address(key, 1));
    }
    const std::string text = scrape(source);
    // The text format doubles backslashes.
    for (const char* label : {"a\\\\xff", "a\\\\xfe", "a\xef\xbf\xbd", "a\\\\x5cxff", "a\\\\b"}) {
        EXPECT_THAT(text,
                    HasSubstr("amqmesh_address_consumers{address=\"" + std::string{label} +
                              "\",place=\"local\"} 2\n"));
    }
}

TEST(Metrics, ListOnlyTheBusiestAddresses) {
    FakeSource source = node();
    const std::string text = scrape(source, {.addresses_max = 1});
    EXPECT_THAT(text, HasSubstr("address=\"queue."));
    EXPECT_THAT(text, Not(HasSubstr("address=\"quiet\"")));
    EXPECT_THAT(text, HasSubstr("amqmesh_addresses_without_series 2\n"));
}

TEST(Metrics, AgesAreHistogramsInSeconds) {
    FakeSource source = node();
    const std::string text = scrape(source, {.histograms_max = 1});
    EXPECT_THAT(text, HasSubstr("# TYPE amqmesh_settle_seconds histogram\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_settle_seconds_bucket{le=\"6.4e-05\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_settle_seconds_bucket{le=\"0.000128\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_settle_seconds_bucket{le=\"+Inf\"} 7\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_settle_seconds_count 7\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_settle_seconds_sum 5\n"));
    EXPECT_THAT(text, HasSubstr("address=\"queue.\\\"a\\\"\\n\",le=\"0.000256\"} 10\n"));
    EXPECT_THAT(text, Not(HasSubstr("amqmesh_address_settle_seconds_count{address=\"quiet\"}")));
}

TEST(Metrics, TroubleHasNumbers) {
    FakeSource source = node();
    const std::string text = scrape(source);
    EXPECT_THAT(text, HasSubstr("amqmesh_delayed_deliveries_total{longer_than=\"1s\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_stuck_deliveries 2\n"));
    EXPECT_THAT(text, HasSubstr("amqmesh_blocked_links 1\n"));
}

TEST(Metrics, ComeWhenTheNodeAnswersLater) {
    FakeSource source = node();
    source.later = true;
    EXPECT_THAT(scrape(source), HasSubstr("amqmesh_info"));
}

TEST(Metrics, OfAnEmptyNode) {
    FakeSource source;
    EXPECT_EQ(scrape(source),
              "# HELP amqmesh_addresses_without_series Addresses that have no series of their own "
              "here.\n# TYPE amqmesh_addresses_without_series gauge\n"
              "amqmesh_addresses_without_series 0\n");
}

}  // namespace
}  // namespace amqmesh::mgmt::test
