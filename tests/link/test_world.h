// Nodes and clients in one thread: data planes joined by pipes in memory, each node's control
// thread reduced to its address book and a routing table that the test writes. run() goes on until
// nothing moves any more, so a test needs no clock and no waiting.
#pragma once

#include "link/data_plane.h"
#include "link/shared_state.h"
#include "routing/node.h"
#include "tests/link/test_client.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace amqmesh::link::test {

class TestNode {
  public:
    TestNode(std::string name, std::uint16_t workers, std::size_t held_bytes_max = 1U << 30U);

    /// Moves reports, commands and batches until nothing is left. True when anything moved.
    bool settle(Time now);

    DataPlane& plane(std::uint16_t worker) { return *planes_[worker]; }

    [[nodiscard]] std::uint16_t workers() const {
        return static_cast<std::uint16_t>(planes_.size());
    }

    std::string name;
    routing::RouterId id;
    routing::ForwardingTableBuilder builder;
    std::vector<std::string> management;        ///< requests that came in
    std::vector<report::ConsumerUp> consumers;  ///< as reported, for the other nodes' tables
    std::vector<ConnectionId> neighbours_up;
    std::vector<std::unique_ptr<PlaneSnapshot>> snapshots;  ///< as they came
    std::size_t bytes_across = 0;                           ///< from worker to worker
    std::optional<std::uint16_t> late;  ///< a worker that gets no tables for now
    std::vector<report::LinkTrouble> troubles;
    std::vector<report::TracedFrame> frames;

    void publish(Time now);

    void command(std::uint16_t worker, Command command, Time now) {
        planes_[worker]->on_command(std::move(command), now);
    }

  private:
    struct Outlet final : PlaneOutlet {
        bool post(std::uint16_t worker, CrossBatch& batch) override {
            node->bytes_across += batch.bytes.size();
            for (const auto& apart : batch.apart) {
                node->bytes_across += apart.size();
            }
            node->batches_.emplace_back(worker, std::move(batch));
            return true;
        }

        void report(Report&& report) override { node->reports_.push_back(std::move(report)); }

        void output_ready(ConnectionId) override {}

        TestNode* node = nullptr;
    };

    void take(Report& report);

    std::vector<std::unique_ptr<Outlet>> outlets_;
    std::vector<std::unique_ptr<DataPlane>> planes_;
    std::deque<std::pair<std::uint16_t, CrossBatch>> batches_;
    std::deque<Report> reports_;
    bool missed_ = false;  // by the late one
};

class TestWorld {
  public:
    TestNode& node(const std::string& name,
                   std::uint16_t workers = 1,
                   std::size_t held_bytes_max = 1U << 30U);
    TestClient& client(TestNode& node, std::uint16_t worker = 0, ConnectionOptions options = {});
    /// An inter-router connection, and routes to each other's name over it.
    void link(TestNode& a, TestNode& b);
    /// `node` reaches `target` through its neighbour `via`.
    void route(TestNode& node, TestNode& target, TestNode& via, std::uint32_t cost);
    /// It does no more.
    void lose_route(TestNode& node, TestNode& target);
    /// The adjacency that link() made last, seen from `from`.
    [[nodiscard]] routing::AdjacencyId adjacency(const TestNode& from, const TestNode& to) const;
    /// Tells every node of the consumers that every other one reported for the key.
    void share(const std::string& key, routing::Treatment treatment);
    /// Cuts the TCP connection of a client or between two nodes.
    void cut(TestClient& client);
    void cut(TestNode& a, TestNode& b);
    /// `from` has closed its side of the link: `to` knows, before it gets what is under way.
    void end(TestNode& from, TestNode& to);
    /// Until nothing moves. Fails the test after a bounded number of rounds.
    void run();
    /// One round of that. True when anything moved.
    bool step();
    /// Lets time pass in steps, with all timers.
    void pass(Time duration);

    Time now = 1000 * routing::kSecond;
    /// How many bytes a pipe moves at once at most; small values split frames.
    std::size_t piece = 1U << 20U;
    /// Of the inter-router connections made from now on.
    std::size_t output_bytes_max = 1U << 20U;

  private:
    struct End {
        TestNode* node = nullptr;  // a plane's connection ...
        ConnectionId id;
        Engine* engine = nullptr;  // ... or a client's engine
    };

    struct Pipe {
        End a, b;
        bool cut = false;
    };

    struct Adjacent {
        TestNode* from;
        TestNode* to;
        routing::AdjacencyId adjacency;
    };

    bool move(End& from, End& to);
    void tick(End& end);
    void close(End& end);

    std::vector<std::unique_ptr<TestNode>> nodes_;
    std::vector<std::unique_ptr<TestClient>> clients_;
    std::vector<Pipe> pipes_;
    std::vector<Adjacent> adjacent_;
    routing::AdjacencyId adjacencies_ = 0;
    std::uint64_t numbers_ = 0;
};

/// Routers A - B - C that know their ways, with the same rules for addresses; else `balanced`.
class LineWorld : public TestWorld {
  public:
    explicit LineWorld(std::uint16_t workers, const std::vector<routing::AddressRule>& rules = {});

    TestNode& a;
    TestNode& b;
    TestNode& c;
};

/// A test on such a line, once with each number of workers per node.
class LineTest : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    explicit LineTest(const std::vector<routing::AddressRule>& rules = {})
        : world_(GetParam(), rules), last_(static_cast<std::uint16_t>(GetParam() - 1)) {}

    LineWorld world_;
    TestNode& a_ = world_.a;
    TestNode& b_ = world_.b;
    TestNode& c_ = world_.c;
    std::uint16_t last_;  ///< worker
};

}  // namespace amqmesh::link::test
