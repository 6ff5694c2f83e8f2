#include "router/deadline_queue.h"

#include <gtest/gtest.h>

namespace amqmesh::router {
namespace {

TEST(DeadlineQueue, gives_what_is_due_in_order_of_time) {
    DeadlineQueue queue;
    EXPECT_FALSE(queue.next().has_value());
    queue.set(1, 30);
    queue.set(2, 10);
    queue.set(3, 20);
    EXPECT_EQ(queue.next(), 10U);
    EXPECT_FALSE(queue.take_due(9).has_value());
    EXPECT_EQ(queue.take_due(25), 2U);
    EXPECT_EQ(queue.take_due(25), 3U);
    EXPECT_FALSE(queue.take_due(25).has_value());
    EXPECT_EQ(queue.of(1), 30U);
    EXPECT_FALSE(queue.of(2).has_value()) << "a deadline is taken once";
}

TEST(DeadlineQueue, a_new_deadline_replaces_the_old_one) {
    DeadlineQueue queue;
    queue.set(1, 10);
    queue.set(1, 50);
    EXPECT_EQ(queue.next(), 50U);
    EXPECT_FALSE(queue.take_due(49).has_value());
    queue.set(1, std::nullopt);
    EXPECT_FALSE(queue.next().has_value());
    EXPECT_FALSE(queue.take_due(100).has_value());
}

}  // namespace
}  // namespace amqmesh::router
