#include "mgmt/failover_urls.h"

#include <gtest/gtest.h>

#include <string>

namespace amqmesh::mgmt::test {

TEST(FailoverUrls, SchemesPortsAndBracketsHaveTheirDefaults) {
    const auto parsed =
        parse_failover_urls(" amqp://b.example:5700 ,c.example, amqps://[fe80::1%eth0], [::1]:1 ");
    EXPECT_EQ(parsed.error, "");
    EXPECT_EQ(to_text(parsed.urls),
              "amqp://b.example:5700, amqp://c.example:5672, amqps://[fe80::1%eth0]:5671, "
              "amqp://[::1]:1");
    EXPECT_TRUE(parse_failover_urls("").urls.empty());
    EXPECT_TRUE(parse_failover_urls("  ").error.empty());
}

TEST(FailoverUrls, WhatIsReadIsWhatIsWritten) {
    const std::string text = "amqp://a:1, amqps://[2001:db8::2]:65535";
    EXPECT_EQ(to_text(parse_failover_urls(text).urls), text);
}

TEST(FailoverUrls, MistakesNameTheEntry) {
    for (const char* bad : {"http://a",
                            "amqp://",
                            "amqp://a:",
                            "amqp://a:x",
                            "amqp://a:0",
                            "amqp://a:65536",
                            "amqp://a:123456",
                            "::1",
                            "[::1",
                            "[::1]5672",
                            "a b",
                            "a/b",
                            "a,,b",
                            ",a"}) {
        const auto parsed = parse_failover_urls(bad);
        EXPECT_NE(parsed.error, "") << bad;
    }
    EXPECT_NE(parse_failover_urls("good, amqp://bad:x").error.find("amqp://bad:x"),
              std::string::npos);
    EXPECT_NE(parse_failover_urls(std::string(300, 'h')).error, "");
}

TEST(FailoverUrls, AreBounded) {
    std::string text = "h";
    for (std::size_t i = 1; i < FailoverUrls::kMax; ++i) {
        text += ",h";
    }
    EXPECT_EQ(parse_failover_urls(text).urls.size(), FailoverUrls::kMax);
    EXPECT_EQ(parse_failover_urls(text).error, "");
    EXPECT_NE(parse_failover_urls(text + ",h").error, "");
}

}  // namespace amqmesh::mgmt::test
