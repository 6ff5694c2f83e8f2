#include "mgmt/cli/why.h"

#include "mgmt/cli/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace amqmesh::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct LinkShape {
    const char* identity = "1.0.in";
    const char* direction = "in";
    const char* connection = "1";
    int credit = 0;
    int undelivered = 0;
    int unsettled = 0;
    int stuck = 0;
    int zero_credit_s = 0;
    const char* type = "endpoint";
    const char* address = "M0q";
};

NodeTables node(const char* id) {
    NodeTables tables;
    tables.id = id;
    tables.addresses.columns = why_address_columns();
    tables.links.columns = why_link_columns();
    tables.connections.columns = why_connection_columns();
    tables.connections.rows = {{"1", "producer", "h:1"}, {"2", "worker", "h:2"}, {"3", "B", "h:3"}};
    return tables;
}

void add_address(NodeTables& to, int here, const Json& routers) {
    to.addresses.rows.push_back({"M0q", here, routers.size(), 0, routers, "balanced"});
}

void add_link(NodeTables& to, const LinkShape& link) {
    to.links.rows.push_back({link.identity,
                             link.type,
                             link.direction,
                             link.address,
                             link.connection,
                             250,
                             link.credit,
                             link.undelivered,
                             link.unsettled,
                             link.stuck,
                             link.zero_credit_s});
}

std::vector<std::string> waiting(const std::vector<Finding>& findings) {
    std::vector<std::string> texts;
    for (const Finding& finding : findings) {
        if (finding.waits) {
            texts.push_back(finding.text);
        }
    }
    return texts;
}

TEST(Why, NobodyConsumes) {
    NodeTables a = node("A");
    add_link(a, {.zero_credit_s = 75});
    EXPECT_THAT(waiting(why_address("M0q", {a})),
                ElementsAre("sender producer (connection 1) has no credit for 1m 15s: nobody "
                            "consumes the address",
                            HasSubstr("no consumer of q anywhere in the mesh")));
}

TEST(Why, TheConsumerGivesNoCredit) {
    NodeTables a = node("A");
    add_address(a, 1, Json::array());
    add_link(a, {.credit = 100, .unsettled = 3});
    add_link(a,
             {.identity = "2.0.out",
              .direction = "out",
              .connection = "2",
              .undelivered = 3,
              .zero_credit_s = 12});
    EXPECT_THAT(waiting(why_address("M0q", {a})),
                ElementsAre("consumer worker (connection 2) gives no credit for 12s: 3 messages "
                            "waiting for it"));
}

TEST(Why, TheConsumerDoesNotSettleAndTheSenderHasUsedItsWindow) {
    NodeTables a = node("A");
    add_address(a, 1, Json::array());
    add_link(a, {.unsettled = 250, .stuck = 250});
    add_link(a,
             {.identity = "2.0.out",
              .direction = "out",
              .connection = "2",
              .credit = 50,
              .unsettled = 250,
              .stuck = 250});
    EXPECT_THAT(
        waiting(why_address("M0q", {a})),
        ElementsAre("250 messages of sender producer (connection 1) unsettled for more than 10 s",
                    HasSubstr("has used its window: all 250"),
                    HasSubstr("at consumer worker (connection 2) unsettled for more than 10 s"),
                    "250 messages sent to consumer worker (connection 2) and not settled by it"));
}

TEST(Why, ABlockedNeighbourIsInTheWayOfRemoteConsumersOnly) {
    NodeTables a = node("A");
    add_address(a, 0, Json::array({"B"}));
    add_link(a, {.credit = 10});
    add_link(a,
             {.identity = "3.1.out",
              .direction = "out",
              .connection = "3",
              .undelivered = 7,
              .unsettled = 9,
              .zero_credit_s = 4,
              .type = "inter-router",
              .address = ""});
    NodeTables b = node("B");
    add_address(b, 1, Json::array());
    add_link(b, {.identity = "2.0.out", .direction = "out", .connection = "2", .credit = 5});
    const std::vector<Finding> findings = why_address("M0q", {a, b});
    EXPECT_THAT(waiting(findings),
                ElementsAre("neighbour B (connection 3) is blocked for 4s: 7 messages of all "
                            "addresses waiting for it"));
    EXPECT_THAT(findings_text(findings), HasSubstr("- A: consumers at another router: B"));
    EXPECT_THAT(findings_text(findings),
                HasSubstr("- B: consumer worker (connection 2) takes messages: credit 5"));
    EXPECT_EQ(findings_json(findings).size(), findings.size());
}

TEST(Why, NothingWaits) {
    NodeTables a = node("A");
    add_address(a, 1, Json::array());
    add_link(a, {.credit = 250});
    add_link(a, {.identity = "2.0.out", .direction = "out", .connection = "2", .credit = 10});
    const std::vector<Finding> findings = why_address("M0q", {a});
    EXPECT_THAT(waiting(findings), IsEmpty());
    EXPECT_THAT(findings_text(findings), HasSubstr("Nothing waits.\n"));
}

TEST(Why, OneLink) {
    NodeTables a = node("A");
    add_address(a, 1, Json::array());
    add_link(a, {.credit = 250});
    add_link(a, {.identity = "2.0.out", .direction = "out", .connection = "2", .undelivered = 1});
    EXPECT_THAT(waiting(why_link("2.0.out", {a})), ElementsAre(HasSubstr("1 message waiting")));
    EXPECT_THAT(why_link("9.9.in", {a}), IsEmpty());
}

TEST(Why, KeysAreFoundAsClientsWriteThem) {
    NodeTables a = node("A");
    a.addresses.rows.push_back({"Lx", 1, 0, 0, Json::array(), "closest"});
    EXPECT_EQ(key_of_address("_local/x", {a}), "Lx");
    EXPECT_EQ(key_of_address("orders", {a}), "M0orders");
}

Look look(double at, int ingress, int busy) {
    Look taken;
    taken.at_s = at;
    taken.router = {{"id",
                     "uptimeSeconds",
                     "connectionCount",
                     "linkCount",
                     "memoryUsage",
                     "deliveriesIngress",
                     "deliveriesEgress",
                     "deliveriesTransit",
                     "deliveriesStuck",
                     "linksBlocked"},
                    {{"A", 61, 3, 9, 20 << 20, ingress, 0, 0, 2, 0}}};
    taken.addresses = {{"name",
                        "deliveriesIngress",
                        "deliveriesEgress",
                        "deliveriesTransit",
                        "trackedDeliveries",
                        "subscriberCount",
                        "remoteCount"},
                       {{"M0quiet", 5, 5, 0, 0, 1, 0}, {"M0busy", busy, 0, 0, 4, 0, 1}}};
    return taken;
}

TEST(Watch, RatesAreOfTheTimeBetween) {
    const std::string text = watch_text(look(10, 100, 0), look(12, 300, 15), {});
    EXPECT_THAT(text, HasSubstr("A  up 1m 1s  3 connections  9 links  20 MiB"));
    EXPECT_THAT(text, HasSubstr("in 100/s  out 0/s  through 0/s  stuck 2  blocked links 0"));
    EXPECT_THAT(text, testing::ContainsRegex("busy +7.5 +0 +0 +4 +0 +1\nquiet +0"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Watch, FitsTheTerminalAndColoursTrouble) {
    const std::string text =
        watch_text(look(1, 0, 0), look(2, 0, 9), {.width = 40, .height = 6, .colours = true});
    EXPECT_THAT(text, HasSubstr("\x1b[1;31mstuck 2\x1b[0m"));
    EXPECT_THAT(text, HasSubstr("busy"));
    EXPECT_THAT(text, Not(HasSubstr("quiet")));
}

TEST(Watch, ANodeThatWasRestartedHasNoNegativeRates) {
    EXPECT_THAT(watch_text(look(1, 500, 50), look(2, 3, 1), {}), HasSubstr("in 0/s"));
}

}  // namespace
}  // namespace amqmesh::cli
