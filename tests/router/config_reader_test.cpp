// The three dialects say the same; what is wrong in them is told with its line.
#include "router/config_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace amqmesh::router {
namespace {

constexpr std::string_view kYaml = R"(# a node
router:
  id: A
  mode: interior
listener:
  - host: 127.0.0.1
    port: 5672
  - {port: amqp, role: inter-router}
address: {prefix: multicast, distribution: multicast}
)";

constexpr std::string_view kBraces = R"(# a node
router {
    id: A
    mode: interior
}
listener {
    host: 127.0.0.1   # loopback
    port: 5672
}
listener {
    port: amqp
    role: inter-router
}

address {
    prefix: multicast
    distribution: multicast
}
)";

constexpr std::string_view kJson = R"([
  ["router", {"id": "A", "mode": "interior"}],
  ["listener", {"host": "127.0.0.1", "port": 5672}],
  ["listener", {"port": "amqp", "role": "inter-router"}],
  ["address", {"prefix": "multicast",
               "distribution": "multicast"}]
])";

// "router@2 id=A mode=interior; …"
std::string summary(const RawConfig& config, bool lines) {
    std::string text;
    for (const RawEntity& entity : config.entities) {
        text += entity.type;
        text += lines ? '@' + std::to_string(entity.line) : "";
        for (const RawConfigAttribute& attribute : entity.attributes) {
            text += ' ' + attribute.name;
            text += lines ? '@' + std::to_string(attribute.line) : "";
            text += '=' + mgmt::to_display(attribute.value);
        }
        text += ";\n";
    }
    return text;
}

std::string problems(const RawConfig& config) {
    std::string text;
    for (const ConfigProblem& problem : config.problems) {
        text += to_string(problem, "f") + '\n';
    }
    return text;
}

TEST(ConfigReader, only_utf8_is_read) {
    for (const std::string text : {"router:\n  id: A\n  # \xff\n", "router {\n\n  id: \xc3\n}\n"}) {
        const RawConfig config = read_config(text);
        ASSERT_EQ(config.problems.size(), 1U);
        EXPECT_EQ(to_string(config.problems[0], "f"), "f:3: is not UTF-8 (save the file as UTF-8)");
        EXPECT_TRUE(config.entities.empty());
    }
    EXPECT_TRUE(read_config("\xEF\xBB\xBFrouter: {id: \xc3\xa4}\n").problems.empty());
}

TEST(ConfigReader, the_three_dialects_mean_the_same) {
    const RawConfig yaml = read_config(kYaml);
    const RawConfig braces = read_config(kBraces);
    const RawConfig json = read_config(kJson);
    EXPECT_EQ(problems(yaml) + problems(braces) + problems(json), "");
    EXPECT_EQ(summary(yaml, false),
              "router id=A mode=interior;\n"
              "listener host=127.0.0.1 port=5672;\n"
              "listener port=amqp role=inter-router;\n"
              "address prefix=multicast distribution=multicast;\n");
    EXPECT_EQ(summary(braces, false), summary(yaml, false));
    EXPECT_EQ(summary(json, false), summary(yaml, false));
}

TEST(ConfigReader, every_value_knows_its_line) {
    EXPECT_EQ(summary(read_config(kYaml), true),
              "router@2 id@3=A mode@4=interior;\n"
              "listener@6 host@6=127.0.0.1 port@7=5672;\n"
              "listener@8 port@8=amqp role@8=inter-router;\n"
              "address@9 prefix@9=multicast distribution@9=multicast;\n");
    EXPECT_EQ(summary(read_config(kBraces), true),
              "router@2 id@3=A mode@4=interior;\n"
              "listener@6 host@7=127.0.0.1 port@8=5672;\n"
              "listener@10 port@11=amqp role@12=inter-router;\n"
              "address@15 prefix@16=multicast distribution@17=multicast;\n");
    EXPECT_EQ(summary(read_config(kJson), true),
              "router@2 id@2=A mode@2=interior;\n"
              "listener@3 host@3=127.0.0.1 port@3=5672;\n"
              "listener@4 port@4=amqp role@4=inter-router;\n"
              "address@5 prefix@5=multicast distribution@6=multicast;\n");
}

TEST(ConfigReader, braces_keep_hashes_in_patterns_and_read_nested_json) {
    const RawConfig config = read_config(
        "address {\n"
        "  pattern: a/#   # all below\n"
        "}\n"
        "listener {\n"
        "  openProperties: {   # more\n"
        "     \"a\": 1,\n"
        "     \"b\": [\"x\", true]\n"
        "  }\n"
        "  port: 1 # one\n"
        "}\n"
        "policy {}\n");
    EXPECT_EQ(problems(config), "");
    EXPECT_EQ(summary(config, true),
              "address@1 pattern@2=a/#;\n"
              "listener@4 openProperties@5={\"a\":1,\"b\":[\"x\",true]} port@9=1;\n"
              "policy@11;\n");
}

struct Bad {
    const char* text;
    const char* problems;
};

class BadConfig : public testing::TestWithParam<Bad> {};

TEST_P(BadConfig, is_told_with_its_line) {
    EXPECT_EQ(problems(read_config(GetParam().text)), GetParam().problems);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    BadConfig,
    testing::Values(
        Bad{"", "f: is empty (see the README's example)\n"},
        Bad{"# only words\n", "f: is empty (see the README's example)\n"},
        Bad{"hello", "f:1: not a configuration (begin with an entity, for example \"router:\")\n"},
        Bad{"router:\n  id: [A\n",
            "f:3: end of sequence flow not found (look at indentation and brackets, here and "
            "above)\n"},
        Bad{"router: 5\n",
            "f:1: router: its attributes have to be a map (write \"name: value\" pairs)\n"},
        Bad{"listener:\n  - {port: 1}\n  - 7\n",
            "f:3: listener: its attributes have to be a map (write \"name: value\" pairs)\n"},
        Bad{"a: &x {b: 1}\nc: *x\n", "f:2: anchors and aliases are not read here\n"},
        Bad{"a: {b: 1}\n---\nc: {d: 1}\n", "f:2: only one document is read\n"},
        Bad{"a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", "f:1: nested too deeply\n"},
        Bad{"[[\"router\", {\"id\": \"A\"}], 5]",
            "f:1: not an entity (a list file holds [\"type\", {\"attribute\": value}])\n"},
        Bad{"router {\n  id: A\n", "f:2: router: \"}\" is missing (opened in line 1)\n"},
        Bad{"router {\n  id A\n}\n}\n",
            "f:2: router: expected \"attribute: value\"\n"
            "f:4: \"}\" without an open entity\n"},
        Bad{"router { id: A }\n",
            "f:1: router: text behind \"{\" (write one attribute a line, below it)\n"
            "f:1: router: \"}\" is missing (opened in line 1)\n"},
        Bad{"a {\n  groups: {\n   \"x\": [1\n",
            "f:3: a bracket is not closed (opened in line 2)\n"
            "f:3: a: \"}\" is missing (opened in line 1)\n"}));

TEST(ConfigReader, a_file_beyond_all_measure_is_refused) {
    EXPECT_EQ(problems(read_config(std::string(5U << 20U, 'a'))),
              "f: larger than 4 MiB (is this a configuration?)\n");
}

TEST(ConfigReader, problems_are_bounded) {
    std::string text;
    for (int i = 0; i < 1000; ++i) {
        text += "x {\nbad\n}\n";
    }
    EXPECT_LE(read_config(text).problems.size(), kConfigProblemsMax);
}

}  // namespace
}  // namespace amqmesh::router
