// How long the control thread is busy with a query of 10,000 links (issue 5: at most 50 ms), all at
// once and in the pages that the reference's tools ask for, and with a scrape of 10,000 addresses
// (at most 200 ms). Processor time, medians of 11 runs. Then what counting costs in memory.
#include "mgmt/agent.h"

#include "link/links.h"
#include "mgmt/metrics.h"
#include "tests/mgmt/proton_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <vector>

namespace amqmesh::mgmt {
namespace {

constexpr std::size_t kLinks = 10'000;
constexpr std::size_t kAddresses = 10'000;

// Makes rows afresh for each query, as a node does from its snapshots.
class Links : public Source {
  public:
    void query(const EntityType& type, RowsDone done) override {
        std::vector<Row> rows;
        if (type.name == "router.link") {
            for (std::size_t i = 0; i < kLinks; ++i) {
                rows.push_back(link(type, i));
            }
        } else if (type.name == "router.address") {
            for (std::size_t i = 0; i < kAddresses; ++i) {
                rows.push_back(address(type, i));
            }
        }
        done(std::move(rows));
    }

    void create(const EntityType&, Row, ResultDone done) override { done({}); }

    void update(const EntityType&, Row, Row, ResultDone done) override { done({}); }

    void remove(const EntityType&, Row, ResultDone done) override { done({}); }

    std::vector<std::string> mesh_routers() override { return {}; }

    std::vector<LogLine> log_lines(std::size_t) override { return {}; }

    void query_page(const EntityType& type, Page page, RowsDone done) override {
        std::vector<Row> rows;
        const std::size_t end = std::min(kLinks, page.offset + std::min(page.count, kLinks));
        for (std::size_t i = page.offset; i < end; ++i) {
            rows.push_back(link(type, i));
        }
        done(std::move(rows));
    }

  private:
    static Row address(const EntityType& type, std::size_t i) {
        const std::string key = "M0service.number." + std::to_string(i);
        Row row{type};
        row.set("name", key).set("key", key).set("distribution", "balanced");
        row.set("subscriberCount", 2U).set("remoteCount", 1U).set("deliveriesIngress", i * 7919);
        row.set("deliveriesEgress", i).set("deliveriesTransit", 0U).set("trackedDeliveries", 1U);
        row.set("settleAges", List(11, Value{i})).set("settleAgesSum", i);
        return row;
    }

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
    const std::clock_t begin = std::clock();  // processor time: other processes do not count
    for (std::size_t offset = 0; offset < kLinks; offset += page) {
        const std::string request = test::encode(
            {.properties = {{"entityType", "router.link"}, {"offset", offset}, {"count", page}}});
        agent.handle(request, [&](Reply&& reply) { cost.bytes += reply.message.size(); });
    }
    cost.milliseconds = static_cast<double>(std::clock() - begin) * 1000 / CLOCKS_PER_SEC;
    return cost;
}

Cost scrape(Source& source) {
    Cost cost;
    const std::clock_t begin = std::clock();
    gather_metrics(source, {}, [&](std::string&& text) { cost.bytes = text.size(); });
    cost.milliseconds = static_cast<double>(std::clock() - begin) * 1000 / CLOCKS_PER_SEC;
    return cost;
}

void report(const char* title, const std::function<Cost()>& measure) {
    std::vector<double> runs;
    std::size_t bytes = 0;
    for (int i = 0; i < 11; ++i) {
        const Cost cost = measure();
        runs.push_back(cost.milliseconds);
        bytes = cost.bytes;
    }
    std::ranges::sort(runs);
    fmt::print("{:<28} {:8.2f} ms {:10} bytes\n", title, runs[runs.size() / 2], bytes);
}

void report_all() {
    Links source;
    Agent agent{source};
    report("10,000 links at once", [&] { return ask(agent, kLinks); });
    report("10,000 links by 500", [&] { return ask(agent, 500); });
    report("scrape of 10,000 addresses", [&] { return scrape(source); });
    fmt::print("counters of a link            {:8} bytes, of which ages and rate {}\n",
               sizeof(link::LinkCounters),
               sizeof(link::AgeCounters) + sizeof(link::SettleRate));
    fmt::print("counters of an address        {:8} bytes a worker, of which ages {}\n",
               sizeof(link::AddressCounters),
               sizeof(link::AddressAges));
}

}  // namespace
}  // namespace amqmesh::mgmt

int main() {
    amqmesh::mgmt::report_all();
    return 0;
}
