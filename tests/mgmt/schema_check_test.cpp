// What validation says about entities as people write them.
#include "mgmt/log_levels.h"
#include "mgmt/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace amqmesh::mgmt {
namespace {

using testing::HasSubstr;

Validated check(std::string_view type,
                const std::vector<RawAttribute>& raw,
                Purpose purpose = Purpose::kFile) {
    return validate(type_of(type), raw, purpose);
}

// "index: message (hint)" of each problem, errors and warnings marked.
std::vector<std::string> problems(const Validated& result) {
    std::vector<std::string> out;
    for (const Problem& problem : result.problems) {
        std::string line = problem.warning ? "warning" : problem.forbidden ? "forbidden" : "error";
        line += problem.index == Problem::kWholeEntity ? " *" : " " + std::to_string(problem.index);
        line += ": " + problem.message;
        if (!problem.hint.empty()) {
            line += " (" + problem.hint + ")";
        }
        out.push_back(line);
    }
    return out;
}

TEST(SchemaCheck, FillsDefaults) {
    const Validated result = check("listener", {{"port", Value{"5672"}}});
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result.problems.empty());
    EXPECT_EQ(result.row.text("host"), "127.0.0.1");
    EXPECT_EQ(result.row.text("port"), "5672");
    EXPECT_EQ(result.row.text("role"), "normal");
    EXPECT_EQ(result.row.integer("idleTimeoutSeconds"), 16);
    EXPECT_EQ(result.row.integer("linkCapacity"), 250);
    EXPECT_EQ(result.row.integer("cost"), 1);
    EXPECT_FALSE(result.row.has("socketAddressFamily"));
    EXPECT_FALSE(result.row.has("name"));
}

TEST(SchemaCheck, TakesTypedValuesAndText) {
    const Validated typed = check("listener",
                                  {{"port", Value{5672}},
                                   {"idleTimeoutSeconds", Value{30U}},
                                   {"http", Value{false}},
                                   {"authenticatePeer", Value{"no"}},
                                   {"link-capacity", Value{"10"}},
                                   {"role", Value{"INTER-ROUTER"}}});
    ASSERT_TRUE(typed.ok()) << problems(typed)[0];
    EXPECT_EQ(typed.row.text("port"), "5672");
    EXPECT_EQ(typed.row.integer("idleTimeoutSeconds"), 30);
    EXPECT_EQ(typed.row.integer("linkCapacity"), 10);
    EXPECT_EQ(typed.row.text("role"), "inter-router");
}

TEST(SchemaCheck, BooleansHaveManySpellings) {
    for (const char* text : {"yes", "true", "on", "1", "TRUE", "Yes"}) {
        EXPECT_TRUE(check("log", {{"module", Value{"SERVER"}}, {"includeTimestamp", Value{text}}})
                        .row.boolean("includeTimestamp"))
            << text;
    }
    for (const char* text : {"no", "false", "off", "0"}) {
        EXPECT_FALSE(check("log", {{"module", Value{"SERVER"}}, {"includeTimestamp", Value{text}}})
                         .row.at("includeTimestamp")
                         .boolean(true))
            << text;
    }
}

TEST(SchemaCheck, ReportsEveryProblemWithWhatToDo) {
    const Validated result = check("listener",
                                   {{"prot", Value{"5672"}},
                                    {"linkCapacity", Value{"many"}},
                                    {"maxFrameSize", Value{"100"}},
                                    {"role", Value{"interrouter"}},
                                    {"authenticatePeer", Value{"yes"}},
                                    {"host", Value{"a"}},
                                    {"host", Value{"b"}}});
    EXPECT_FALSE(result.ok());
    EXPECT_THAT(problems(result),
                testing::ElementsAre(
                    "error 0: listener has no attribute \"prot\" (did you mean port?)",
                    "error 1: linkCapacity: \"many\" is not a whole number (write digits only)",
                    "error 2: maxFrameSize: 100 is out of range (512 to 1048576 bytes)",
                    "error 3: role: \"interrouter\" is not one of its values (did you mean "
                    "inter-router? one of: normal, inter-router, route-container)",
                    HasSubstr("error 4: authenticatePeer: \"yes\" is not supported"),
                    "error 6: host is given twice (keep one of them)"));
}

TEST(SchemaCheck, IntegersAreStrict) {
    for (const char* text : {"", " 5", "5 ", "5s", "0x5", "5.0", "+5", "99999999999999999999"}) {
        EXPECT_FALSE(check("listener", {{"linkCapacity", Value{text}}}).ok()) << text;
    }
    EXPECT_TRUE(check("listener", {{"linkCapacity", Value{5.0}}}).ok());
    EXPECT_FALSE(check("listener", {{"linkCapacity", Value{5.5}}}).ok());
    EXPECT_FALSE(check("listener", {{"linkCapacity", Value{-1}}}).ok());
    EXPECT_FALSE(check("listener", {{"linkCapacity", Value{UINT64_MAX}}}).ok());
    EXPECT_FALSE(check("listener", {{"linkCapacity", Value{true}}}).ok());
    EXPECT_FALSE(check("listener", {{"linkCapacity", Value{List{}}}}).ok());
}

TEST(SchemaCheck, RefusedChoicesGetAdvice) {
    EXPECT_THAT(problems(check("router", {{"mode", Value{"edge"}}})),
                testing::ElementsAre("error 0: mode: \"edge\" is not supported (edge mode is not "
                                     "offered yet; use interior)"));
}

TEST(SchemaCheck, OldNamesWarnAndWork) {
    const Validated result = check("connector", {{"addr", Value{"h"}}, {"port", Value{"1"}}});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.row.text("host"), "h");
    EXPECT_THAT(problems(result),
                testing::ElementsAre("warning 0: addr is an old name (write host)"));
    EXPECT_THAT(problems(check("connector", {{"addr", Value{"h"}}, {"host", Value{"i"}}})),
                testing::Contains("error 1: host is given twice (addr and host are the same)"));
}

TEST(SchemaCheck, IgnoredOnesWarnUnlessTheyAreTheDefault) {
    EXPECT_TRUE(check("router", {{"raIntervalSeconds", Value{"30"}}}).problems.empty());
    const Validated result = check("router", {{"raInterval-Seconds", Value{"5"}}});
    EXPECT_TRUE(result.ok());
    EXPECT_THAT(problems(result),
                testing::ElementsAre(HasSubstr("warning 0: raIntervalSeconds has no effect")));
}

TEST(SchemaCheck, UnsupportedTypesSayWhatToDo) {
    const Validated result = check("linkRoute", {{"prefix", Value{"q"}}});
    EXPECT_FALSE(result.ok());
    EXPECT_THAT(problems(result), testing::ElementsAre(HasSubstr("linkRoute is not supported")));
}

TEST(SchemaCheck, AddressNeedsPrefixOrPattern) {
    EXPECT_TRUE(check("address", {{"prefix", Value{"a"}}}).ok());
    EXPECT_TRUE(check("address", {{"pattern", Value{"a.*.#"}}}).ok());
    EXPECT_FALSE(check("address", {{"prefix", Value{"a"}}, {"pattern", Value{"b"}}}).ok());
    EXPECT_FALSE(check("address", {}).ok());
    EXPECT_FALSE(check("address", {{"prefix", Value{"/."}}}).ok());
    EXPECT_FALSE(check("address", {{"prefix", Value{"a\nb"}}}).ok());
    EXPECT_FALSE(check("address", {{"prefix", Value{"a"}}, {"priority", Value{10}}}).ok());
}

TEST(SchemaCheck, PortsAreNumbersOrNames) {
    for (const char* port : {"0", "5672", "65535", "amqp", "amqps"}) {
        EXPECT_TRUE(check("listener", {{"port", Value{port}}}).ok()) << port;
    }
    for (const char* port : {"", "65536", "-1", "5672/tcp", "999999", "a b"}) {
        EXPECT_FALSE(check("listener", {{"port", Value{port}}}).ok()) << port;
    }
}

TEST(SchemaCheck, RouterIdIsBounded) {
    EXPECT_TRUE(check("router", {{"id", Value{std::string(64, 'x')}}}).ok());
    EXPECT_FALSE(check("router", {{"id", Value{std::string(65, 'x')}}}).ok());
    EXPECT_FALSE(check("router", {{"id", Value{"a b"}}}).ok());
    EXPECT_FALSE(check("router", {{"id", Value{"a/b"}}}).ok());
}

TEST(SchemaCheck, LogLevels) {
    const auto mask = [](std::string_view enable) {
        std::string why;
        const auto levels = parse_log_levels(enable, why);
        EXPECT_EQ(levels.has_value(), why.empty());
        EXPECT_EQ(check("log", {{"module", Value{"SERVER"}}, {"enable", Value{enable}}}).ok(),
                  levels.has_value())
            << enable;
        return levels ? int{levels->mask} : -1;
    };
    EXPECT_EQ(mask("info+"), 0b1111100);
    EXPECT_EQ(mask("INFO+"), 0b1111100);
    EXPECT_EQ(mask("warning,error"), 0b0110000);
    EXPECT_EQ(mask("debug warning, error"), 0b0110010);
    EXPECT_EQ(mask("trace,debug,warning+"), 0b1110011);
    EXPECT_EQ(mask("none"), 0);
    EXPECT_EQ(mask("default"), 0);
    EXPECT_EQ(mask("loud+"), -1);
    EXPECT_EQ(mask("+"), -1);
    EXPECT_EQ(mask("default+"), -1);
    EXPECT_EQ(mask("default,error"), -1);
    EXPECT_FALSE(check("log", {{"enable", Value{"info+"}}}).ok()) << "module is required";
}

TEST(SchemaCheck, UpdateChangesOnlyWhatMayChange) {
    const Validated good = check("log",
                                 {{"enable", Value{"debug+"}},
                                  {"type", Value{"org.apache.qpid.dispatch.log"}},
                                  {"identity", Value{"log/SERVER"}}},
                                 Purpose::kUpdate);
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(good.row.text("enable"), "debug+");
    EXPECT_FALSE(good.row.has("outputFile")) << "no defaults";
    const Validated bad = check("log", {{"module", Value{"AGENT"}}}, Purpose::kUpdate);
    ASSERT_EQ(bad.problems.size(), 1U);
    EXPECT_TRUE(bad.problems[0].forbidden);
    const Validated state =
        check("connection", {{"adminStatus", Value{"deleted"}}}, Purpose::kUpdate);
    EXPECT_TRUE(state.ok());
    EXPECT_FALSE(check("connection", {{"host", Value{"h"}}}, Purpose::kUpdate).ok());
}

TEST(SchemaCheck, RulesHoldForAnEntityAsItWouldBeAfterAnUpdate) {
    const Row current = check("listener",
                              {{"port", Value{"1"}},
                               {"http", Value{true}},
                               {"httpUsername", Value{"me"}},
                               {"httpPassword", Value{"pass:it"}}})
                            .row;
    const Validated good =
        validate_change(current, std::vector<RawAttribute>{{"httpPassword", Value{"pass:other"}}});
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(good.row.text("httpPassword"), "pass:other");
    EXPECT_FALSE(good.row.has("httpUsername")) << "only what is to be changed";
    const auto refused = [](const Row& row, const char* name, const char* value) {
        const Validated result =
            validate_change(row, std::vector<RawAttribute>{{name, Value{value}}});
        return problems(result);
    };
    EXPECT_THAT(refused(current, "httpUsername", "a:b"),
                testing::ElementsAre(HasSubstr("error 0: httpUsername has a colon")));
    EXPECT_THAT(refused(current, "port", "2"),
                testing::ElementsAre(HasSubstr("forbidden 0: port cannot be changed")));
    const Row connector = check("connector", {{"port", Value{"1"}}}).row;
    EXPECT_THAT(refused(connector, "port", "nowhere at all"),
                testing::ElementsAre(HasSubstr("error 0: port: ")));
    EXPECT_THAT(refused(connector, "port", "amqps"), testing::IsEmpty());
}

TEST(SchemaCheck, HttpListenersAreNotOpenToEverybodyByMistake) {
    const auto listener = [](std::vector<RawAttribute> more) {
        more.push_back({"port", Value{"8080"}});
        return problems(check("listener", more));
    };
    const RawAttribute http{"http", Value{true}};
    const RawAttribute user{"httpUsername", Value{"me"}};
    const RawAttribute password{"httpPassword", Value{"env:IT"}};
    for (const char* host : {"127.0.0.1", "127.1.2.3", "localhost", "::1"}) {
        EXPECT_THAT(listener({http, {"host", Value{host}}}), testing::IsEmpty()) << host;
    }
    const RawAttribute everywhere{"host", Value{"0.0.0.0"}};
    EXPECT_THAT(listener({http, everywhere}),
                testing::ElementsAre(HasSubstr("warning 1: everyone who reaches this HTTP")));
    EXPECT_THAT(listener({http, everywhere, user, password}), testing::IsEmpty());
    EXPECT_THAT(listener({everywhere}), testing::IsEmpty()) << "AMQP";
    EXPECT_THAT(listener({http, user}),
                testing::ElementsAre(HasSubstr("error 1: httpUsername and httpPassword go")));
    EXPECT_THAT(listener({http, password}),
                testing::ElementsAre(HasSubstr("error 1: httpUsername and httpPassword go")));
    EXPECT_THAT(listener({{"httpOrigins", Value{"*"}}}),
                testing::ElementsAre(HasSubstr("error 0: httpOrigins needs an HTTP listener")));
}

TEST(SchemaCheck, NullInAnUpdateIsTheDefault) {
    const Validated back =
        check("connector", {{"cost", Value{}}, {"linkCapacity", Value{}}}, Purpose::kUpdate);
    EXPECT_TRUE(back.ok());
    EXPECT_EQ(back.row.integer("cost"), 1);
    EXPECT_EQ(back.row.integer("linkCapacity"), 250);
    const Validated stuck = check("listener", {{"httpUsername", Value{}}}, Purpose::kUpdate);
    ASSERT_FALSE(stuck.ok());
    EXPECT_THAT(stuck.problems[0].message, HasSubstr("httpUsername has no default"));
}

TEST(SchemaCheck, OriginsThatNoPageHas) {
    const auto told = [](const char* origins) {
        const Validated checked =
            check("listener",
                  {{"port", Value{"0"}}, {"http", Value{"yes"}}, {"httpOrigins", Value{origins}}});
        EXPECT_TRUE(checked.ok()) << "warnings only";
        return checked.problems.size();
    };
    EXPECT_EQ(told("https://shop.example http://localhost:3000 *"), 0U);
    EXPECT_EQ(told("https://shop.example/"), 1U);
    EXPECT_EQ(told("shop.example https://shop.example/cart ://x https://"), 4U);
}

TEST(SchemaCheck, NullIsAsIfNotGiven) {
    const Validated result = check("listener", {{"linkCapacity", Value{}}, {"port", Value{"1"}}});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.row.integer("linkCapacity"), 250);
    EXPECT_FALSE(check("log", {{"module", Value{}}}).ok());
}

}  // namespace
}  // namespace amqmesh::mgmt
