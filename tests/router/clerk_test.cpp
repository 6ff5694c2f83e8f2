#include "router/clerk.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace amqmesh::router {
namespace {

class ClerkTest : public ::testing::Test {
  protected:
    // Until `done` of the tasks' second halves have run.
    void serve(int done) {
        const auto work = boost::asio::make_work_guard(io_);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (served_ < done && io_.run_one_until(deadline) > 0) {
        }
        EXPECT_EQ(served_, done);
    }

    Clerk::Deliver deliver() {
        return [this](Clerk::Task task) { boost::asio::post(io_, std::move(task)); };
    }

    boost::asio::io_context io_;
    int served_ = 0;
};

// Says on which thread it was destroyed.
struct Witness {
    explicit Witness(std::thread::id& where) : where_(where) {}

    ~Witness() { where_ = std::this_thread::get_id(); }

    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;

    std::thread::id& where_;
};

TEST_F(ClerkTest, WorksElsewhereAndAnswersHere) {
    Clerk clerk(deliver());
    const auto here = std::this_thread::get_id();
    std::thread::id worked;
    std::thread::id answered;
    std::thread::id destroyed;
    mgmt::offload(
        clerk,
        [&worked, witness = std::make_shared<Witness>(destroyed)] {
            worked = std::this_thread::get_id();
            return std::string{"rows"};
        },
        [&](std::string&& text) {
            EXPECT_EQ(text, "rows");
            answered = std::this_thread::get_id();
            ++served_;
        });
    serve(1);
    EXPECT_NE(worked, here);
    EXPECT_EQ(answered, here);
    EXPECT_EQ(destroyed, here);
}

TEST_F(ClerkTest, KeepsTheOrderAndGivesWayToOtherThreads) {
    Clerk clerk(deliver());
    const int own = ::getpriority(PRIO_PROCESS, 0);
    std::vector<int> order;
    for (int i = 0; i < 100; ++i) {
        mgmt::offload(
            clerk,
            [] { return ::getpriority(PRIO_PROCESS, 0); },
            [&, i](int&& nice) {
                EXPECT_GE(nice, std::min(own + 10, 19));
                order.push_back(i);
                ++served_;
            });
    }
    serve(100);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), own);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    }
}

TEST_F(ClerkTest, EndsAfterTheTaskUnderWay) {
    std::promise<void> begun;
    bool finished = false;
    {
        Clerk clerk(deliver());
        clerk.run(
            [&] {
                begun.set_value();
                finished = true;
            },
            [] { ADD_FAILURE() << "nobody serves any more"; });
        begun.get_future().wait();
    }
    EXPECT_TRUE(finished);
}

}  // namespace
}  // namespace amqmesh::router
