// Replays every corpus file, whole and damaged, in every preset.
#include "tests/fuzz/engine_fuzz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

namespace amqmesh::fuzz {

namespace {

std::vector<std::vector<std::byte>> corpus() {
    std::vector<std::filesystem::path> paths;
    for (const auto& file : std::filesystem::directory_iterator(AMQMESH_ENGINE_CORPUS)) {
        paths.push_back(file.path());
    }
    std::sort(paths.begin(), paths.end());
    std::vector<std::vector<std::byte>> files;
    for (const auto& path : paths) {
        std::vector<std::byte> bytes(std::filesystem::file_size(path));
        std::ifstream stream(path, std::ios::binary);
        stream.read(reinterpret_cast<char*>(bytes.data()),
                    static_cast<std::streamsize>(bytes.size()));
        files.push_back(std::move(bytes));
    }
    return files;
}

}  // namespace

TEST(EngineCorpus, IsSurvived) {
    const auto files = corpus();
    ASSERT_GE(files.size(), 5U);
    for (const auto& file : files) {
        feed_engine(file);
    }
}

TEST(EngineCorpus, IsSurvivedCutAnywhere) {
    for (const auto& file : corpus()) {
        const std::size_t step = 1 + file.size() / 50;
        for (std::size_t size = 0; size < file.size(); size += step) {
            feed_engine(std::span(file).first(size));
        }
    }
}

TEST(EngineCorpus, IsSurvivedDamaged) {
    std::mt19937 random(7);
    for (const auto& file : corpus()) {
        for (int round = 0; round < 40; ++round) {
            std::vector<std::byte> damaged = file;
            for (auto i = 1 + random() % 4; i > 0 && !damaged.empty(); --i) {
                damaged[random() % damaged.size()] = static_cast<std::byte>(random());
            }
            feed_engine(damaged);
        }
    }
}

}  // namespace amqmesh::fuzz
