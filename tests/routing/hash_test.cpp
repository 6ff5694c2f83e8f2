#include "routing/hash.h"

#include "routing/node.h"
#include "routing/sha256.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace amqmesh::routing {
namespace {

std::string hex(const std::array<std::uint8_t, 32>& digest) {
    std::string out;
    for (const std::uint8_t byte : digest) {
        constexpr char kDigits[] = "0123456789abcdef";
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
    return out;
}

// FIPS 180-4 examples.
TEST(Sha256, KnownAnswers) {
    EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(RouterIdentity, IsTheHeadOfTheHash) {
    EXPECT_EQ(router_id("abc"), 0xba7816bf8f01cfeaULL);
    EXPECT_NE(router_id("a"), router_id("b"));
}

TEST(Hash, LengthAndContentCount) {
    std::set<std::uint64_t> seen;
    std::string bytes;
    for (int i = 0; i < 64; ++i) {
        EXPECT_TRUE(seen.insert(hash_bytes(bytes)).second) << i;
        bytes.push_back('\0');
    }
    EXPECT_NE(hash_words({1, 2}), hash_words({2, 1}));
    EXPECT_NE(hash_words({1}), hash_words({1, 0}));
    EXPECT_EQ(hash_words({1, 2}), hash_words({1, 2}));
}

}  // namespace
}  // namespace amqmesh::routing
