// How long the control thread is busy with a query of 10,000 links (issue 5: at most 50 ms), all at
// once and in the pages that the reference's tools ask for. Medians of 11 runs.
#include "mgmt/agent.h"

#include "tests/mgmt/proton_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace amqmesh::mgmt {
namespace {

constexpr std::size_t kLinks = 10'000;

// Makes rows afresh for each query, as a node does from its snapshots.
class Links : public Source {
  public:
    void query(const EntityType& type, RowsDone done) override {
        std::vector<Row> rows;
        for (std::size_t i = 0; i < kLinks; ++i) {
            rows.push_back(link(type, i));
        }
        done(std::move(rows));
    }

    void create(const EntityType&, Row, ResultDone done) override { done({}); }

    void update(const EntityType&, Row, Row, ResultDone done) override { done({}); }

    void remove(const EntityType&, Row, ResultDone done) override { done({}); }

    std::vector<std::string> mesh_routers() override { return {}; }

    std::vector<LogLine> log_lines(std::size_t) override { return {}; }

  private:
    static Row link(const EntityType& type, std::size_t i) {
        Row row{type};
        row.set("identity", std::to_string(i)).set("linkName", "a link with a long name");
        row.set("linkType", "endpoint").set("linkDir", "in").set("owningAddr", "M0queue.a");
        row.set("capacity", 250U).set("undeliveredCount", 1U).set("unsettledCount", 3U);
        row.set("deliveryCount", std::uint64_t{1} << 40U).set("connectionId", "17");
        row.set("adminStatus", "enabled").set("operStatus", "up");
        row.set("presettledCount", 0U).set("droppedPresettledCount", 0U);
        row.set("acceptedCount", 123456U).set("rejectedCount", 0U).set("releasedCount", 0U);
        row.set("modifiedCount", 0U).set("deliveriesDelayed1Sec", 0U);
        row.set("deliveriesDelayed10Sec", 0U).set("deliveriesStuck", 0U).set("priority", 4U);
        row.set("settleRate", 1000U).set("creditAvailable", 250U).set("zeroCreditSeconds", 0U);
        row.set("uptimeSeconds", 99U);
        return row;
    }
};

struct Cost {
    double milliseconds = 0;
    std::size_t bytes = 0;
};

Cost ask(Agent& agent, std::size_t page) {
    Cost cost;
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t offset = 0; offset < kLinks; offset += page) {
        const std::string request = test::encode(
            {.properties = {{"entityType", "router.link"}, {"offset", offset}, {"count", page}}});
        agent.handle(request, [&](Reply&& reply) { cost.bytes += reply.message.size(); });
    }
    const std::chrono::duration<double, std::milli> elapsed =
        std::chrono::steady_clock::now() - begin;
    cost.milliseconds = elapsed.count();
    return cost;
}

void report(const char* title, std::size_t page) {
    Links source;
    Agent agent{source};
    std::vector<double> runs;
    std::size_t bytes = 0;
    for (int i = 0; i < 11; ++i) {
        const Cost cost = ask(agent, page);
        runs.push_back(cost.milliseconds);
        bytes = cost.bytes;
    }
    std::ranges::sort(runs);
    fmt::print("{:<28} {:8.2f} ms {:10} bytes\n", title, runs[runs.size() / 2], bytes);
}

}  // namespace
}  // namespace amqmesh::mgmt

int main() {
    amqmesh::mgmt::report("10,000 links at once", 10'000);
    amqmesh::mgmt::report("10,000 links by 500", 500);
    return 0;
}
