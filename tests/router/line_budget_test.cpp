// Lines of the log: how many of a kind, and that what peers say stays within its line.
#include "router/line_budget.h"

#include "router/log.h"

#include <gtest/gtest.h>

#include <string>

namespace amqmesh::router {
namespace {

using routing::kSecond;

TEST(LineBudget, LeavesOutAndSaysHowMany) {
    LineBudget budget{2};
    const routing::Time begin = 100 * kSecond;
    EXPECT_EQ(budget.take(begin), 0U);
    EXPECT_EQ(budget.take(begin + kSecond, 5), 5U);
    EXPECT_FALSE(budget.take(begin + 2 * kSecond));
    EXPECT_FALSE(budget.take(begin + 59 * kSecond, 10));
    EXPECT_EQ(budget.take(begin + 60 * kSecond), 12U);
    EXPECT_EQ(budget.take(begin + 61 * kSecond), 0U) << "told once";
    EXPECT_FALSE(budget.take(begin + 62 * kSecond));
}

TEST(Log, ALineStaysALine) {
    log::write(log::Module::kMessage, log::Level::kInfo, "TEST", "name=a\nerror\x7f\x1b[31m");
    ASSERT_EQ(log::latest(1).size(), 1U);
    EXPECT_EQ(log::latest(1)[0].text, "TEST name=a?error??[31m");
}

}  // namespace
}  // namespace amqmesh::router
