#include "tests/fuzz/mgmt_fuzz.h"

#include "mgmt/agent.h"
#include "mgmt/amqp_value.h"
#include "mgmt/http_site.h"
#include "mgmt/remote_nodes.h"
#include "tests/mgmt/fake_source.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace amqmesh::fuzz {

namespace {

void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "management: %s\n", what);
        std::abort();
    }
}

mgmt::test::FakeSource node() {
    mgmt::test::FakeSource source;
    const auto add = [&](const char* type, const char* name) -> void {
        mgmt::Row row{mgmt::type_of(type)};
        row.set("name", name).set("identity", name);
        source.add(std::move(row));
    };
    add("router", "router/A");
    add("listener", "a");
    add("log", "log/DEFAULT");
    add("router.node", "router.node/A");
    add("connection", "5");
    source.routers = {"A"};
    return source;
}

// header, properties, application-properties, amqp-value; nothing behind.
bool is_message(std::string_view bytes) {
    mgmt::ValueReader reader{bytes};
    for (const std::uint64_t section : {0x70U, 0x73U, 0x74U}) {
        if (reader.read_descriptor() != section) {
            return false;
        }
        reader.read();
    }
    if (reader.read_descriptor() != 0x77) {
        return false;
    }
    reader.read();
    return reader.ok() && reader.at_end();
}

bool feed_agent(std::string_view message) {
    mgmt::test::FakeSource source = node();
    mgmt::Agent agent{source};
    std::size_t replies = 0;
    agent.handle(message, [&](mgmt::Reply&& reply) {
        ++replies;
        require(!reply.to.empty(), "a response to nobody");
        require(is_message(reply.message), "a response that is no message");
    });
    require(replies <= 1, "two responses");
    require(replies + agent.dropped() == 1, "a request was neither answered nor dropped");
    require(agent.pending() == 0, "something is left over");
    return replies == 1;
}

// Nothing that comes unasked is an answer; what is one ends no more than its question.
void feed_remote(std::string_view message) {
    std::size_t sent = 0;
    mgmt::RemoteNodes remote{"A", 1, [&](std::string&&, std::string&&) { ++sent; }};
    std::size_t answers = 0;
    remote.query({.node = "B", .type = mgmt::find_type("router")},
                 [&](mgmt::RemoteRows&&) { ++answers; });
    const bool taken = remote.on_message(message);
    require(sent == 1, "not one question");
    require(answers == (taken ? 1U : 0U), "an answer that was not taken, or not given");
    require(remote.pending() == 1 - answers, "a question is lost");
}

bool feed_site(std::string_view target) {
    mgmt::test::FakeSource source = node();
    mgmt::HttpSite site{source, [] { return std::string{}; }};
    std::size_t answers = 0;
    site.get(target, [&](mgmt::HttpResponse&& response) {
        ++answers;
        require(response.status >= 200 && response.status < 600, "no HTTP status");
    });
    require(answers == 1, "not one answer to an HTTP request");
    return true;
}

}  // namespace

bool feed_mgmt(const std::uint8_t* data, std::size_t size) {
    const std::string input(data, data + size);
    if (input.starts_with('/')) {
        return feed_site(input);
    }
    feed_remote(input);
    return feed_agent(input);
}

}  // namespace amqmesh::fuzz
