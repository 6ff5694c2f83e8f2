// Replays the control corpus, and mutations of it from fixed seeds, in every preset.
#include "tests/fuzz/control_fuzz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace amqmesh::fuzz {
namespace {

std::vector<std::string> corpus() {
    std::vector<std::string> inputs;
    for (const auto& entry : std::filesystem::directory_iterator(AMQMESH_CONTROL_CORPUS)) {
        std::ifstream in(entry.path(), std::ios::binary);
        std::ostringstream content;
        content << in.rdbuf();
        inputs.push_back(content.str());
    }
    std::sort(inputs.begin(), inputs.end());
    return inputs;
}

void feed(const std::string& input) {
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    feed_control(bytes.data(), bytes.size());
}

TEST(ControlCorpus, KeepsTheInvariants) {
    const std::vector<std::string> inputs = corpus();
    ASSERT_GE(inputs.size(), 3U);
    for (const std::string& input : inputs) {
        feed(input);
    }
}

TEST(ControlCorpus, SoDoMutations) {
    const std::vector<std::string> inputs = corpus();
    std::mt19937_64 random(11);
    for (int i = 0; i < 3000; ++i) {
        std::string input = inputs[random() % inputs.size()];
        for (std::uint64_t n = random() % 8 + 1; n > 0 && !input.empty(); --n) {
            const std::size_t at = random() % input.size();
            if (random() % 4 == 0) {
                input.erase(at, random() % 4);
            } else {
                input[at] = static_cast<char>(random());
            }
        }
        feed(input);
    }
}

}  // namespace
}  // namespace amqmesh::fuzz
