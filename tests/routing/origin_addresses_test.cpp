// Address tables: whatever happens at the origin and however a follower catches up, both end equal.
#include "routing/origin_addresses.h"

#include "routing/codec.h"
#include "routing/own_addresses.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace amqmesh::routing {
namespace {

using Applied = OriginAddresses::Applied;
using Keys = std::map<std::string, std::uint32_t>;  // key -> weight

constexpr RouterId kRid = 7;
constexpr std::uint64_t kLife = 100;
const Limits kLimits;

// The origin's side: own changes, gathered and numbered.
struct Origin {
    OwnAddresses own;
    OriginAddresses table;
    Time now = kSecond;

    void set(const std::string& key, std::uint32_t weight) {
        own.on_change(now, {key, Treatment::kBalanced, weight, true}, kLimits);
    }

    void remove(const std::string& key) {
        own.on_change(now, {key, Treatment::kBalanced, 1, false}, kLimits);
    }

    void flush() {
        now += 10 * kMillisecond;
        own.flush(now, kRid, kLife, table);
    }
};

// A follower that keeps, like a driver, what the differences tell it.
struct Follower {
    OriginAddresses table;
    Keys told;

    Applied step(const std::string& body) {
        AddressDelta delta;
        EXPECT_EQ(decode_delta(body, kLimits, delta), Fault::kNone);
        std::vector<AddressDiff> diffs;
        const Applied applied = table.apply_step(delta, body, kLimits, diffs);
        tell(diffs);
        return applied;
    }

    Applied take(const std::vector<std::string>& parts) {
        AddressDelta head;
        std::vector<AddressEntry> entries;
        for (const std::string& part : parts) {
            EXPECT_EQ(decode_delta(part, kLimits, head), Fault::kNone);
            entries.insert(entries.end(), head.add.begin(), head.add.end());
        }
        std::vector<AddressDiff> diffs;
        const Applied applied = table.apply_table(head, entries, kLimits, diffs);
        tell(diffs);
        return applied;
    }

    void tell(const std::vector<AddressDiff>& diffs) {
        for (const AddressDiff& diff : diffs) {
            if (diff.present) {
                told[diff.key] = diff.weight;
            } else {
                EXPECT_EQ(told.erase(diff.key), 1U) << diff.key;
            }
        }
    }

    void catch_up(const Origin& origin) {
        const auto steps = origin.table.steps_after(table.seq());
        if (!steps.empty()) {
            for (const OriginAddresses::Step* step_to_do : steps) {
                ASSERT_EQ(step(step_to_do->body), Applied::kDone);
            }
        } else if (origin.table.seq() > table.seq()) {
            ASSERT_EQ(take(origin.table.encode_table(kRid, kLife, {})), Applied::kDone);
        }
    }
};

TEST(OriginAddresses, FollowersEndEqualHoweverTheyCatchUp) {
    std::mt19937_64 random(5);
    Origin origin;
    Keys truth;
    std::vector<Follower> followers(3);
    for (int round = 0; round < 3000; ++round) {
        for (std::uint64_t n = random() % 4; n > 0; --n) {
            const std::string key = "k" + std::to_string(random() % 60);
            if (random() % 3 == 0) {
                origin.remove(key);
                truth.erase(key);
            } else {
                truth[key] = static_cast<std::uint32_t>(random() % 3);
                origin.set(key, truth[key]);
            }
        }
        origin.flush();
        // The first follows step by step, the others look in rarely.
        for (std::size_t i = 0; i < followers.size(); ++i) {
            if (i == 0 || random() % (200 * i) == 0) {
                followers[i].catch_up(origin);
                ASSERT_EQ(followers[i].told, truth);
                ASSERT_EQ(followers[i].table.content(), origin.table.content());
                followers[i].table.check_invariants();
            }
        }
    }
    EXPECT_EQ(origin.table.size(), truth.size());
}

TEST(OriginAddresses, GapIsNotApplied) {
    Origin origin;
    Follower follower;
    origin.set("a", 1);
    origin.flush();
    origin.set("b", 1);
    origin.flush();
    const auto steps = origin.table.steps_after(0);
    ASSERT_EQ(steps.size(), 2U);
    EXPECT_EQ(follower.step(steps[1]->body), Applied::kGap);
    EXPECT_TRUE(follower.told.empty());
    EXPECT_EQ(follower.step(steps[0]->body), Applied::kDone);
    EXPECT_EQ(follower.step(steps[0]->body), Applied::kDuplicate);
    EXPECT_EQ(follower.step(steps[1]->body), Applied::kDone);
}

TEST(OriginAddresses, WrongDigestOrUnknownIdIsCorrupt) {
    Follower follower;
    AddressDelta delta = {.rid = kRid, .incarnation = kLife, .base = 0, .seq = 1};
    delta.add = {{0, "a"}};
    delta.digest = 1;
    EXPECT_EQ(follower.step(encode_delta(delta)), Applied::kCorrupt);
    delta.add.clear();
    delta.del = {3};
    EXPECT_EQ(follower.step(encode_delta(delta)), Applied::kCorrupt);
    EXPECT_EQ(follower.table.seq(), 0U);
}

TEST(OriginAddresses, TablesAreAtomicAndOnlyGoForward) {
    Origin origin;
    Follower follower;
    origin.set("a", 1);
    origin.flush();
    const auto old_table = origin.table.encode_table(kRid, kLife, {});
    origin.set("b", 1);
    origin.flush();
    ASSERT_EQ(follower.take(origin.table.encode_table(kRid, kLife, {})), Applied::kDone);
    EXPECT_EQ(follower.take(old_table), Applied::kDuplicate);
    EXPECT_EQ(follower.told.size(), 2U);
    origin.table.reissue(40);
    EXPECT_EQ(origin.table.seq(), 41U);
    EXPECT_EQ(follower.take(origin.table.encode_table(kRid, kLife, {})), Applied::kDone);
}

TEST(OriginAddresses, BigTablesTravelInParts) {
    Origin origin;
    for (int i = 0; i < 20'000; ++i) {
        origin.set("some.rather.long.address.key." + std::to_string(i), 1);
    }
    origin.flush();
    const auto parts = origin.table.encode_table(kRid, kLife, {});
    EXPECT_GT(parts.size(), 10U);
    for (const std::string& part : parts) {
        EXPECT_LE(part.size(), 64U * 1024);
    }
    Follower follower;
    EXPECT_EQ(follower.take(parts), Applied::kDone);
    EXPECT_EQ(follower.told.size(), 20'000U);
}

// Someone who missed a few changes of a big table fetches only the buckets that differ.
TEST(OriginAddresses, DifferingBucketsBringTheRest) {
    Origin origin;
    for (int i = 0; i < 5000; ++i) {
        origin.set("key." + std::to_string(i), 1);
    }
    origin.flush();
    Follower follower;
    follower.catch_up(origin);
    origin.set("key.17", 2);
    origin.remove("key.18");
    origin.set("new", 1);
    origin.flush();
    const auto theirs = origin.table.bucket_digests();
    const auto ours = follower.table.bucket_digests();
    std::vector<std::uint32_t> differ;
    for (std::uint32_t i = 0; i < kBuckets; ++i) {
        if (theirs[i].digest != ours[i].digest) {
            differ.push_back(i);
        }
    }
    ASSERT_LE(differ.size(), 3U);
    const auto parts = origin.table.encode_table(kRid, kLife, differ);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_LT(parts[0].size(), 4000U);
    ASSERT_EQ(follower.take(parts), Applied::kDone);
    EXPECT_EQ(follower.table.content(), origin.table.content());
    EXPECT_EQ(follower.told.at("key.17"), 2U);
    EXPECT_FALSE(follower.told.contains("key.18"));
}

TEST(OriginAddresses, LogIsBounded) {
    Origin origin;
    for (int i = 0; i < 5000; ++i) {
        origin.set("key", static_cast<std::uint32_t>(i));
        origin.flush();
    }
    EXPECT_TRUE(origin.table.steps_after(3000).empty());
    EXPECT_EQ(origin.table.steps_after(4990).size(), 10U);
    EXPECT_LT(origin.table.bytes(), 200'000U);
    origin.table.check_invariants();
}

TEST(OwnAddresses, FirstChangeAtOnceThenInBatches) {
    Origin origin;
    origin.set("a", 1);
    EXPECT_EQ(origin.own.due(), origin.now);
    origin.flush();
    EXPECT_FALSE(origin.own.due());
    const Time flushed = origin.now;
    origin.now += kMillisecond;
    origin.set("b", 1);
    EXPECT_EQ(origin.own.due(), flushed + 10 * kMillisecond);
}

TEST(OwnAddresses, LimitsHold) {
    OwnAddresses own;
    const Limits limits = {.key_bytes = 4, .addresses_per_origin = 2};
    EXPECT_FALSE(own.on_change(1, {"toolong"}, limits));
    EXPECT_FALSE(own.on_change(1, {""}, limits));
    EXPECT_TRUE(own.on_change(1, {"a"}, limits));
    EXPECT_TRUE(own.on_change(1, {"b"}, limits));
    EXPECT_FALSE(own.on_change(1, {"c"}, limits));
    EXPECT_TRUE(own.on_change(1, {"a", Treatment::kClosest, 2, true}, limits));
}

}  // namespace
}  // namespace amqmesh::routing
