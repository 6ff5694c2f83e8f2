// Types asked for by the names of the reference's successor, and what is told under them.
#include "mgmt/agent_dialect.h"

#include "tests/mgmt/agent_fixture.h"

#include <gmock/gmock.h>

namespace amqmesh::mgmt::test {
namespace {

using testing::HasSubstr;

class SuccessorTest : public AgentTest {
  protected:
    SuccessorTest() {
        listener("a");
        links(1);
        Row address{type_of("router.address")};
        address.set("name", "M0news").set("identity", "M0news").set("key", "M0news");
        source.add(address);
        Row own{type_of("router.address")};
        own.set("name", "L$management").set("identity", "L$management").set("key", "L$management");
        source.add(own);
    }

    List results(const char* type, List columns) {
        const Response response = ask({.properties = {{"entityType", type}},
                                       .body = Map{{"attributeNames", std::move(columns)}}});
        EXPECT_EQ(response.code, 200) << response.text;
        return list_at(response, "results");
    }
};

TEST_F(SuccessorTest, NamesOfTypes) {
    EXPECT_EQ(find_type("io.skupper.router.router.link"), &type_of("router.link"));
    EXPECT_EQ(find_type("io.skupper.router.address"), &type_of("router.config.address"));
    EXPECT_EQ(find_type("io.skupper.router."), nullptr);
    EXPECT_EQ(short_type_name("io.skupper.router.router"), "router");
    EXPECT_EQ(short_type_name("org.amqp.management"), "org.amqp.management");
    EXPECT_EQ(renamed("org.amqp.management", Dialect::kSuccessor), "org.amqp.management");
}

TEST_F(SuccessorTest, QueryIsAnsweredInKind) {
    EXPECT_EQ(results("io.skupper.router.listener", {"name", "type"}),
              (List{List{"a", "io.skupper.router.listener"}}));
    EXPECT_EQ(results("org.apache.qpid.dispatch.listener", {"name", "type"}),
              (List{List{"a", "org.apache.qpid.dispatch.listener"}}));
    const Response all = ask({.properties = {{"entityType", "io.skupper.router.operationalEntity"}},
                              .body = Map{{"attributeNames", List{"owningAddr", "type"}}}});
    const std::string rows = to_json(at(all, "results"));
    EXPECT_THAT(rows, HasSubstr(R"(["Mqueue.a","io.skupper.router.router.link"])"));
    EXPECT_THAT(rows, testing::Not(HasSubstr("org.apache")));
}

TEST_F(SuccessorTest, KeysOfAddressesHaveNoPhase) {
    EXPECT_EQ(results("io.skupper.router.router.address", {"name", "identity", "key"}),
              (List{List{"Mnews", "Mnews", "Mnews"},
                    List{"L$management", "L$management", "L$management"}}));
    EXPECT_EQ(results("io.skupper.router.router.link", {"owningAddr"}), (List{List{"Mqueue.a"}}));
    EXPECT_EQ(results("router.link", {"owningAddr"}), (List{List{"M0queue.a"}}));
}

TEST_F(SuccessorTest, AnAddressIsReadByTheNameItWasToldBy) {
    for (const char* which : {"name", "identity"}) {
        const Response response =
            ask({.operation = "READ",
                 .properties = {{"type", "io.skupper.router.router.address"}, {which, "Mnews"}}});
        EXPECT_EQ(response.code, 200) << response.text;
        EXPECT_EQ(at(response, "type"), Value{"io.skupper.router.router.address"});
        EXPECT_EQ(at(response, "name"), Value{"Mnews"});
    }
}

TEST_F(SuccessorTest, CreateUpdateDelete) {
    const std::string type = "io.skupper.router.router.config.address";
    const Map which{{"type", type}, {"name", "x"}};
    const Response made = ask({.operation = "CREATE",
                               .properties = which,
                               .body = Map{{"prefix", "M0x"}, {"type", type}}});
    EXPECT_EQ(made.code, 201) << made.text;
    EXPECT_EQ(at(made, "type"), Value{type});
    EXPECT_EQ(at(made, "prefix"), Value{"M0x"}) << "no key of an address";
    const Response changed = ask({.operation = "UPDATE", .properties = which, .body = made.body});
    EXPECT_EQ(changed.code, 200) << changed.text;
    EXPECT_EQ(at(changed, "type"), Value{type});
    EXPECT_EQ(ask({.operation = "DELETE", .properties = which}).code, 204);
}

TEST_F(SuccessorTest, TypesAreListedInKind) {
    const Response types = ask(
        {.operation = "GET-TYPES", .properties = {{"entityType", "io.skupper.router.listener"}}});
    EXPECT_EQ(list_at(types, "io.skupper.router.listener"),
              (List{"io.skupper.router.configurationEntity", "io.skupper.router.entity"}));
    const Response unknown = ask(
        {.operation = "GET-TYPES", .properties = {{"entityType", "io.skupper.router.listenr"}}});
    EXPECT_EQ(unknown.code, 400);
    EXPECT_THAT(unknown.text, HasSubstr("did you mean listener?"));
}

}  // namespace
}  // namespace amqmesh::mgmt::test
