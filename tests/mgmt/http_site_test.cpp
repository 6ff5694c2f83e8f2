#include "mgmt/http_site.h"

#include "mgmt/amqp_value.h"
#include "mgmt/message.h"
#include "tests/mgmt/fake_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace amqmesh::mgmt::test {
namespace {

using testing::HasSubstr;

class HttpSiteTest : public testing::Test {
  protected:
    HttpSiteTest() {
        for (const char* name : {"a", "b", "c"}) {
            Row row{type_of("connector")};
            row.set("name", name).set("port", "5672").set("saslPassword", "secret");
            source.add(row);
        }
    }

    HttpResponse get(std::string_view target) {
        HttpResponse result{.status = 0};
        site.get(target, [&](HttpResponse&& response) { result = std::move(response); });
        source.run();
        return result;
    }

    nlohmann::json json(std::string_view target) {
        return nlohmann::json::parse(get(target).body, nullptr, false);
    }

    FakeSource source;
    std::string missing;
    std::vector<Request> requests;  // to other nodes
    HttpSite site{source, [this] { return missing; }};
};

TEST_F(HttpSiteTest, Health) {
    EXPECT_EQ(get("/livez").status, 200);
    EXPECT_EQ(get("/healthz").body, "ok\n");
    EXPECT_EQ(get("/readyz").status, 200);
    missing = "no neighbour is up";
    EXPECT_EQ(get("/readyz").status, 503);
    EXPECT_EQ(get("/readyz").body, "not ready: no neighbour is up\n");
    EXPECT_EQ(get("/livez").status, 200) << "alive all the same";
    std::string stalled;
    site.set_liveness([&stalled] { return stalled; });
    EXPECT_EQ(get("/livez").status, 200);
    stalled = "a thread hangs";
    EXPECT_EQ(get("/livez").status, 503);
    EXPECT_EQ(get("/healthz").body, "not live: a thread hangs\n");
}

TEST_F(HttpSiteTest, Metrics) {
    const HttpResponse response = get("/metrics");
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(response.content_type, HasSubstr("version=0.0.4"));
    EXPECT_THAT(response.body, HasSubstr("# TYPE amqmesh_addresses_without_series gauge"));
}

TEST_F(HttpSiteTest, EntitiesAsJson) {
    const auto all = json("/api/connector");
    EXPECT_EQ(all["total"], 3);
    EXPECT_EQ(all["results"].size(), 3U);
    EXPECT_EQ(all["results"][0]["type"], "org.apache.qpid.dispatch.connector");
    EXPECT_THAT(get("/api/connector").body, testing::Not(HasSubstr("secret")));
    const auto page = json("/api/connector?attributes=name,port&offset=1&count=1");
    EXPECT_EQ(page["results"].dump(), R"([{"name":"b","port":"5672"}])");
    EXPECT_EQ(page["total"], 3);
    EXPECT_EQ(json("/api/connector?offset=9")["results"].size(), 0U);
    EXPECT_EQ(json("/api/connector?attributes=saslPassword")["results"][0].dump(), "{}");
}

TEST_F(HttpSiteTest, TypesAndSchema) {
    EXPECT_EQ(json("/api").size(), all_types().size());
    EXPECT_EQ(json("/api/")[0]["type"], "router");
    EXPECT_EQ(json("/api/schema")["prefix"], "org.apache.qpid.dispatch");
}

TEST_F(HttpSiteTest, TheConsoleIsBuiltIn) {
    const HttpResponse page = get("/");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
    // Everything that the page names is there, and nothing of it is elsewhere.
    std::size_t found = 0;
    for (const char* attribute : {"src=\"", "href=\""}) {
        std::size_t at = 0;
        while ((at = page.body.find(attribute, at)) != std::string::npos) {
            at += std::string_view{attribute}.size();
            const std::string name = page.body.substr(at, page.body.find('"', at) - at);
            EXPECT_EQ(get("/" + name).status, 200) << name;
            ++found;
        }
    }
    EXPECT_EQ(found, 8U);
    EXPECT_EQ(get("/console.js").content_type, "text/javascript; charset=utf-8");
    EXPECT_EQ(get("/console.css").content_type, "text/css; charset=utf-8");
}

TEST_F(HttpSiteTest, EntitiesOfAnotherNode) {
    source.routers = {"A", "B/1 ä"};
    std::vector<std::string> asked;
    RemoteNodes nodes{"A", 1, [&](std::string&& address, std::string&& message) {
                          asked.push_back(std::move(address));
                          requests.push_back(*decode_request(message));
                      }};
    HttpSite mesh{source, [] { return std::string{}; }, {}, {.own_id = "A", .nodes = &nodes}};
    HttpResponse result{.status = 0};
    mesh.get("/api/router.link?attributes=identity,linkDir&node=B%2F1%20%C3%A4&count=2",
             [&](HttpResponse&& response) { result = std::move(response); });
    ASSERT_EQ(asked, std::vector<std::string>{"amqp:/_topo/0/B/1 ä/$management"});
    EXPECT_EQ(result.status, 0) << "there is no answer yet";
    const auto answer = [&](List rows) {
        std::string reply = encode_response(requests.back(), Code::kOk, "OK");
        ValueWriter{reply}.value(
            Map{{"attributeNames", List{"identity", "linkDir"}}, {"results", std::move(rows)}});
        EXPECT_TRUE(nodes.on_message(reply));
    };
    answer({Value{List{"1.0.in", "in"}}, Value{List{"2.0.in", "in"}}});
    EXPECT_EQ(result.status, 200);
    EXPECT_EQ(result.body,
              R"({"total":null,"offset":0,"results":[{"identity":"1.0.in","linkDir":"in"},)"
              R"({"identity":"2.0.in","linkDir":"in"}]})"
              "\n")
        << "after a full page there may be more";
    mesh.get("/api/router.link?node=B%2F1%20%C3%A4&offset=7",
             [&](HttpResponse&& response) { result = std::move(response); });
    answer({Value{List{"3.0.in", "in"}}});
    EXPECT_THAT(result.body, HasSubstr(R"({"total":8,"offset":7)"));
    mesh.get("/api/connector?node=A",
             [&](HttpResponse&& response) { result = std::move(response); });
    EXPECT_THAT(result.body, HasSubstr(R"("total":3)")) << "itself it need not ask";
    mesh.get("/api/connector?node=C",
             [&](HttpResponse&& response) { result = std::move(response); });
    EXPECT_EQ(result.status, 404);
    EXPECT_EQ(asked.size(), 2U);
    EXPECT_EQ(get("/api/connector?node=B").status, 404) << "no mesh at all";
}

TEST_F(HttpSiteTest, RefusesNonsense) {
    EXPECT_EQ(get("/nothing").status, 404);
    EXPECT_EQ(get("").status, 404);
    EXPECT_EQ(get("/api/nothing").status, 404);
    EXPECT_EQ(get("/apixyz").status, 404);
    EXPECT_EQ(get("/api/connector?count=-1").status, 400);
    EXPECT_EQ(get("/api/connector?count=").status, 400);
    EXPECT_EQ(get("/api/connector?what=1").status, 400);
    EXPECT_EQ(get("/api/connector?attributes=nothing").status, 400);
    EXPECT_EQ(get("/api/connector?attributes=name%2Ccost&%63ount=1").status, 200);
    EXPECT_EQ(get("/api/connector?attributes=name%2Cnothing").status, 400);
    EXPECT_EQ(json("/api/nothing")["error"], "there is no such entity type; /api lists them");
}

TEST_F(HttpSiteTest, AnswersWhenTheNodeDoesLater) {
    source.later = true;
    EXPECT_EQ(get("/metrics").status, 200);
    EXPECT_EQ(get("/api/connector").status, 200);
}

}  // namespace
}  // namespace amqmesh::mgmt::test
