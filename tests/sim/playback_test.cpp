// A recorded life gives the same outcomes again, event by event, and a changed one does not.
#include "tests/sim/playback.h"

#include "tests/sim/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace amqmesh::sim {
namespace {

using routing::kMillisecond;
using routing::kSecond;

// Router 1 of a ring that has some trouble.
std::string recorded_life() {
    World world(ring(4), Options{}, 5);
    std::string recording;
    world.record(1, recording);
    world.start_all();
    world.run_for(3 * kSecond);
    world.set_address(1, "a key, with a space", Mirror::Address{});
    world.set_address(2, "other", Mirror::Address{});
    world.set_up(1, false);
    world.run_for(100 * kMillisecond);
    world.set_cost(0, 1, 7);
    world.drain(1, true);
    world.crash(3, true);
    world.run_for(3 * kSecond);
    world.set_up(1, true);
    world.start(3);
    world.drain(1, false);
    world.set_address(1, "a key, with a space", std::nullopt);
    world.run_for(5 * kSecond);
    world.stop(1);
    return recording;
}

Playback play_text(const std::string& text) {
    std::istringstream stream(text);
    return play(stream);
}

TEST(Playback, TheSameLifeAgain) {
    const std::string recording = recorded_life();
    std::istringstream stream(recording);
    std::string words;
    const Playback played = play(stream, [&](std::size_t, const auto& event, const auto& effects) {
        words += in_words(event, effects) + '\n';
    });
    EXPECT_EQ(played.failure, "") << "line " << played.line;
    EXPECT_GT(played.steps, 100U);
    EXPECT_EQ(played.to - played.from, 11'100 * kMillisecond);
    for (const char* part : {"hello on 1", "ADJ_FULL", "gone", "cost on ", "drain", "stop"}) {
        EXPECT_NE(words.find(part), std::string::npos) << part;
    }
}

// An event less, and what follows is not what was recorded.
TEST(Playback, AMissingEventIsFoundWhereItMatters) {
    const std::string recording = recorded_life();
    const std::size_t drain = recording.find(" drain 1\n");
    ASSERT_NE(drain, std::string::npos);
    const std::size_t begin = recording.rfind('\n', drain) + 1;
    const std::size_t end = recording.find('\n', recording.find('\n', drain) + 1) + 1;
    const std::string before = recording.substr(0, begin);
    const Playback played = play_text(before + recording.substr(end));
    EXPECT_NE(played.failure, "");
    EXPECT_EQ(played.line,
              static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 2)
        << played.failure;
}

// A process that died while it handled an event leaves that event as the last line.
TEST(Playback, TheLastEventNeedsNoOutcome) {
    const std::string recording = recorded_life();
    const std::size_t last = recording.rfind("\n<") + 1;
    const Playback played = play_text(recording.substr(0, last));
    EXPECT_EQ(played.failure, "");
    EXPECT_EQ(played.steps, play_text(recording).steps);
}

TEST(Playback, NonsenseIsRefused) {
    const std::string head =
        routing::record(routing::RecordedNode{.config = {.name = "x"}, .seed = 3});
    const std::string start = routing::record(kSecond, routing::event::Start{5});
    EXPECT_EQ(play_text(head + start).failure, "");
    for (const std::string& text : {std::string(),
                                    std::string("amqmesh-recording 2\n"),
                                    std::string("amqmesh-recording 1\nnode x\n"),
                                    head + "> 1000000 stop\n",
                                    head + start + "> 1000001 tick 0\n",
                                    head + start + "< 0 0 0\n",
                                    head + start + "< 0 0\n",
                                    head + "> 1 start -5\n",
                                    head + "> 1 start 5 5\n",
                                    head + "> 1 frame 1 0g\n",
                                    head + "> 99999999999999999999999 start 5\n",
                                    head + "hello\n"}) {
        EXPECT_NE(play_text(text).failure, "") << text;
    }
}

}  // namespace
}  // namespace amqmesh::sim
