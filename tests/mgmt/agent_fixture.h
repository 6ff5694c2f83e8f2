// An agent over a FakeSource, spoken to through Proton's codec.
#pragma once

#include "mgmt/agent.h"
#include "tests/mgmt/fake_source.h"
#include "tests/mgmt/proton_message.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::mgmt::test {

class AgentTest : public testing::Test {
  protected:
    void handle(const std::string& bytes) {
        agent.handle(bytes, [this](Reply&& reply) { replies.push_back(std::move(reply)); });
    }

    /// The one response to a request; fails the test if there is none or Proton cannot read it.
    Response ask(const RequestSpec& spec) {
        replies.clear();
        handle(encode(spec));
        source.run();
        EXPECT_EQ(replies.size(), 1U);
        EXPECT_EQ(agent.pending(), 0U);
        if (replies.empty()) {
            return {};
        }
        std::optional<Response> response = decode(replies[0].message);
        EXPECT_TRUE(response.has_value());
        return response.value_or(Response{});
    }

    void listener(const std::string& name) {
        Row row{type_of("listener")};
        row.set("name", name).set("identity", "listener/" + name).set("port", "5672");
        source.add(std::move(row));
    }

    void links(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            Row row{type_of("router.link")};
            row.set("name", "link" + std::to_string(i)).set("identity", std::to_string(i));
            row.set("linkName", "l").set("linkType", "endpoint").set("linkDir", "in");
            row.set("owningAddr", "M0queue.a").set("capacity", 250U).set("undeliveredCount", i);
            row.set("unsettledCount", 3U).set("deliveryCount", std::uint64_t{1} << 40U);
            row.set("connectionId", "17").set("adminStatus", "enabled").set("operStatus", "up");
            row.set("presettledCount", 0U).set("acceptedCount", 123456U);
            row.set("creditAvailable", 250U).set("zeroCreditSeconds", 0U);
            source.add(std::move(row));
        }
    }

    FakeSource source;
    Agent agent{source};
    std::vector<Reply> replies;
};

/// The value as a list or map; an empty one when it is something else.
inline const List& list_of(const Value& value) {
    static const List empty;
    const auto* list = value.as<List>();
    return list != nullptr ? *list : empty;
}

inline const Map& map_of(const Value& value) {
    static const Map empty;
    const auto* map = value.as<Map>();
    return map != nullptr ? *map : empty;
}

/// A value of a response's map body.
inline Value at(const Response& response, std::string_view key) {
    const Value* value = find(map_of(response.body), key);
    return value != nullptr ? *value : Value{};
}

inline List list_at(const Response& response, std::string_view key) {
    return list_of(at(response, key));
}

}  // namespace amqmesh::mgmt::test
