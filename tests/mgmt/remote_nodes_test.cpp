#include "mgmt/remote_nodes.h"

#include "mgmt/amqp_value.h"
#include "mgmt/message.h"
#include "tests/mgmt/agent_fixture.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace amqmesh::mgmt::test {
namespace {

// Node A asks node B, whose agent is the fixture's.
class RemoteNodesTest : public AgentTest {
  protected:
    struct Sent {
        std::string address, message;
    };

    RemoteRows ask(RemoteQuestion question) {
        result.reset();
        remote.query(question, [this](RemoteRows&& rows) { result = std::move(rows); });
        deliver();
        return result.value_or(RemoteRows{.status = 0});
    }

    // What was sent goes to the agent, and its answers come back.
    void deliver() {
        replies.clear();
        for (const Sent& one : sent) {
            handle(one.message);
        }
        sent.clear();
        source.run();
        for (const Reply& reply : replies) {
            EXPECT_EQ(reply.to, "amqp:/_topo/0/A/$management");
            EXPECT_TRUE(remote.on_message(reply.message));
        }
    }

    RemoteQuestion listeners() { return {.node = "B", .type = &type_of("listener")}; }

    std::vector<Sent> sent;
    RemoteNodes remote{"A", 7, [this](std::string&& address, std::string&& message) {
                           sent.push_back({std::move(address), std::move(message)});
                       }};
    std::optional<RemoteRows> result;
};

TEST_F(RemoteNodesTest, AnotherNodesRowsComeAsItsAgentTellsThem) {
    listener("x");
    listener("y");
    RemoteQuestion question = listeners();
    question.columns = {"name", "port"};
    const RemoteRows rows = ask(question);
    EXPECT_EQ(rows.status, 200);
    EXPECT_EQ(rows.columns, (std::vector<std::string>{"name", "port"}));
    ASSERT_EQ(rows.rows.size(), 2U);
    EXPECT_EQ(rows.rows[1], (Value{List{"y", "5672"}}));
    EXPECT_EQ(remote.pending(), 0U);
}

TEST_F(RemoteNodesTest, ThePageIsTheOtherNodesToCut) {
    links(900);
    RemoteQuestion question{.node = "B", .type = &type_of("router.link"), .columns = {"identity"}};
    EXPECT_EQ(ask(question).rows.size(), RemoteNodes::kRowsMax);
    question.page = {.offset = 898, .count = 5};
    const RemoteRows rows = ask(question);
    ASSERT_EQ(rows.rows.size(), 2U);
    EXPECT_EQ(rows.rows[0], (Value{List{"898"}}));
}

TEST_F(RemoteNodesTest, TheRequestGoesToTheNodesManagement) {
    remote.query(listeners(), [](RemoteRows&&) {});
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].address, "amqp:/_topo/0/B/$management");
}

TEST_F(RemoteNodesTest, WhatTheOtherNodeRefusesIsTold) {
    RemoteQuestion question{.node = "B", .type = &type_of("router.link")};
    remote.query(question, [this](RemoteRows&& rows) { result = std::move(rows); });
    const std::optional<Request> asked = decode_request(sent[0].message);
    ASSERT_TRUE(asked.has_value());
    std::string reply = encode_response(*asked, Code::kBadRequest, "too many");
    ValueWriter{reply}.value(Map{});
    EXPECT_TRUE(remote.on_message(reply));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->status, 400);
    EXPECT_EQ(result->text, "B says: too many");
}

TEST_F(RemoteNodesTest, SilenceEndsAndALateAnswerIsNobodys) {
    remote.set_now(1'000'000);
    remote.query(listeners(), [this](RemoteRows&& rows) { result = std::move(rows); });
    remote.set_now(1'000'000 + RemoteNodes::kPatienceUs - 1);
    EXPECT_FALSE(result.has_value());
    EXPECT_EQ(remote.next_deadline(), 1'000'000 + RemoteNodes::kPatienceUs);
    remote.set_now(1'000'000 + RemoteNodes::kPatienceUs);
    EXPECT_EQ(remote.next_deadline(), std::nullopt);
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->status, 504);
    EXPECT_EQ(result->text, "B does not answer");
    handle(sent[0].message);
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_FALSE(remote.on_message(replies[0].message));
}

TEST_F(RemoteNodesTest, OnlyTheAnswerWithTheSecretCounts) {
    remote.query(listeners(), [this](RemoteRows&& rows) { result = std::move(rows); });
    const std::optional<Request> asked = decode_request(sent[0].message);
    ASSERT_TRUE(asked.has_value());
    Request forged = *asked;
    forged.correlation.clear();
    for (const char* guess : {"1", "1-", "1-0000000000000000", "x", ""}) {
        forged.correlation.clear();
        ValueWriter{forged.correlation}.string(guess);
        std::string reply = encode_response(forged, Code::kOk, "OK");
        ValueWriter{reply}.value(Map{});
        EXPECT_FALSE(remote.on_message(reply)) << guess;
    }
    EXPECT_FALSE(remote.on_message("no message at all"));
    EXPECT_FALSE(remote.on_message(sent[0].message)) << "a request is no answer";
    EXPECT_EQ(remote.pending(), 1U);
}

TEST_F(RemoteNodesTest, WhatIsNoTableIsAnError) {
    const std::vector<Value> bodies{
        Value{},
        Value{Map{{"attributeNames", List{"a"}}, {"results", List{Value{List{}}}}}},
        Value{Map{{"attributeNames", List{"a"}}, {"results", List{Value{1}}}}}};
    std::vector<int> statuses;
    for (const Value& body : bodies) {
        remote.query(listeners(), [&](RemoteRows&& rows) { statuses.push_back(rows.status); });
        std::string reply = encode_response(*decode_request(sent.back().message), Code::kOk, "OK");
        ValueWriter{reply}.value(body);
        EXPECT_TRUE(remote.on_message(reply));
    }
    EXPECT_EQ(statuses, (std::vector<int>{200, 502, 502})) << "no rows at all are a table, too";
}

TEST_F(RemoteNodesTest, QuestionsUnderWayAreBounded) {
    std::vector<int> statuses;
    for (std::size_t i = 0; i <= RemoteNodes::kPendingMax; ++i) {
        remote.query(listeners(), [&](RemoteRows&& rows) { statuses.push_back(rows.status); });
    }
    EXPECT_EQ(statuses, std::vector<int>{503});
    EXPECT_EQ(remote.pending(), RemoteNodes::kPendingMax);
}

}  // namespace
}  // namespace amqmesh::mgmt::test
