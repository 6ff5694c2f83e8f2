#include "router/name_lookup.h"

#include "router/tcp.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace amqmesh::router {
namespace {

class NameLookupTest : public ::testing::Test {
  protected:
    NameLookup::Done take() {
        return [this](const NameLookup::Found& found) {
            found_ = found;
            io_.stop();
        };
    }

    // Until an answer came.
    NameLookup::Found wait() {
        const auto work = boost::asio::make_work_guard(io_);
        io_.restart();
        io_.run_for(std::chrono::seconds(60));
        EXPECT_TRUE(found_);
        return found_.value_or(NameLookup::Found{});
    }

    boost::asio::io_context io_;
    std::optional<NameLookup::Found> found_;
};

TEST_F(NameLookupTest, FindsAddressesWithThePort) {
    NameLookup lookup(io_);
    lookup.start("localhost", "5672", AddressFamily::kV4, take());
    EXPECT_FALSE(found_) << "never from inside";
    const auto found = wait();
    ASSERT_FALSE(found.addresses.empty()) << found.why;
    EXPECT_EQ(to_text(found.addresses.front()), "127.0.0.1:5672");
}

TEST_F(NameLookupTest, SaysWhyThereAreNone) {
    NameLookup lookup(io_);
    lookup.start("localhost", "no-such-service", AddressFamily::kV4, take());
    const auto found = wait();
    EXPECT_TRUE(found.addresses.empty());
    EXPECT_FALSE(found.why.empty());
}

TEST_F(NameLookupTest, OnlyTheLastQuestionIsAnswered) {
    NameLookup lookup(io_);
    int others = 0;
    for (int i = 0; i < 10; ++i) {
        lookup.start("localhost", "1", AddressFamily::kV4, [&others](const NameLookup::Found&) {
            ++others;
        });
    }
    lookup.forget();
    lookup.start("localhost", "5672", AddressFamily::kV4, take());
    const auto found = wait();
    if (found.addresses.empty()) {
        EXPECT_FALSE(found.why.empty()) << "the thread of a former one is still under way";
    } else {
        EXPECT_EQ(to_text(found.addresses.front()), "127.0.0.1:5672");
    }
    EXPECT_EQ(others, 0);
}

TEST_F(NameLookupTest, MayEndAmidALookUp) {
    int called = 0;
    for (int i = 0; i < 20; ++i) {
        NameLookup lookup(io_);
        lookup.start("localhost", "1", AddressFamily::kV4, [&called](const NameLookup::Found&) {
            ++called;
        });
    }
    NameLookup last(io_);
    last.start("localhost", "5672", AddressFamily::kV4, take());
    EXPECT_FALSE(wait().addresses.empty());
    io_.restart();
    io_.poll();
    EXPECT_EQ(called, 0);
}

}  // namespace
}  // namespace amqmesh::router
