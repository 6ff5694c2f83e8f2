// The control plane's decisions, with vectors where workers and sockets would be.
#include "router/control_plane.h"

#include "mgmt/message.h"
#include "router/log.h"
#include "routing/address_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::router {
namespace {

using link::Command;
using routing::kMillisecond;
using routing::kSecond;
using routing::Time;

// Keeps what the control plane asked for.
struct FakeOutlet : ControlOutlet, EndpointAdmin {
    bool send(std::uint16_t worker, Command&& command) override {
        sent.emplace_back(worker, std::move(command));
        return true;
    }

    void publish(const std::shared_ptr<const routing::ForwardingTable>& published,
                 const routing::TableChange& change) override {
        table = published;
        changes.push_back(change);
    }

    void connection_opened(std::uint64_t owner, const link::report::ConnectionOpened&) override {
        opened.push_back(owner);
    }

    void connection_closed(std::uint64_t owner,
                           const link::report::ConnectionClosed&,
                           std::uint32_t retry_after_ms) override {
        closed.emplace_back(owner, retry_after_ms);
    }

    mgmt::Reloaded reload() override { return {}; }

    [[nodiscard]] std::uint64_t connections_ever() const override { return 0; }

    std::vector<mgmt::Row> listener_rows() override { return {}; }

    std::vector<mgmt::Row> connector_rows() override { return {}; }

    bool create(const mgmt::Row&, std::string&) override { return true; }

    bool remove(const mgmt::Row&, std::string&) override { return true; }

    bool change(const mgmt::Row&, std::string&) override { return true; }

    template <typename T>
    std::vector<T> take() {
        std::vector<T> found;
        for (auto& [worker, command] : sent) {
            if (auto* one = std::get_if<T>(&command)) {
                found.push_back(std::move(*one));
            }
        }
        sent.clear();
        return found;
    }

    std::vector<std::pair<std::uint16_t, Command>> sent;
    std::shared_ptr<const routing::ForwardingTable> table;
    std::vector<routing::TableChange> changes;
    std::vector<std::uint64_t> opened;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> closed;
};

Configuration configuration(const std::string& id, RouterMode mode) {
    Configuration node;
    node.id = id;
    node.mode = mode;
    node.workers = 2;
    return node;
}

link::report::ConsumerUp consumer_up(const std::string& key, std::uint32_t link) {
    link::report::ConsumerUp up;
    up.consumer.id.link = link;
    up.key = key;
    return up;
}

link::report::ConsumerDown consumer_down(const std::string& key, std::uint32_t link) {
    link::report::ConsumerDown down;
    down.consumer.link = link;
    down.key = key;
    return down;
}

const routing::AddressRoute* find(const FakeOutlet& outlet, const std::string& key) {
    return outlet.table->find(routing::hash_key(key));
}

// Two control planes whose control links are each other.
class Pair : public testing::Test {
  protected:
    Pair()
        : a_({.configuration = &a_configuration_, .seed = 1, .wall_clock_ms = 1000},
             a_out_,
             a_out_),
          b_({.configuration = &b_configuration_, .seed = 2, .wall_clock_ms = 2000},
             b_out_,
             b_out_) {
        a_.start(now_);
        b_.start(now_);
    }

    void connect() {
        for (ControlPlane* plane : {&a_, &b_}) {
            const link::ConnectionId id{.worker = 1, .slot = 7, .generation = 3};
            link::report::ConnectionOpened opened;
            opened.id = id;
            opened.owner = 5;
            plane->on_report(now_, std::move(opened));
            plane->on_report(now_,
                             link::report::ControlUp{.id = id, .container = "peer", .cost = 4});
            plane->on_report(now_, link::report::ControlCredit{.id = id, .credit = 1000});
        }
        exchange();
    }

    // Carries control messages until both are quiet, then lets their bursts end.
    void exchange() {
        for (int round = 0; round < 100; ++round) {
            const bool a_moved = carry(a_out_, a_, b_);
            const bool b_moved = carry(b_out_, b_, a_);
            a_.end_burst(now_);
            b_.end_burst(now_);
            if (!a_moved && !b_moved) {
                return;
            }
        }
        FAIL() << "the routers never stop talking";
    }

    bool carry(FakeOutlet& from, ControlPlane& sender, ControlPlane& receiver) {
        const auto messages = from.take<link::command::SendControl>();
        for (const auto& message : messages) {
            EXPECT_EQ(message.id.slot, 7U);
            receiver.on_report(now_, link::report::ControlFrame{message.id, message.bytes});
            sender.on_report(now_, link::report::ControlSettled{message.id, message.token});
        }
        return !messages.empty();
    }

    // Time passes as the daemon lets it: no timer is missed.
    void pass(Time duration) {
        const Time end = now_ + duration;
        while (true) {
            Time next = end;
            for (const ControlPlane* plane : {&a_, &b_}) {
                next = std::min(next, plane->next_deadline().value_or(end));
            }
            now_ = std::max(now_, next);
            a_.on_timer(now_);
            b_.on_timer(now_);
            exchange();
            if (now_ >= end) {
                return;
            }
        }
    }

    Time now_ = kSecond;
    Configuration a_configuration_ = configuration("A", RouterMode::kInterior);
    Configuration b_configuration_ = configuration("B", RouterMode::kInterior);
    FakeOutlet a_out_, b_out_;
    ControlPlane a_, b_;
};

TEST_F(Pair, neighbours_get_a_route_over_the_connection) {
    connect();
    pass(200 * kMillisecond);
    const routing::RouterRoute* route = a_out_.table->route(routing::router_id("B"));
    ASSERT_NE(route, nullptr);
    EXPECT_EQ(route->name, "B");
    EXPECT_EQ(route->cost, 4U);
    ASSERT_EQ(route->next_hops.size(), 1U);
    EXPECT_EQ(route->next_hops[0].slot, 7U);
}

TEST_F(Pair, the_cost_of_a_connection_changes_while_it_is_up_and_before_it_is) {
    const link::ConnectionId id{.worker = 1, .slot = 7, .generation = 3};
    const auto cost = [this] {
        const routing::RouterRoute* route = a_out_.table->route(routing::router_id("B"));
        return route != nullptr ? route->cost : 0U;
    };
    b_.set_cost(now_, id, 6);  // AMQP is open there, the control links are not up yet
    connect();
    pass(200 * kMillisecond);
    EXPECT_EQ(cost(), 6U) << "the higher one of both ends";
    a_.set_cost(now_, id, 9);
    exchange();
    pass(200 * kMillisecond);
    EXPECT_EQ(cost(), 9U);
    a_.set_cost(now_, id, 1);
    exchange();
    pass(200 * kMillisecond);
    EXPECT_EQ(cost(), 6U);
}

TEST_F(Pair, the_first_consumer_makes_an_address_known_everywhere_the_last_one_unknown) {
    connect();
    pass(10 * kMillisecond);
    b_.on_report(now_, consumer_up("M0q", 1));
    b_.on_report(now_, consumer_up("M0q", 2));
    b_.end_burst(now_);
    pass(20 * kMillisecond);
    ASSERT_NE(find(a_out_, "M0q"), nullptr);
    EXPECT_TRUE(a_out_.table->routable(*find(a_out_, "M0q")));
    EXPECT_EQ(find(b_out_, "M0q")->local.size(), 2U);

    b_.on_report(now_, consumer_down("M0q", 1));
    pass(20 * kMillisecond);
    EXPECT_NE(find(a_out_, "M0q"), nullptr);
    b_.on_report(now_, consumer_down("M0q", 2));
    pass(20 * kMillisecond);
    EXPECT_EQ(find(a_out_, "M0q"), nullptr);
    EXPECT_EQ(find(b_out_, "M0q"), nullptr);
}

TEST_F(Pair, local_addresses_stay_local) {
    connect();
    pass(10 * kMillisecond);
    b_.on_report(now_, consumer_up("Ltemp.x", 1));
    pass(50 * kMillisecond);
    EXPECT_NE(find(b_out_, "Ltemp.x"), nullptr);
    EXPECT_EQ(find(a_out_, "Ltemp.x"), nullptr);
}

TEST_F(Pair, a_lost_connection_takes_its_routes_in_the_same_burst) {
    connect();
    b_.on_report(now_, consumer_up("M0q", 1));
    pass(20 * kMillisecond);
    link::report::ConnectionClosed closed;
    closed.id = {.worker = 1, .slot = 7, .generation = 3};
    closed.role = link::ConnectionRole::kInterRouter;
    closed.owner = 5;
    closed.was_open = true;
    a_.on_report(now_, closed);
    a_.end_burst(now_);
    EXPECT_EQ(a_out_.table->route(routing::router_id("B")), nullptr);
    ASSERT_EQ(a_out_.closed.size(), 1U);
    EXPECT_EQ(a_out_.closed[0].first, 5U);
    EXPECT_EQ(a_.connections(), 0U);
}

TEST_F(Pair, silence_ends_the_connection_within_the_detection_time) {
    connect();
    pass(10 * kMillisecond);
    a_out_.sent.clear();
    const Time began = now_;
    // B's messages are lost from here on; nothing reports that anything came in.
    std::vector<link::command::CloseConnection> closes;
    while (closes.empty() && now_ < began + 3 * kSecond) {
        now_ = std::max(now_ + 1, a_.next_deadline().value_or(now_ + kSecond));
        a_.on_timer(now_);
        for (auto& [worker, command] : a_out_.sent) {
            if (auto* close = std::get_if<link::command::CloseConnection>(&command)) {
                closes.push_back(*close);
            }
        }
        a_out_.sent.clear();
    }
    ASSERT_FALSE(closes.empty());
    EXPECT_EQ(closes[0].id.slot, 7U);
    EXPECT_LE(now_ - began, kSecond);
}

TEST_F(Pair, a_burst_is_published_once) {
    const std::size_t before = a_out_.changes.size();
    for (std::uint32_t i = 0; i < 100; ++i) {
        a_.on_report(now_, consumer_up("M0q" + std::to_string(i), i));
    }
    a_.end_burst(now_);
    ASSERT_EQ(a_out_.changes.size(), before + 1);
    EXPECT_TRUE(a_out_.changes.back().all || a_out_.changes.back().addresses.size() == 100);
    a_.end_burst(now_);
    EXPECT_EQ(a_out_.changes.size(), before + 1) << "nothing changed, nothing published";
}

TEST_F(Pair, stop_says_goodbye_before_it_closes) {
    connect();
    pass(10 * kMillisecond);
    a_out_.sent.clear();
    a_.stop(now_);
    std::size_t goodbye = a_out_.sent.size();
    std::size_t close = a_out_.sent.size();
    std::size_t closes = 0;
    for (std::size_t i = 0; i < a_out_.sent.size(); ++i) {
        if (std::holds_alternative<link::command::SendControl>(a_out_.sent[i].second)) {
            goodbye = std::min(goodbye, i);
        }
        if (const auto* all = std::get_if<link::command::CloseAll>(&a_out_.sent[i].second)) {
            EXPECT_EQ(all->condition.name, "amqp:connection:forced");
            close = std::min(close, i);
            ++closes;
        }
    }
    EXPECT_LT(goodbye, close);
    EXPECT_EQ(closes, 2U) << "one for each worker";
}

TEST(ControlPlane, standalone_knows_itself_and_its_management) {
    Configuration node = configuration("S", RouterMode::kStandalone);
    FakeOutlet outlet;
    ControlPlane plane({.configuration = &node}, outlet, outlet);
    plane.start(kSecond);
    ASSERT_NE(outlet.table, nullptr);
    EXPECT_EQ(outlet.table->self_name(), "S");
    ASSERT_NE(find(outlet, "M0$management"), nullptr);
    EXPECT_EQ(find(outlet, "M0$management")->in_process, routing::InProcess::kManagement);
    ASSERT_NE(find(outlet, "L$management"), nullptr);
    ASSERT_NE(outlet.table->topology(), nullptr);
    EXPECT_EQ(outlet.table->topology()->names, std::vector<std::string>{"S"});
    EXPECT_FALSE(plane.next_deadline().has_value()) << "nothing ticks in an idle router";
}

TEST(ControlPlane, links_in_trouble_are_logged_but_not_without_end) {
    Configuration node = configuration("S", RouterMode::kStandalone);
    FakeOutlet outlet;
    ControlPlane plane({.configuration = &node}, outlet, outlet);
    plane.start(kSecond);
    link::report::LinkTrouble trouble;
    trouble.connection_number = 17;
    trouble.link = 3;
    trouble.name = "orders";
    trouble.deliveries = 4;
    plane.on_report(kSecond, link::Report{trouble});
    EXPECT_EQ(log::latest(1).at(0).text,
              "DELIVERY_STUCK connection=17 link=3 dir=out name=orders address=- deliveries=4 "
              "left_out=0");
    trouble.kind = link::report::LinkTrouble::Kind::kStuckOver;
    trouble.deliveries = 0;
    plane.on_report(kSecond, link::Report{trouble});
    EXPECT_EQ(log::latest(1).at(0).text,
              "DELIVERY_STUCK_OVER connection=17 link=3 dir=out name=orders address=- deliveries=0 "
              "left_out=0");
    trouble.kind = link::report::LinkTrouble::Kind::kBlocked;
    trouble.key = "M0q";
    std::size_t lines = 0;
    for (int i = 0; i < 100; ++i) {
        const auto before = log::lines_written(log::Module::kMessage, log::Level::kInfo);
        plane.on_report(2 * kSecond, link::Report{trouble});
        lines += log::lines_written(log::Module::kMessage, log::Level::kInfo) - before;
    }
    EXPECT_EQ(lines, 28U) << "30 a minute";
    plane.on_report(70 * kSecond, link::Report{trouble});
    EXPECT_THAT(log::latest(1).at(0).text,
                testing::HasSubstr("address=M0q deliveries=0 left_out=72"));
}

TEST(ControlPlane, a_worker_that_hangs_is_told) {
    Configuration node = configuration("S", RouterMode::kStandalone);
    FakeOutlet outlet;
    ControlPlane plane({.configuration = &node}, outlet, outlet);
    plane.start(kSecond);
    const auto answer = [&](std::uint16_t worker, std::uint64_t request) {
        auto snapshot = std::make_unique<link::PlaneSnapshot>();
        snapshot->request = request;
        snapshot->worker = worker;
        plane.on_report(2 * kSecond, link::Report{std::move(snapshot)});
    };
    EXPECT_EQ(plane.stalled_workers(kSecond), "");
    auto asked = outlet.take<link::command::TakeSnapshot>();
    ASSERT_EQ(asked.size(), 2U);
    answer(0, asked[0].request);
    answer(1, asked[1].request);
    EXPECT_EQ(plane.stalled_workers(60 * kSecond), "") << "both answered, and are asked again";
    asked = outlet.take<link::command::TakeSnapshot>();
    ASSERT_EQ(asked.size(), 2U);
    answer(0, asked[0].request);
    EXPECT_EQ(plane.stalled_workers(65 * kSecond), "");
    EXPECT_EQ(plane.stalled_workers(67 * kSecond), "a worker thread has not answered for 7 s");
    EXPECT_TRUE(outlet.take<link::command::TakeSnapshot>().empty()) << "one question at a time";
    answer(1, asked[1].request);
    EXPECT_EQ(plane.stalled_workers(68 * kSecond), "");
}

TEST_F(Pair, an_answer_goes_to_the_worker_that_has_the_askers_connection) {
    connect();
    pass(20 * kMillisecond);
    link::report::ConsumerUp asker = consumer_up("Ltemp.x", 1);
    asker.consumer.id.connection = {.worker = 3, .slot = 9, .generation = 2};
    a_.on_report(now_, asker);
    const auto worker_for = [this](const std::string& address) {
        a_out_.sent.clear();
        const std::string question =
            mgmt::encode_request({.to = "$management",
                                  .reply_to = address,
                                  .correlation = "1",
                                  .properties = {{"operation", "GET-TYPES"}}});
        a_.on_report(now_, link::report::ManagementRequest{question});
        for (const auto& [worker, command] : a_out_.sent) {
            if (std::holds_alternative<link::command::Originate>(command)) {
                return int{worker};
            }
        }
        return -1;
    };
    EXPECT_EQ(worker_for("amqp:/_local/temp.x"), 3);
    EXPECT_EQ(worker_for("amqp:/_topo/0/B/temp.y"), 1) << "the neighbour's connection";
    EXPECT_EQ(worker_for("amqp:/_topo/0/nobody/temp.y"), 0);
    EXPECT_EQ(worker_for("nowhere"), 0);
}

TEST_F(Pair, one_node_asks_the_others_management) {
    a_.management(now_);
    a_out_.sent.clear();
    std::vector<mgmt::RemoteRows> rows;
    a_.remote_nodes().query(
        {.node = "B", .type = &mgmt::type_of("listener")},
        [&rows](mgmt::RemoteRows&& answer) { rows.push_back(std::move(answer)); });
    auto asked = a_out_.take<link::command::Originate>();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].address, "amqp:/_topo/0/B/$management");
    EXPECT_LE(*a_.next_deadline(), now_ + 3 * kSecond);
    b_out_.sent.clear();
    b_.on_report(now_, link::report::ManagementRequest{std::move(asked[0].message)});
    auto answered = b_out_.take<link::command::Originate>();
    ASSERT_EQ(answered.size(), 1U);
    EXPECT_EQ(answered[0].address, "amqp:/_topo/0/A/$management");
    a_.on_report(now_, link::report::ManagementRequest{std::move(answered[0].message)});
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].status, 200);
    a_.remote_nodes().query(
        {.node = "B", .type = &mgmt::type_of("listener")},
        [&rows](mgmt::RemoteRows&& answer) { rows.push_back(std::move(answer)); });
    a_.on_timer(now_ + 4 * kSecond);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[1].status, 504) << "nobody answers";
}

TEST(Snapshots, answer_when_the_last_worker_has) {
    FakeOutlet outlet;
    Snapshots snapshots(2, outlet);
    std::size_t answers = 0;
    snapshots.take({.links = true}, [&answers](const Snapshots::Parts& parts) {
        EXPECT_EQ(parts.size(), 2U);
        ++answers;
    });
    const auto asked = outlet.take<link::command::TakeSnapshot>();
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_TRUE(asked[0].links);
    EXPECT_FALSE(asked[0].connections);
    for (const auto& request : asked) {
        EXPECT_EQ(answers, 0U);
        auto snapshot = std::make_unique<link::PlaneSnapshot>();
        snapshot->request = request.request;
        snapshots.on_snapshot(std::move(snapshot));
    }
    EXPECT_EQ(answers, 1U);
    snapshots.on_snapshot(std::make_unique<link::PlaneSnapshot>());
    EXPECT_EQ(answers, 1U) << "a late answer is nobody's";
}

TEST(AddressBook, tells_the_first_and_the_last) {
    using Change = AddressBook::Change;
    AddressBook book;
    link::ConsumerId one;
    one.link = 1;
    link::ConsumerId two;
    two.link = 2;
    EXPECT_EQ(book.add("M0q", one), Change::kAddress);
    EXPECT_EQ(book.add("M0q", one), Change::kNone);
    EXPECT_EQ(book.add("M0q", two), Change::kConsumer);
    EXPECT_EQ(book.count("M0q"), 2U);
    EXPECT_EQ(book.remove("M0q", one), Change::kConsumer);
    EXPECT_EQ(book.remove("M0q", one), Change::kNone);
    EXPECT_EQ(book.remove("M0q", two), Change::kAddress);
    EXPECT_EQ(book.remove("M0x", two), Change::kNone);
    EXPECT_EQ(book.size(), 0U);
}

}  // namespace
}  // namespace amqmesh::router
