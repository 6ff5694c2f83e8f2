// Two engines back to back: everything that both ends of a connection do to each other.
#include "tests/link/engine_fixture.h"

#include <gtest/gtest.h>

namespace amqmesh::link::test {

TEST(EnginePair, OpensWithPropertiesAndCapabilities) {
    EngineConfig config = client_config();
    config.properties = {{"product", std::string("amqmesh")}, {"n", std::int64_t{7}}};
    config.offered_capabilities = {"ANONYMOUS-RELAY", "other"};
    config.idle_timeout_ms = 8000;
    Pair pair(config);
    pair.run();
    ASSERT_TRUE(pair.server.diary.opened);
    ASSERT_TRUE(pair.client.diary.opened);
    const RemoteOpen& open = pair.server.diary.open;
    EXPECT_EQ(open.container_id, "client");
    EXPECT_EQ(open.properties, config.properties);
    EXPECT_EQ(open.offered_capabilities, config.offered_capabilities);
    EXPECT_EQ(open.idle_timeout_ms, 4000U);
    EXPECT_EQ(open.max_frame_size, 16384U);
    EXPECT_TRUE(open.sasl_mechanism.empty());
    EXPECT_TRUE(pair.client.engine->open());
    EXPECT_TRUE(pair.server.engine->open());
}

TEST(EnginePair, OpensThroughSaslAnonymous) {
    EngineConfig client = client_config();
    client.use_sasl = true;
    EngineConfig server = server_config();
    server.sasl_required = true;
    Pair pair(client, server);
    // Commands given before the layer is through wait for it.
    const SessionIndex session = pair.client.engine->begin();
    pair.attach(session, Role::kSender, "early");
    EXPECT_EQ(pair.server.diary.open.sasl_mechanism, "ANONYMOUS");
    EXPECT_EQ(pair.server.diary.open.user, "anonymous");
    EXPECT_TRUE(pair.client.diary.has("attached 0 early"));
}

TEST(EnginePair, SendsAndSettles) {
    Pair pair;
    pair.server.diary.auto_credit = 10;
    pair.server.diary.auto_settle = true;
    const SessionIndex session = pair.begin();
    const LinkIndex link = pair.attach(session, Role::kSender, "s");
    EXPECT_TRUE(pair.client.diary.has("flow 0 10"));
    ASSERT_TRUE(pair.client.engine->writable(link));
    for (std::uint64_t i = 0; i < 100; ++i) {
        ASSERT_TRUE(pair.client.engine->writable(link));
        send(*pair.client.engine, link, "hello " + std::to_string(i), i);
        pair.run();
    }
    ASSERT_EQ(pair.server.diary.received.size(), 100U);
    ASSERT_EQ(pair.client.diary.outgoing.size(), 100U);
    for (std::uint64_t i = 0; i < 100; ++i) {
        EXPECT_EQ(pair.server.diary.received[i].payload, "hello " + std::to_string(i));
        EXPECT_TRUE(pair.server.diary.received[i].complete);
        EXPECT_EQ(pair.client.diary.outgoing[i].context, i);
        EXPECT_EQ(pair.client.diary.outgoing[i].outcome, Outcome::kAccepted);
        EXPECT_TRUE(pair.client.diary.outgoing[i].settled);
    }
}

TEST(EnginePair, AnyCutOfTheByteStreamIsTheSame) {
    for (unsigned seed = 1; seed < 30; ++seed) {
        EngineConfig client = client_config();
        client.use_sasl = seed % 2 == 0;
        Pair pair(client, server_config(), seed);
        pair.piece_max = 1 + seed * 7;
        pair.server.diary.auto_credit = 5;
        pair.server.diary.auto_settle = true;
        const SessionIndex session = pair.begin();
        const LinkIndex link = pair.attach(session, Role::kSender, "s");
        std::string expected;
        for (std::uint64_t i = 0; i < 20; ++i) {
            ASSERT_TRUE(pair.client.engine->writable(link));
            const std::string payload(pair.random() % 40000, static_cast<char>('a' + i));
            expected += payload;
            send(*pair.client.engine, link, payload, i);
            pair.run();
        }
        std::string got;
        for (const Received& message : pair.server.diary.received) {
            got += message.payload;
        }
        EXPECT_EQ(got, expected);
        EXPECT_EQ(pair.client.diary.outgoing.size(), 20U);
        EXPECT_EQ(pair.client.pool.live(), 0U) << "an idle engine holds no chunk";
        EXPECT_EQ(pair.server.pool.live(), 0U);
    }
}

TEST(EnginePair, CloseEndsEverythingInOrder) {
    Pair pair;
    const SessionIndex session = pair.begin();
    pair.attach(session, Role::kSender, "s");
    pair.client.engine->close({.name = "amqp:connection:forced", .description = "bye"},
                              pair.client.now);
    pair.run();
    const std::vector<std::string>& lines = pair.server.diary.lines;
    ASSERT_GE(lines.size(), 3U);
    EXPECT_EQ(lines[lines.size() - 3], "link-gone 0");
    EXPECT_EQ(lines[lines.size() - 2], "session-gone 0");
    EXPECT_EQ(lines[lines.size() - 1], "close amqp:connection:forced by-peer");
    EXPECT_TRUE(pair.client.diary.closed);
    EXPECT_FALSE(pair.client.diary.closed_by_peer);
    EXPECT_TRUE(pair.client.engine->finished());
    EXPECT_TRUE(pair.server.engine->finished());
}

}  // namespace amqmesh::link::test
