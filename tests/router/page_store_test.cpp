#include "router/page_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace amqmesh::router {
namespace {

using routing::kSecond;

RowPagesPtr pages(std::size_t count) {
    return std::make_shared<const RowPages>(RowPages{count, {}});
}

TEST(PageStore, KeepsApartWhoAsksForWhat) {
    PageStore store;
    store.keep("link", "a", pages(1), 0);
    store.keep("link", "b", pages(2), 0);
    store.keep("address", "a", pages(3), 0);
    EXPECT_EQ(store.find("link", "a", 0)->count, 1U);
    EXPECT_EQ(store.find("link", "b", 0)->count, 2U);
    EXPECT_EQ(store.find("address", "a", 0)->count, 3U);
    EXPECT_EQ(store.find("address", "b", 0), nullptr);
    store.keep("link", "a", pages(4), 0);
    EXPECT_EQ(store.find("link", "a", 0)->count, 4U) << "a new first page";
    store.drop("link", "a");
    EXPECT_EQ(store.find("link", "a", 0), nullptr);
    EXPECT_EQ(store.find("link", "b", 0)->count, 2U);
}

TEST(PageStore, ForgetsWhoAsksNoMoreOrForTooLong) {
    PageStore store;
    store.keep("link", "idle", pages(1), 0);
    store.keep("link", "busy", pages(2), 0);
    EXPECT_EQ(store.take_old(PageStore::kIdleLimit).size(), 0U);
    for (routing::Time now = 0; now <= PageStore::kAgeLimit; now += PageStore::kIdleLimit) {
        EXPECT_NE(store.find("link", "busy", now), nullptr) << now;
    }
    EXPECT_EQ(store.find("link", "idle", PageStore::kAgeLimit), nullptr);
    EXPECT_EQ(store.take_old(PageStore::kAgeLimit).size(), 1U) << "the idle one";
    EXPECT_EQ(store.find("link", "busy", PageStore::kAgeLimit + 1), nullptr);
    EXPECT_EQ(store.take_old(PageStore::kAgeLimit + 1).size(), 1U);
    EXPECT_TRUE(store.empty());
}

TEST(PageStore, TheLongestUnusedGoesFirst) {
    PageStore store;
    for (std::size_t i = 0; i < PageStore::kMax; ++i) {
        store.keep("link", std::to_string(i), pages(i), i);
    }
    EXPECT_NE(store.find("link", "0", kSecond), nullptr);
    store.keep("link", "one more", pages(9), kSecond);
    EXPECT_NE(store.find("link", "0", kSecond), nullptr);
    EXPECT_EQ(store.find("link", "1", kSecond), nullptr);
    EXPECT_NE(store.find("link", "2", kSecond), nullptr);
    const auto old = store.take_old(kSecond);
    ASSERT_EQ(old.size(), 1U) << "for the caller to destroy";
    EXPECT_EQ(old[0]->count, 1U);
}

}  // namespace
}  // namespace amqmesh::router
