// What the workers are told while they take nothing.
#include "router/worker_pool.h"

#include "routing/node.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace amqmesh::router {
namespace {

namespace command = link::command;

link::ConnectionId connection(std::uint32_t slot) {
    return {0, slot, 1};
}

/// A pool of one worker that was never started and whose mailbox is full.
class FullWorker : public ::testing::Test {
  protected:
    void SetUp() override {
        while (pool_.pending(0) == 0) {
            pool_.send(0, command::TakeSnapshot{});
        }
    }

    [[nodiscard]] std::size_t added() const { return pool_.pending(0) - 1; }

    Mailbox<link::Report> reports_{
        MailboxOptions{.name = "reports", .limit = 10, .wake = {}, .space = {}}};
    WorkerPool pool_{1, "A", 1U << 20U, reports_.sender(), [] {}};
};

TEST_F(FullWorker, ChangesOfAConnectionWaitOnce) {
    for (std::uint32_t round = 0; round < 50; ++round) {
        for (std::uint32_t slot = 0; slot < 4; ++slot) {
            pool_.send(0, command::Trace{connection(slot), round % 2 == 0});
            pool_.send(0, command::SetCapacity{connection(slot), round});
            pool_.send(0, command::CloseConnection{connection(slot), {}});
        }
    }
    EXPECT_EQ(added(), 12U);
    pool_.send(0, command::Trace{{0, 0, 2}, true});
    EXPECT_EQ(added(), 13U) << "another life of the slot is another connection";
}

TEST_F(FullWorker, WhatIsNoChangeOfAConnectionIsKept) {
    pool_.send(0, command::SendControl{connection(0), 1, "a"});
    pool_.send(0, command::SendControl{connection(0), 2, "b"});
    pool_.send(0, command::TakeSnapshot{});
    EXPECT_EQ(added(), 3U);
}

TEST_F(FullWorker, RepliesAreRefusedBeyondANumber) {
    std::size_t taken = 0;
    while (pool_.send(0, command::Originate{"amqp:/_topo/0/A/temp.x", "reply"})) {
        ASSERT_LT(++taken, 2000U);
    }
    EXPECT_EQ(taken, 999U) << "one other command was waiting";
    EXPECT_EQ(pool_.pending(0), 1000U);
}

TEST_F(FullWorker, TablesAreMerged) {
    routing::ForwardingTableBuilder builder(routing::router_id("A"), "A");
    for (int i = 0; i < 10; ++i) {
        routing::TableChange change;
        pool_.publish(builder.publish(change), change);
    }
    EXPECT_EQ(added(), 1U);
}

}  // namespace
}  // namespace amqmesh::router
