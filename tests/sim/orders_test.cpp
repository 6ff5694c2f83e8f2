// All orders in which messages can arrive and things can happen, in every small mesh.
// `amqmesh-sim --orders 4` looks at more of them than fit into every run.
#include "tests/sim/orders.h"

#include <gtest/gtest.h>

namespace amqmesh::sim {
namespace {

struct Sum {
    std::size_t worlds = 0;
    std::size_t complete = 0;
    std::size_t states = 0;
};

Sum look_at(std::size_t routers, std::size_t happenings, std::size_t states_max) {
    Sum sum;
    for (SmallWorld& world : small_worlds(routers, happenings)) {
        world.states_max = states_max;
        const Looked looked = look_at_all_orders(world);
        EXPECT_EQ(looked.failure, "") << describe(world);
        ++sum.worlds;
        sum.complete += looked.complete ? 1U : 0U;
        sum.states += looked.states;
    }
    return sum;
}

TEST(Orders, OneThingThatHappensToTwoOrThreeRouters) {
    EXPECT_EQ(look_at(2, 1, 10'000).complete, 6U);
    const Sum three = look_at(3, 1, 10'000);
    EXPECT_EQ(three.complete, three.worlds);
    EXPECT_EQ(connected_shapes(3).size(), 2U);
}

TEST(Orders, OneThingThatHappensToFourRouters) {
    EXPECT_EQ(connected_shapes(4).size(), 6U);
    const Sum four = look_at(4, 1, 4'000);
    EXPECT_GT(four.worlds, 60U);
    EXPECT_GT(four.complete, four.worlds - 10) << "a full mesh has more orders than that";
    EXPECT_GT(four.states, 20'000U);
}

TEST(Orders, TwoThingsThatHappenToTwoOrThreeRouters) {
    const Sum two = look_at(2, 2, 10'000);
    EXPECT_EQ(two.complete, two.worlds);
    const Sum three = look_at(3, 2, 2'000);
    EXPECT_GT(three.worlds, 50U);
    EXPECT_GT(three.complete, three.worlds / 2);
}

// From nothing: two routers that find each other, whatever comes first.
TEST(Orders, ANewMesh) {
    const SmallWorld world = {
        .routers = 2, .links = {{0, 1}}, .happenings = {}, .from_start = true};
    const Looked looked = look_at_all_orders(world);
    EXPECT_EQ(looked.failure, "");
    EXPECT_TRUE(looked.complete);
    EXPECT_GT(looked.states, 20U);
}

// The judge must see a mistake: here the link makes one, and loses a message.
TEST(Orders, ALostMessageIsFound) {
    SmallWorld world = {
        .routers = 2, .links = {{0, 1}}, .happenings = {{Happening::Kind::kAddress, 0}}};
    world.lost_message = SmallMesh(world).first_state().messages + 1;
    const Looked looked = look_at_all_orders(world);
    EXPECT_NE(looked.failure.find("happening0"), std::string::npos) << looked.failure;
}

}  // namespace
}  // namespace amqmesh::sim
