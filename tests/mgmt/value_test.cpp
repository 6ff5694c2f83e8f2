#include "mgmt/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace amqmesh::mgmt {
namespace {

TEST(Value, ReadsIntegersOfEitherSign) {
    EXPECT_EQ(Value{-1}.integer(), -1);
    EXPECT_EQ(Value{std::uint64_t{7}}.integer(), 7);
    EXPECT_EQ(Value{std::numeric_limits<std::uint64_t>::max()}.integer(-5), -5) << "does not fit";
    EXPECT_EQ(Value{-1}.unsigned_integer(9), 9U) << "negative";
    EXPECT_EQ(Value{std::numeric_limits<std::int64_t>::min()}.number(), -9223372036854775808.0);
    EXPECT_EQ(Value{"7"}.integer(3), 3) << "text is not a number here";
}

TEST(Value, EqualMeansTheSameNumber) {
    EXPECT_EQ(Value{std::int64_t{7}}, Value{std::uint64_t{7}});
    EXPECT_FALSE(Value{std::int64_t{-1}} == Value{std::numeric_limits<std::uint64_t>::max()});
    EXPECT_FALSE(Value{1} == Value{true});
    EXPECT_EQ((Value{List{Value{1}, Value{"a"}}}), (Value{List{Value{1U}, Value{"a"}}}));
}

TEST(Value, JsonEscapesWhatItMust) {
    const Value value{Map{{"a\"b\\", Value{"line\nend\x01"}}, {"n", Value{}}}};
    EXPECT_EQ(to_json(value), R"({"a\"b\\":"line\nend\u0001","n":null})");
}

TEST(Value, JsonReplacesBytesThatAreNotUtf8) {
    EXPECT_EQ(to_json(Value{"\xc3\xa4"}), "\"\xc3\xa4\"");
    EXPECT_EQ(to_json(Value{"a\xff"
                            "b\xe2\x82"}),
              "\"a\xef\xbf\xbd"
              "b\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_EQ(to_json(Value{"\xed\xa0\x80"}), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")
        << "surrogate";
    EXPECT_EQ(to_json(Value{"\xc0\x80"}), "\"\xef\xbf\xbd\xef\xbf\xbd\"") << "overlong";
}

TEST(Value, JsonNumbers) {
    EXPECT_EQ(to_json(Value{List{Value{1.5},
                                 Value{std::nan("")},
                                 Value{std::uint64_t{18446744073709551615U}},
                                 Value{-3},
                                 Value{true}}}),
              "[1.5,null,18446744073709551615,-3,true]");
}

TEST(Value, DisplayIsPlain) {
    EXPECT_EQ(to_display(Value{}), "");
    EXPECT_EQ(to_display(Value{"x y"}), "x y");
    EXPECT_EQ(to_display(Value{List{Value{"a"}}}), R"(["a"])");
}

}  // namespace
}  // namespace amqmesh::mgmt
