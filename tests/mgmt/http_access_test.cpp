#include "mgmt/http_access.h"

#include <gtest/gtest.h>

namespace amqmesh::mgmt {
namespace {

TEST(HttpAccess, PagesOfTheListenerItselfAndProgramsMayAlways) {
    const HttpAccess access{.host = "node"};
    EXPECT_TRUE(origin_allowed(access, "", "node:8080")) << "no browser";
    EXPECT_TRUE(origin_allowed(access, "http://node:8080", "node:8080"));
    EXPECT_TRUE(origin_allowed(access, "https://Node", "node"));
    EXPECT_FALSE(origin_allowed(access, "http://node:8081", "node:8080"));
    EXPECT_FALSE(origin_allowed(access, "http://evil.example", "node:8080"));
    EXPECT_FALSE(origin_allowed(access, "null", "node:8080")) << "RFC 6454, 6.2";
    EXPECT_FALSE(origin_allowed(access, "http://", "")) << "no Host";
    EXPECT_FALSE(origin_allowed(access, "http://node:8080.evil.example", "node:8080"));
}

TEST(HttpAccess, ANameThatSomebodyLedHereIsForeign) {
    const HttpAccess access{.host = "0.0.0.0"};
    EXPECT_FALSE(origin_allowed(access, "http://evil.example", "evil.example"));
    EXPECT_FALSE(origin_allowed(access, "http://evil.example:80", "evil.example:80"));
    EXPECT_FALSE(origin_allowed(access, "http://127.0.0.1.evil.example", "127.0.0.1.evil.example"));
    EXPECT_FALSE(origin_allowed(access, "http://[evil", "[evil"));
    for (const std::string own :
         {"localhost:8080", "LocalHost", "10.1.2.3:80", "[::1]:8080", "[fe80::1]"}) {
        EXPECT_TRUE(origin_allowed(access, "http://" + own, own)) << own;
    }
    const HttpAccess listed{.origins = {"http://node.example"}, .host = "0.0.0.0"};
    EXPECT_TRUE(origin_allowed(listed, "http://node.example", "node.example"));
}

TEST(HttpAccess, ConfiguredOriginsMayToo) {
    const HttpAccess access{.origins = {"https://shop.example", "http://localhost:3000"}};
    EXPECT_TRUE(origin_allowed(access, "https://shop.example", "node"));
    EXPECT_TRUE(origin_allowed(access, "http://LOCALHOST:3000", "node"));
    EXPECT_FALSE(origin_allowed(access, "http://shop.example", "node")) << "another scheme";
    EXPECT_FALSE(origin_allowed(access, "https://shop.example:444", "node"));
    EXPECT_TRUE(origin_allowed({.origins = {"*"}}, "https://anything", "node"));
}

TEST(HttpAccess, AsksForUserAndPassword) {
    // RFC 7617, 2: the example.
    const HttpAccess access{.user = "Aladdin", .password = "open sesame"};
    EXPECT_TRUE(authorized(access, "/metrics", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    EXPECT_TRUE(authorized(access, "/", "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    EXPECT_FALSE(authorized(access, "/metrics", ""));
    EXPECT_FALSE(authorized(access, "/metrics", "Basic "));
    EXPECT_FALSE(authorized(access, "/metrics", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    EXPECT_FALSE(authorized(access, "/metrics", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ="));
    EXPECT_FALSE(authorized(access, "/metrics", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZg=="));
    EXPECT_TRUE(authorized({}, "/metrics", "")) << "nobody asked for it";
    for (const char* probe : {"/livez", "/readyz", "/healthz", "/livez?verbose"}) {
        EXPECT_TRUE(authorized(access, probe, "")) << probe;
    }
    EXPECT_FALSE(authorized(access, "/livez/../metrics", ""));
    EXPECT_FALSE(authorized(access, "/api/router?x=/livez", ""));
}

TEST(HttpAccess, OffersWhatTheListenerIsFor) {
    const HttpAccess probes{.metrics = false, .console = false};
    for (const char* page : {"/livez", "/readyz", "/healthz?x"}) {
        EXPECT_TRUE(offered(probes, page)) << page;
        EXPECT_FALSE(offered({.health = false}, page)) << page;
    }
    for (const char* page : {"/", "/console.js", "/api", "/api/router?x=/livez", "/metrics"}) {
        EXPECT_FALSE(offered(probes, page)) << page;
        EXPECT_TRUE(offered({.health = false}, page)) << page;
    }
    EXPECT_TRUE(offered({.console = false}, "/metrics?x"));
    EXPECT_FALSE(offered({.metrics = false}, "/metrics?x"));
}

TEST(HttpAccess, EncodesEveryLength) {
    for (const auto& [password, encoded] : {std::pair{"b", "YTpi"},
                                            std::pair{"bc", "YTpiYw=="},
                                            std::pair{"bcd", "YTpiY2Q="},
                                            std::pair{"\xff\xfe\xfb", "YTr//vs="}}) {
        const HttpAccess access{.user = "a", .password = password};
        EXPECT_TRUE(authorized(access, "/", std::string("Basic ") + encoded)) << password;
    }
}

}  // namespace
}  // namespace amqmesh::mgmt
