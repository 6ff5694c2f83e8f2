#include "mgmt/cli/node_url.h"

#include <gtest/gtest.h>

namespace amqmesh::cli {
namespace {

TEST(NodeUrl, FillsInWhatIsLeftOut) {
    EXPECT_EQ(parse_node_url("example")->shown(), "amqp://example:5672");
    EXPECT_EQ(parse_node_url("example:7")->shown(), "amqp://example:7");
    EXPECT_EQ(parse_node_url(":7")->shown(), "amqp://127.0.0.1:7");
    EXPECT_EQ(parse_node_url("amqps://example")->shown(), "amqps://example:5671");
    EXPECT_EQ(parse_node_url("amqp://[::1]:7/path")->shown(), "amqp://[::1]:7");
}

TEST(NodeUrl, KeepsCredentialsOutOfWhatIsShown) {
    const auto url = parse_node_url("amqp://me:p%40ss@example:7");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->user, "me");
    EXPECT_EQ(url->password, "p@ss");
    EXPECT_EQ(url->shown(), "amqp://example:7");
}

TEST(NodeUrl, RefusesWhatIsNone) {
    for (const char* text : {"http://x",
                             "amqp://x:0",
                             "amqp://x:65536",
                             "amqp://x:y",
                             "amqp://[::1",
                             "amqp://[::1]7",
                             "amqp://%4@x",
                             "amqp://@x",
                             "x:"}) {
        EXPECT_FALSE(parse_node_url(text)) << text;
    }
}

}  // namespace
}  // namespace amqmesh::cli
