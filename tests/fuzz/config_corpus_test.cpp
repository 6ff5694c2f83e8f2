// Replays every corpus file, whole, cut and damaged, in every preset.
#include "tests/fuzz/config_fuzz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amqmesh::fuzz {

namespace {

std::vector<std::string> corpus() {
    std::vector<std::filesystem::path> paths;
    for (const auto& file : std::filesystem::directory_iterator(AMQMESH_CONFIG_CORPUS)) {
        paths.push_back(file.path());
    }
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> files;
    for (const auto& path : paths) {
        std::string text(std::filesystem::file_size(path), '\0');
        std::ifstream stream(path, std::ios::binary);
        stream.read(text.data(), static_cast<std::streamsize>(text.size()));
        files.push_back(std::move(text));
    }
    return files;
}

void feed(std::string_view text) {
    feed_config(std::as_bytes(std::span(text)));
}

}  // namespace

TEST(ConfigCorpus, is_survived) {
    const auto files = corpus();
    ASSERT_GE(files.size(), 5U);
    for (const std::string& file : files) {
        feed(file);
    }
}

TEST(ConfigCorpus, is_survived_cut_anywhere) {
    for (const std::string& file : corpus()) {
        const std::size_t step = 1 + file.size() / 100;
        for (std::size_t size = 0; size < file.size(); size += step) {
            feed(std::string_view(file).substr(0, size));
        }
    }
}

TEST(ConfigCorpus, is_survived_damaged) {
    constexpr std::string_view kTelling = "{}[]:,#\"'\n \t&*-|>!%@`?\\0a";
    std::mt19937 random(7);
    for (const std::string& file : corpus()) {
        for (int round = 0; round < 100; ++round) {
            std::string damaged = file;
            for (auto i = 1 + random() % 4; i > 0 && !damaged.empty(); --i) {
                const bool telling = random() % 2 == 0;
                damaged[random() % damaged.size()] =
                    telling ? kTelling[random() % kTelling.size()] : static_cast<char>(random());
            }
            feed(damaged);
        }
    }
}

}  // namespace amqmesh::fuzz
