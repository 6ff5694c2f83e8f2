// What of a change a connection that is up survives, and secrets.
#include "router/endpoint_change.h"

#include "router/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace amqmesh::router {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ConnectorConfig connector() {
    ConnectorConfig config;
    config.name = "up";
    config.host = "a.example";
    config.port = "5671";
    return config;
}

TEST(ConnectorChange, CostAndCapacityNeedNoNewConnection) {
    ConnectorConfig to = connector();
    to.cost = 7;
    to.link_capacity = 9;
    const ConnectorChange change = connector_change(connector(), to);
    EXPECT_FALSE(change.reconnect);
    EXPECT_TRUE(change.cost);
    EXPECT_TRUE(change.capacity);
    EXPECT_EQ(describe(change), "");
}

TEST(ConnectorChange, WhatOpenAgreedOnWaitsForTheNextConnection) {
    ConnectorConfig to = connector();
    to.max_frame_size = 512;
    to.channel_max = 3;
    to.idle_timeout_ms = 1000;
    to.open_properties = {{"team", "blue"}};
    const ConnectorChange change = connector_change(connector(), to);
    EXPECT_FALSE(change.reconnect);
    EXPECT_FALSE(change.cost);
    EXPECT_THAT(change.next_time,
                ElementsAre("maxFrameSize", "maxSessions", "idleTimeoutSeconds", "openProperties"));
    EXPECT_THAT(describe(change), HasSubstr("maxFrameSize, maxSessions, idleTimeoutSeconds"));
}

TEST(ConnectorChange, AnotherPlaceOrUserNeedsANewConnection) {
    const auto reconnects = [](void (*alter)(ConnectorConfig&)) {
        ConnectorConfig to = connector();
        alter(to);
        to.idle_timeout_ms = 1000;
        const ConnectorChange change = connector_change(connector(), to);
        EXPECT_THAT(change.next_time, IsEmpty()) << "it is agreed on anew";
        return change.reconnect;
    };
    EXPECT_TRUE(reconnects([](ConnectorConfig& to) { to.host = "b.example"; }));
    EXPECT_TRUE(reconnects([](ConnectorConfig& to) { to.port = "5672"; }));
    EXPECT_TRUE(reconnects([](ConnectorConfig& to) { to.family = AddressFamily::kV6; }));
    EXPECT_TRUE(reconnects([](ConnectorConfig& to) { to.sasl_user = "me"; }));
    EXPECT_TRUE(reconnects([](ConnectorConfig& to) { to.sasl_password = "it"; }));
    EXPECT_TRUE(reconnects([](ConnectorConfig& to) { to.sasl_mechanisms = "PLAIN"; }));
}

TEST(Secret, IsWhereItIsSaidToBe) {
    const auto read = [](const std::string& given) {
        std::string secret = "?";
        std::string why;
        return read_secret(given, secret, why) ? secret : "why: " + why;
    };
    EXPECT_EQ(read("plain"), "plain");
    EXPECT_EQ(read("pass:env:HOME"), "env:HOME");
    EXPECT_EQ(read("literal:file:x"), "file:x");
    EXPECT_EQ(read(""), "");
    ::setenv("AMQMESH_TEST_SECRET", "from there", 1);
    EXPECT_EQ(read("env:AMQMESH_TEST_SECRET"), "from there");
    ::unsetenv("AMQMESH_TEST_SECRET");
    EXPECT_EQ(read("env:AMQMESH_TEST_SECRET"),
              "why: there is no environment variable AMQMESH_TEST_SECRET");
    const std::string path = testing::TempDir() + "amqmesh_secret_test";
    std::ofstream(path) << "with blanks \n";
    EXPECT_EQ(read("file:" + path), "with blanks ");
    std::ofstream(path) << std::string(kSecretBytesMax + 10, 'x');
    EXPECT_EQ(read("file:" + path), "why: a secret has at most 4096 bytes");
    std::remove(path.c_str());
    EXPECT_THAT(read("file:" + path), HasSubstr("cannot be read: No such file"));
}

}  // namespace
}  // namespace amqmesh::router
