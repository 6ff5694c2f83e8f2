// Replays the management corpus, and mutations of it from a fixed seed, in every preset.
#include "tests/fuzz/mgmt_fuzz.h"

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
    for (const auto& entry : std::filesystem::directory_iterator(AMQMESH_MGMT_CORPUS)) {
        std::ifstream in(entry.path(), std::ios::binary);
        std::ostringstream content;
        content << in.rdbuf();
        inputs.push_back(content.str());
    }
    std::sort(inputs.begin(), inputs.end());
    return inputs;
}

bool feed(const std::string& input) {
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    return feed_mgmt(bytes.data(), bytes.size());
}

TEST(MgmtCorpus, GetsItsAnswers) {
    const std::vector<std::string> inputs = corpus();
    ASSERT_GE(inputs.size(), 10U);
    const auto answered = std::count_if(inputs.begin(), inputs.end(), feed);
    EXPECT_GE(answered, 10);
}

TEST(MgmtCorpus, MutationsEnd) {
    const std::vector<std::string> inputs = corpus();
    std::mt19937_64 random(13);
    std::size_t answered = 0;
    for (int i = 0; i < 5000; ++i) {
        std::string input = inputs[random() % inputs.size()];
        for (std::uint64_t n = random() % 4 + 1; n > 0 && !input.empty(); --n) {
            const std::size_t at = random() % input.size();
            if (random() % 4 == 0) {
                input.erase(at, random() % 4);
            } else {
                input[at] = static_cast<char>(random());
            }
        }
        answered += feed(input) ? 1U : 0U;
    }
    EXPECT_GT(answered, 500U) << "the mutations are too wild to test anything";
}

}  // namespace
}  // namespace amqmesh::fuzz
