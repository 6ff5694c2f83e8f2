// Every operation of the agent, as a client sees it.
#include "mgmt/amqp_value.h"
#include "tests/mgmt/agent_fixture.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace amqmesh::mgmt::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(AgentTest, QueryReturnsTheColumnsAskedForInOrder) {
    listener("a");
    listener("b");
    const Response response = ask({.properties = {{"entityType", "listener"}},
                                   .body = Map{{"attributeNames", List{"port", "name", "type"}}}});
    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(response.text, "OK");
    EXPECT_FALSE(response.durable);
    EXPECT_EQ(response.address, "amqp:/_topo/0/A/temp.1");
    EXPECT_EQ(replies[0].to, "amqp:/_topo/0/A/temp.1");
    EXPECT_EQ(list_at(response, "attributeNames"), (List{"port", "name", "type"}));
    EXPECT_EQ(list_at(response, "results"),
              (List{List{"5672", "a", "org.apache.qpid.dispatch.listener"},
                    List{"5672", "b", "org.apache.qpid.dispatch.listener"}}));
}

TEST_F(AgentTest, QueryWithoutColumnsReturnsAll) {
    listener("a");
    for (const Value& body : {Value{Map{}}, Value{}, Value{Map{{"attributeNames", List{}}}}}) {
        const Response response = ask(
            {.properties = {{"entityType", "org.apache.qpid.dispatch.listener"}}, .body = body});
        ASSERT_EQ(response.code, 200) << response.text;
        const List names = list_at(response, "attributeNames");
        EXPECT_EQ(names.size() + 1, type_of("listener").attributes.size()) << "all but the secret";
        EXPECT_EQ(names[0], Value{"name"});
    }
}

TEST_F(AgentTest, QueryNeverShowsSecrets) {
    Row row{type_of("connector")};
    row.set("name", "c").set("saslPassword", "secret");
    source.add(row);
    const Response all = ask({.properties = {{"entityType", "connector"}}});
    EXPECT_THAT(list_at(all, "attributeNames"), testing::Not(Contains(Value{"saslPassword"})));
    const Response asked = ask({.properties = {{"entityType", "connector"}},
                                .body = Map{{"attributeNames", List{"saslPassword"}}}});
    EXPECT_TRUE(list_at(asked, "attributeNames").empty());
    const Response one =
        ask({.operation = "READ", .properties = {{"type", "connector"}, {"name", "c"}}});
    EXPECT_EQ(one.code, 200);
    EXPECT_THAT(to_json(one.body), testing::Not(HasSubstr("secret")));
}

TEST_F(AgentTest, QueryLeavesUnknownColumnsOut) {
    listener("a");
    const Response response = ask({.properties = {{"entityType", "listener"}},
                                   .body = Map{{"attributeNames", List{"nonsense", "name"}}}});
    EXPECT_EQ(list_at(response, "attributeNames"), (List{"name"}));
    EXPECT_EQ(list_at(response, "results"), (List{Value(List{"a"})}));
}

TEST_F(AgentTest, QueryTakesOldColumnNames) {
    listener("a");
    const Response response = ask({.properties = {{"entityType", "listener"}},
                                   .body = Map{{"attributeNames", List{"addr", "name"}}}});
    EXPECT_EQ(list_at(response, "attributeNames"), (List{"addr", "name"})) << "as it was asked for";
    EXPECT_EQ(list_at(response, "results"), (List{Value(List{Value{}, "a"})}));
}

TEST_F(AgentTest, QueryPages) {
    links(10);
    const auto page = [&](Value offset, Value count) {
        const Response response = ask({.properties = {{"entityType", "router.link"},
                                                      {"offset", std::move(offset)},
                                                      {"count", std::move(count)}},
                                       .body = Map{{"attributeNames", List{"identity"}}}});
        EXPECT_EQ(response.code, 200);
        std::string out;
        for (const Value& row : list_at(response, "results")) {
            out += list_of(row).at(0).text();
        }
        return out;
    };
    EXPECT_EQ(page(0, 3), "012");
    EXPECT_EQ(page(3, 3), "345");
    EXPECT_EQ(page(9, 3), "9");
    EXPECT_EQ(page(10, 3), "");
    EXPECT_EQ(page(std::uint64_t{1} << 62U, 3), "");
    EXPECT_EQ(page(8, Value{}), "89");
    EXPECT_EQ(page(0, 0), "");
    EXPECT_EQ(page(Value{}, UINT64_MAX >> 1U), "0123456789");
}

// More values than Proton's pn_data can hold: read with our own reader.
TEST_F(AgentTest, QueryOfTenThousandLinksIsWhole) {
    links(10'000);
    handle(encode({.properties = {{"entityType", "router.link"}}}));
    ASSERT_EQ(replies.size(), 1U);
    ValueReader reader{replies[0].message, 1'000'000};
    for (int section = 0; section < 3; ++section) {
        reader.read_descriptor();
        reader.skip();
    }
    EXPECT_EQ(reader.read_descriptor(), 0x77U);
    const Value body = reader.read();
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(reader.at_end());
    const Value* results = find(map_of(body), "results");
    ASSERT_NE(results, nullptr);
    ASSERT_EQ(list_of(*results).size(), 10'000U);
    EXPECT_EQ(list_of(list_of(*results)[9'999])[1], Value{"9999"});
}

TEST_F(AgentTest, QueryPagesTypesTheAgentStandsForItself) {
    const Response first = ask({.properties = {{"entityType", "policy"}, {"count", 1}}});
    EXPECT_EQ(list_at(first, "results").size(), 1U);
    const Response second =
        ask({.properties = {{"entityType", "policy"}, {"offset", 1}, {"count", 1}}});
    EXPECT_EQ(second.code, 200);
    EXPECT_TRUE(list_at(second, "results").empty());
}

TEST_F(AgentTest, QueryOfAllTypesIsTheUnion) {
    listener("a");
    links(1);
    const Response response = ask({});
    EXPECT_EQ(response.code, 200);
    const List names = list_at(response, "attributeNames");
    EXPECT_THAT(names, Contains(Value{"linkName"}));
    EXPECT_THAT(names, Contains(Value{"port"}));
    const List results = list_at(response, "results");
    ASSERT_EQ(results.size(), 5U) << "listener, link, policy and two management nodes";
    for (const Value& row : results) {
        EXPECT_EQ(list_of(row).size(), names.size());
    }
}

TEST_F(AgentTest, QueryOfABaseType) {
    listener("a");
    links(1);
    const Response response =
        ask({.properties = {{"entityType", "org.apache.qpid.dispatch.configurationEntity"}},
             .body = Map{{"attributeNames", List{"name"}}}});
    EXPECT_EQ(list_at(response, "results"), (List{List{"a"}, List{"policy/1"}}));
}

TEST_F(AgentTest, QueryOfTypesThatThereAreNoneOf) {
    for (const char* type : {"allocator",
                             "vhost",
                             "vhostStats",
                             "sslProfile",
                             "router.config.autoLink",
                             "router.config.linkRoute"}) {
        const Response response = ask({.properties = {{"entityType", type}, {"count", 500}}});
        EXPECT_EQ(response.code, 200) << type;
        EXPECT_TRUE(list_at(response, "results").empty()) << type;
    }
    EXPECT_TRUE(source.queried.empty()) << "the node need not know them";
}

TEST_F(AgentTest, QueryRefusesNonsense) {
    EXPECT_EQ(ask({.properties = {{"entityType", "router.lin"}}}).text,
              "there is no entity type router.lin; did you mean router.link?");
    EXPECT_EQ(ask({.properties = {{"entityType", "nothing"}}}).code, 400);
    EXPECT_EQ(ask({.properties = {{"offset", -1}}}).code, 400);
    EXPECT_EQ(ask({.properties = {{"count", "many"}}}).code, 400);
    EXPECT_EQ(ask({.body = "text"}).code, 400);
    EXPECT_EQ(ask({.body = Map{{"attributeNames", "name"}}}).code, 400);
    EXPECT_EQ(ask({.body = Map{{"attributeNames", List{1}}}}).code, 400);
    EXPECT_EQ(ask({.body = Map{{"attributeNames", List(1001, Value{"a"})}}}).code, 400);
}

TEST_F(AgentTest, OperationsInAnyCase) {
    EXPECT_EQ(ask({.operation = "query", .properties = {{"entityType", "policy"}}}).code, 200);
    EXPECT_EQ(ask({.operation = "Get-Types"}).code, 200);
    const Response unknown = ask({.operation = "GET-NOTHING"});
    EXPECT_EQ(unknown.code, 501);
    EXPECT_THAT(unknown.text, HasSubstr("GET-MGMT-NODES"));
    EXPECT_EQ(ask({.operation = ""}).code, 400);
}

TEST_F(AgentTest, ReadByNameByIdentityAndWithoutType) {
    listener("a");
    Row node{type_of("router.node")};
    node.set("name", "router.node/B").set("identity", "router.node/B").set("id", "B");
    source.add(node);
    const Map by_name{{"type", "listener"}, {"name", "a"}};
    const Map by_identity{{"type", "org.apache.qpid.dispatch.listener"},
                          {"identity", "listener/a"}};
    const Map both{{"type", "listener"}, {"name", "a"}, {"identity", "listener/a"}};
    const Map typeless{{"name", "a"}};
    for (const Map& properties : {by_name, by_identity, both, typeless}) {
        const Response response = ask({.operation = "READ", .properties = properties});
        EXPECT_EQ(response.code, 200) << response.text;
        EXPECT_EQ(at(response, "identity"), Value{"listener/a"});
        EXPECT_EQ(at(response, "type"), Value{"org.apache.qpid.dispatch.listener"});
        EXPECT_EQ(at(response, "port"), Value{"5672"});
    }
    source.queried.clear();
    const Response probe =
        ask({.operation = "READ", .properties = {{"identity", "router.node/B"}}});
    EXPECT_EQ(probe.code, 200);
    EXPECT_EQ(at(probe, "id"), Value{"B"});
    EXPECT_THAT(source.queried, ElementsAre("router.node")) << "the identity names the type";
    EXPECT_EQ(
        ask({.operation = "READ", .properties = {{"type", "router.node"}, {"name", "B"}}}).code,
        200);
}

TEST_F(AgentTest, ReadOfWhatThereIsNot) {
    listener("a");
    const auto code = [&](const Map& properties) {
        return ask({.operation = "READ", .properties = properties}).code;
    };
    EXPECT_EQ(code({{"identity", "router.node/X"}}), 404);
    EXPECT_EQ(code({{"type", "listener"}, {"name", "b"}}), 404);
    EXPECT_EQ(code({{"type", "listener"}, {"name", "a"}, {"identity", "listener/b"}}), 404);
    EXPECT_EQ(code({{"type", "connector"}, {"name", "a"}}), 404);
    EXPECT_EQ(code({{"name", "nothing"}}), 404);
    EXPECT_EQ(code({{"type", "listener"}}), 400) << "which one?";
    EXPECT_EQ(code({{"type", "nonsense"}, {"name", "a"}}), 400);
    EXPECT_EQ(code({}), 400);
    EXPECT_EQ(code({{"name", 7}}), 400) << "a name is text";
    EXPECT_EQ(ask({.operation = "READ", .properties = {{"type", "listener"}, {"name", "b"}}}).text,
              "there is no listener with name b");
}

TEST_F(AgentTest, ReadOfASingletonNeedsNoName) {
    Row router{type_of("router")};
    router.set("name", "router/A").set("identity", "1").set("id", "A");
    source.add(router);
    const Response response = ask({.operation = "READ", .properties = {{"type", "router"}}});
    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(at(response, "id"), Value{"A"});
    const Response self =
        ask({.operation = "READ", .properties = {{"type", "management"}, {"identity", "self"}}});
    EXPECT_EQ(self.code, 200);
}

TEST_F(AgentTest, CreateAnswersWithTheWholeEntity) {
    const Response response = ask({.operation = "CREATE",
                                   .properties = {{"type", "listener"}, {"name", "mine"}},
                                   .body = Map{{"port", "0"}, {"idle-timeout-seconds", 5}}});
    EXPECT_EQ(response.code, 201) << response.text;
    EXPECT_EQ(response.text, "Created");
    EXPECT_EQ(at(response, "name"), Value{"mine"});
    EXPECT_EQ(at(response, "identity"), Value{"created/1"});
    EXPECT_EQ(at(response, "idleTimeoutSeconds"), Value{5});
    EXPECT_EQ(at(response, "linkCapacity"), Value{250});
    EXPECT_EQ(at(response, "type"), Value{"org.apache.qpid.dispatch.listener"});
}

TEST_F(AgentTest, CreateTellsWarningsAndProblems) {
    const auto create = [&](const Map& properties, const Value& body) {
        return ask({.operation = "CREATE", .properties = properties, .body = body});
    };
    const Response warned = create({{"type", "listener"}}, Map{{"addr", "h"}});
    EXPECT_EQ(warned.code, 201);
    EXPECT_EQ(warned.text, "Created, but: addr is an old name (write host)");
    const Response wrong = create({{"type", "listener"}}, Map{{"prt", 1}, {"cost", "x"}});
    EXPECT_EQ(wrong.code, 400);
    EXPECT_EQ(wrong.text,
              "listener has no attribute \"prt\" (did you mean port?); cost: \"x\" is not a whole "
              "number (write digits only)");
    EXPECT_EQ(create({{"type", "connector"}}, Map{{"connectionMsg", "x"}}).code, 403);
    EXPECT_EQ(create({}, Map{}).code, 400);
    EXPECT_EQ(create({{"type", "nonsense"}}, Map{}).code, 400);
    EXPECT_EQ(create({{"type", "listener"}}, List{}).code, 400);
    EXPECT_EQ(create({{"type", "router.link"}}, Map{}).code, 501);
    EXPECT_EQ(create({{"type", "router"}}, Map{}).code, 501);
    const Response tls = create({{"type", "sslProfile"}, {"name", "p"}}, Map{});
    EXPECT_EQ(tls.code, 501);
    EXPECT_THAT(tls.text, HasSubstr("TLS"));
}

TEST_F(AgentTest, CreateRefusesATakenName) {
    listener("a");
    const Response response =
        ask({.operation = "CREATE", .properties = {{"type", "listener"}, {"name", "a"}}});
    EXPECT_EQ(response.code, 400);
    EXPECT_EQ(response.text, "there is a listener with the name a already");
}

TEST_F(AgentTest, UpdateTakesBackWhatWasRead) {
    Row log{type_of("log")};
    log.set("name", "log/AGENT").set("identity", "log/AGENT").set("module", "AGENT");
    log.set("enable", "info+");
    source.add(log);
    const Response read =
        ask({.operation = "READ", .properties = {{"type", "log"}, {"name", "log/AGENT"}}});
    Map body = map_of(read.body);
    for (auto& entry : body) {
        if (entry.first == "enable") {
            entry.second = "debug+";
        }
    }
    const Response response =
        ask({.operation = "UPDATE", .properties = {{"identity", "log/AGENT"}}, .body = body});
    EXPECT_EQ(response.code, 200) << response.text;
    EXPECT_EQ(at(response, "enable"), Value{"debug+"});
}

TEST_F(AgentTest, UpdateRefusesWhatMayNotChange) {
    listener("a");
    Row connection{type_of("connection")};
    connection.set("name", "connection/h").set("identity", "5").set("host", "h");
    source.add(connection);
    const auto update = [&](const Map& properties, const Map& body) {
        return ask({.operation = "UPDATE", .properties = properties, .body = body});
    };
    const Map five{{"type", "connection"}, {"identity", "5"}};
    EXPECT_EQ(update(five, {{"adminStatus", "deleted"}}).code, 200);
    EXPECT_EQ(update(five, {{"adminStatus", "gone"}}).code, 400);
    EXPECT_EQ(update(five, {{"host", "other"}}).code, 403);
    EXPECT_EQ(update({{"type", "listener"}, {"name", "a"}}, {{"port", "1"}}).code, 403);
    EXPECT_EQ(update({{"type", "listener"}, {"name", "b"}}, {{"port", "1"}}).code, 404);
}

TEST_F(AgentTest, DeleteRemovesOne) {
    listener("a");
    listener("b");
    const Map a{{"type", "listener"}, {"name", "a"}};
    const Response response = ask({.operation = "DELETE", .properties = a});
    EXPECT_EQ(response.code, 204);
    EXPECT_EQ(response.body, Value{Map{}});
    EXPECT_EQ(ask({.operation = "DELETE", .properties = a}).code, 404);
    EXPECT_EQ(ask({.operation = "READ", .properties = {{"name", "b"}}}).code, 200);
    links(1);
    EXPECT_EQ(
        ask({.operation = "DELETE", .properties = {{"type", "router.link"}, {"identity", "0"}}})
            .code,
        501);
}

TEST_F(AgentTest, WhatTheNodeRefusesIsToldAsItSays) {
    listener("a");
    source.remove_result = {.code = Code::kForbidden, .text = "the last listener", .row = {}};
    const Response response =
        ask({.operation = "DELETE", .properties = {{"type", "listener"}, {"name", "a"}}});
    EXPECT_EQ(response.code, 403);
    EXPECT_EQ(response.text, "the last listener");
}

TEST_F(AgentTest, GetTypesAttributesOperationsAnnotations) {
    const std::string listener_type = "org.apache.qpid.dispatch.listener";
    const Response types = ask({.operation = "GET-TYPES"});
    EXPECT_EQ(map_of(types.body).size(), all_types().size());
    EXPECT_EQ(
        list_at(types, listener_type),
        (List{"org.apache.qpid.dispatch.configurationEntity", "org.apache.qpid.dispatch.entity"}));
    const Response one =
        ask({.operation = "GET-TYPES", .properties = {{"entityType", "listener"}}});
    EXPECT_EQ(map_of(one.body).size(), 1U);
    const Response attributes = ask({.operation = "GET-ATTRIBUTES"});
    EXPECT_THAT(list_at(attributes, "org.apache.qpid.dispatch.router.link"),
                Contains(Value{"settleRate"}));
    const Response operations = ask({.operation = "GET-OPERATIONS"});
    EXPECT_EQ(list_at(operations, listener_type), (List{"CREATE", "READ", "UPDATE", "DELETE"}));
    EXPECT_THAT(list_at(operations, "org.amqp.management"), Contains(Value{"QUERY"}));
    const Response annotations = ask({.operation = "GET-ANNOTATIONS"});
    EXPECT_EQ(at(annotations, listener_type), Value{List{}});
    EXPECT_EQ(ask({.operation = "GET-TYPES", .properties = {{"entityType", "x"}}}).code, 400);
}

TEST_F(AgentTest, GetMgmtNodesHasTheExactForm) {
    const Response alone = ask({.operation = "GET-MGMT-NODES"});
    EXPECT_EQ(alone.code, 200);
    EXPECT_EQ(alone.body, Value{List{}});
    source.routers = {"A", "QDR.B"};
    EXPECT_EQ(ask({.operation = "GET-MGMT-NODES"}).body,
              (Value{List{"amqp:/_topo/0/A/$management", "amqp:/_topo/0/QDR.B/$management"}}));
}

TEST_F(AgentTest, GetSchemaInBothForms) {
    const Response map = ask({.operation = "GET-SCHEMA"});
    EXPECT_EQ(map.code, 200);
    EXPECT_EQ(at(map, "prefix"), Value{"org.apache.qpid.dispatch"});
    const Response text = ask({.operation = "GET-JSON-SCHEMA"});
    EXPECT_EQ(text.code, 200);
    const auto json = nlohmann::json::parse(text.body.text());
    EXPECT_EQ(json["entityTypes"]["listener"]["attributes"]["linkCapacity"]["default"], 250);
    EXPECT_EQ(json["entityTypes"]["router"]["attributes"]["mode"]["type"][1], "interior");
    EXPECT_TRUE(json["entityTypes"]["vhostUserGroupSettings"]["attributes"].is_object());
    EXPECT_EQ(to_json(map.body), text.body.text());
}

TEST_F(AgentTest, GetLogIsLimited) {
    const Response all = ask({.operation = "GET-LOG"});
    ASSERT_EQ(all.code, 200);
    ASSERT_EQ(list_of(all.body).size(), 3U);
    EXPECT_EQ(list_of(all.body)[0],
              (Value{List{"ROUTER", "info", "line 0", Value{}, Value{}, 1.5}}));
    const Response one = ask({.operation = "GET-LOG", .properties = {{"limit", 1}}});
    EXPECT_EQ(list_of(one.body).size(), 1U);
    const Response text = ask({.operation = "GET-LOG", .properties = {{"limit", "2"}}});
    EXPECT_EQ(list_of(text.body).size(), 2U) << "what command lines send";
    const Response unlimited = ask({.operation = "GET-LOG", .properties = {{"limit", 0}}});
    EXPECT_EQ(list_of(unlimited.body).size(), 3U);
    EXPECT_EQ(ask({.operation = "GET-LOG", .properties = {{"limit", -1}}}).code, 400);
    EXPECT_EQ(ask({.operation = "GET-LOG", .properties = {{"limit", "2 lines"}}}).code, 400);
}

TEST_F(AgentTest, ReloadSaysWhatChanged) {
    source.reloaded = source.Source::reload();
    EXPECT_EQ(ask({.operation = "RELOAD"}).code, 501);
    source.reloaded = {.changes = {"1 listener added"}, .needs_restart = {"id"}};
    const Response response = ask({.operation = "RELOAD"});
    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(response.body,
              (Value{Map{{"changes", List{"1 listener added"}}, {"needsRestart", List{"id"}}}}));
    source.reloaded = {.code = Code::kBadRequest, .text = "nothing changed: line 3"};
    EXPECT_EQ(ask({.operation = "RELOAD"}).code, 400);
}

TEST_F(AgentTest, CorrelationIdKeepsItsType) {
    const std::string sixteen = "0123456789abcdef";
    for (const MessageId& id : {MessageId{std::string{"x"}},
                                MessageId{std::uint64_t{0}},
                                MessageId{std::uint64_t{1} << 40U},
                                MessageId{Uuid{sixteen}},
                                MessageId{Binary{std::string("\0\xff", 2)}}}) {
        EXPECT_EQ(ask({.operation = "GET-MGMT-NODES", .correlation_id = id}).correlation_id, id);
        EXPECT_EQ(ask({.operation = "GET-MGMT-NODES", .correlation_id = {}, .message_id = id})
                      .correlation_id,
                  id)
            << "without one, the message-id";
    }
    EXPECT_EQ(ask({.operation = "GET-MGMT-NODES", .correlation_id = {}}).correlation_id,
              MessageId{});
    EXPECT_EQ(ask({.operation = "GET-MGMT-NODES",
                   .correlation_id = std::string{"c"},
                   .message_id = std::string{"m"}})
                  .correlation_id,
              MessageId{std::string{"c"}});
}

TEST_F(AgentTest, AnswersLaterAndBoundsWhatWaits) {
    source.later = true;
    const std::string request = encode({.properties = {{"entityType", "listener"}}});
    for (std::size_t i = 0; i < Agent::kPendingMax; ++i) {
        handle(request);
    }
    EXPECT_EQ(agent.pending(), Agent::kPendingMax);
    EXPECT_TRUE(replies.empty());
    handle(request);
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(decode(replies[0].message)->code, 500);
    source.run();
    EXPECT_EQ(replies.size(), Agent::kPendingMax + 1);
    EXPECT_EQ(agent.pending(), 0U);
    EXPECT_EQ(ask({.properties = {{"entityType", "listener"}}}).code, 200);
}

TEST_F(AgentTest, EveryOperationWorksWhenTheNodeAnswersLater) {
    listener("a");
    source.later = true;
    EXPECT_EQ(ask({}).code, 200);
    EXPECT_EQ(ask({.operation = "READ", .properties = {{"name", "a"}}}).code, 200);
    EXPECT_EQ(ask({.operation = "READ", .properties = {{"name", "b"}}}).code, 404);
    EXPECT_EQ(ask({.operation = "CREATE", .properties = {{"type", "listener"}}}).code, 201);
    const Map a{{"type", "listener"}, {"name", "a"}};
    EXPECT_EQ(ask({.operation = "DELETE", .properties = a}).code, 204);
}

TEST_F(AgentTest, WithoutReplyToThereIsNoAnswer) {
    handle(encode({.operation = "GET-TYPES", .reply_to = ""}));
    EXPECT_TRUE(replies.empty());
    EXPECT_EQ(agent.dropped(), 1U);
}

TEST_F(AgentTest, TextThatIsNotUtf8DoesNotSpoilTheResponse) {
    Row link{type_of("router.link")};
    link.set("name", "a\xff\xfe").set("identity", "1");
    source.add(link);
    const Response response = ask({.properties = {{"entityType", "router.link"}},
                                   .body = Map{{"attributeNames", List{"name"}}}});
    EXPECT_EQ(list_at(response, "results"), (List{Value(List{"a\xef\xbf\xbd\xef\xbf\xbd"})}));
}

}  // namespace
}  // namespace amqmesh::mgmt::test
