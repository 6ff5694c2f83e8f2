#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace amqmesh::link::test {

TestNode::TestNode(std::string node_name, std::uint16_t workers, std::size_t held_bytes_max)
    : name(std::move(node_name)), id(routing::router_id(name)), builder(id, name) {
    const auto shared = std::make_shared<SharedState>();
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
        outlets_.push_back(std::make_unique<Outlet>());
        outlets_.back()->node = this;
        planes_.push_back(std::make_unique<DataPlane>(
            PlaneConfig{worker, workers, name, shared, held_bytes_max}, *outlets_.back()));
    }
    builder.set_in_process("M0$management", routing::InProcess::kManagement);
    builder.set_in_process("L$management", routing::InProcess::kManagement);
    publish(0);
}

void TestNode::publish(Time now) {
    auto change = std::make_shared<routing::TableChange>();
    const auto table = builder.publish(*change);
    change->all = std::exchange(missed_, late.has_value()) || change->all;
    for (std::uint16_t worker = 0; worker < workers(); ++worker) {
        if (worker != late) {
            planes_[worker]->on_command(command::Publish{table, change}, now);
        }
    }
}

void TestNode::take(Report& report) {
    if (auto* up = std::get_if<report::ConsumerUp>(&report)) {
        builder.add_consumer(up->key, up->treatment, up->consumer);
        consumers.push_back(*up);
    } else if (auto* down = std::get_if<report::ConsumerDown>(&report)) {
        builder.remove_consumer(down->key, down->consumer);
        std::erase_if(consumers, [&](const report::ConsumerUp& entry) {
            return entry.consumer.id == down->consumer;
        });
    } else if (auto* request = std::get_if<report::ManagementRequest>(&report)) {
        management.push_back(request->message);
    } else if (auto* control = std::get_if<report::ControlUp>(&report)) {
        neighbours_up.push_back(control->id);
    } else if (auto* snapshot = std::get_if<std::unique_ptr<PlaneSnapshot>>(&report)) {
        snapshots.push_back(std::move(*snapshot));
    } else if (auto* trouble = std::get_if<report::LinkTrouble>(&report)) {
        troubles.push_back(std::move(*trouble));
    } else if (auto* frame = std::get_if<report::TracedFrame>(&report)) {
        frames.push_back(std::move(*frame));
    }
}

bool TestNode::settle(Time now) {
    bool moved = false;
    while (true) {
        for (auto& plane : planes_) {
            plane->flush(now);
        }
        if (reports_.empty() && batches_.empty()) {
            return moved;
        }
        moved = true;
        while (!reports_.empty()) {
            auto report = std::move(reports_.front());
            reports_.pop_front();
            take(report);
        }
        if (builder.changed()) {
            publish(now);
        }
        while (!batches_.empty()) {
            auto [worker, batch] = std::move(batches_.front());
            batches_.pop_front();
            planes_[worker]->on_batch(std::move(batch), now);
        }
    }
}

TestNode& TestWorld::node(const std::string& name,
                          std::uint16_t workers,
                          std::size_t held_bytes_max) {
    nodes_.push_back(std::make_unique<TestNode>(name, workers, held_bytes_max));
    return *nodes_.back();
}

TestClient& TestWorld::client(TestNode& node, std::uint16_t worker, ConnectionOptions options) {
    options.engine.container_id = node.name;
    options.number = ++numbers_;
    clients_.push_back(std::make_unique<TestClient>(now, "client" + std::to_string(numbers_)));
    pipes_.push_back({{&node, node.plane(worker).open(options, now), nullptr},
                      {nullptr, {}, &clients_.back()->engine},
                      false});
    return *clients_.back();
}

void TestWorld::link(TestNode& a, TestNode& b) {
    ConnectionOptions options;
    options.role = ConnectionRole::kInterRouter;
    options.engine.max_frame_size = 65536;
    options.engine.output_bytes_max = output_bytes_max;
    options.engine.container_id = a.name;
    options.engine.initiator = true;
    const auto at_a = a.plane(0).open(options, now);
    options.engine.container_id = b.name;
    options.engine.initiator = false;
    const auto at_b = b.plane(0).open(options, now);
    pipes_.push_back({{&a, at_a, nullptr}, {&b, at_b, nullptr}, false});
    const auto adjacency = ++adjacencies_;
    a.builder.set_adjacency(adjacency, &at_a);
    b.builder.set_adjacency(adjacency, &at_b);
    adjacent_.push_back({&a, &b, adjacency});
    adjacent_.push_back({&b, &a, adjacency});
    run();
    route(a, b, b, 1);
    route(b, a, a, 1);
}

void TestWorld::route(TestNode& node, TestNode& target, TestNode& via, std::uint32_t cost) {
    for (const auto& entry : adjacent_) {
        if (entry.from == &node && entry.to == &via) {
            node.builder.set_route(target.id, target.name, cost, {entry.adjacency});
        }
    }
    node.publish(now);
    run();
}

void TestWorld::lose_route(TestNode& node, TestNode& target) {
    node.builder.set_route(target.id, target.name, 0, {});
    node.publish(now);
    run();
}

routing::AdjacencyId TestWorld::adjacency(const TestNode& from, const TestNode& to) const {
    routing::AdjacencyId newest = 0;
    for (const auto& entry : adjacent_) {
        if (entry.from == &from && entry.to == &to) {
            newest = entry.adjacency;
        }
    }
    return newest;
}

void TestWorld::share(const std::string& key, routing::Treatment treatment) {
    for (auto& from : nodes_) {
        const bool present = std::ranges::any_of(
            from->consumers, [&](const report::ConsumerUp& up) { return up.key == key; });
        for (auto& to : nodes_) {
            if (to != from) {
                to->builder.set_remote(key, treatment, from->id, 1, present);
            }
        }
    }
    for (auto& node : nodes_) {
        node->publish(now);
    }
    run();
}

void TestWorld::close(End& end) {
    if (end.engine != nullptr) {
        end.engine->input_closed("connection reset", now);
    } else {
        end.node->plane(end.id.worker).input_closed(end.id, "connection reset", now);
    }
}

void TestWorld::cut(TestClient& client) {
    for (auto& pipe : pipes_) {
        if (!pipe.cut && pipe.b.engine == &client.engine) {
            pipe.cut = true;
            close(pipe.a);
            close(pipe.b);
        }
    }
}

void TestWorld::cut(TestNode& a, TestNode& b) {
    for (auto& pipe : pipes_) {
        if (!pipe.cut && pipe.a.node == &a && pipe.b.node == &b) {
            pipe.cut = true;
            close(pipe.a);
            close(pipe.b);
        }
    }
    for (const auto& entry : adjacent_) {
        if ((entry.from == &a && entry.to == &b) || (entry.from == &b && entry.to == &a)) {
            entry.from->builder.set_adjacency(entry.adjacency, nullptr);
            entry.from->publish(now);
        }
    }
}

void TestWorld::end(TestNode& from, TestNode& to) {
    for (auto& pipe : pipes_) {
        for (auto* end : {&pipe.a, &pipe.b}) {
            const auto& other = end == &pipe.a ? pipe.b : pipe.a;
            if (!pipe.cut && end->node == &to && other.node == &from) {
                to.plane(end->id.worker).peer_ended(end->id, now);
            }
        }
    }
}

bool TestWorld::move(End& from, End& to) {
    std::array<iovec, 16> slices{};
    auto* plane = from.node != nullptr ? &from.node->plane(from.id.worker) : nullptr;
    const auto count =
        from.engine != nullptr ? from.engine->output(slices) : plane->output(from.id, slices);
    std::string bytes;
    for (std::size_t i = 0; i < count && bytes.size() < piece; ++i) {
        const auto take = std::min(slices[i].iov_len, piece - bytes.size());
        bytes.append(static_cast<const char*>(slices[i].iov_base), take);
    }
    if (bytes.empty()) {
        return false;
    }
    if (from.engine != nullptr) {
        from.engine->output_done(bytes.size());
    } else {
        plane->output_done(from.id, bytes.size(), now);
    }
    std::string_view rest = bytes;
    while (!rest.empty()) {
        if (to.engine != nullptr ? to.engine->input_ended()
                                 : to.node->plane(to.id.worker).input_ended(to.id)) {
            break;
        }
        const auto space = to.engine != nullptr ? to.engine->input_space()
                                                : to.node->plane(to.id.worker).input_space(to.id);
        const auto part = std::min(space.size(), rest.size());
        std::memcpy(space.data(), rest.data(), part);
        rest.remove_prefix(part);
        if (to.engine != nullptr) {
            to.engine->input_done(part, now);
        } else {
            to.node->plane(to.id.worker).input_done(to.id, part, now);
        }
    }
    return true;
}

void TestWorld::run() {
    constexpr int kRoundsMax = 200'000;
    for (int round = 0; round < kRoundsMax; ++round) {
        if (!step()) {
            return;
        }
    }
    FAIL() << "the world does not come to rest";
}

bool TestWorld::step() {
    bool moved = false;
    for (auto& node : nodes_) {
        moved = node->settle(now) || moved;
    }
    for (auto& pipe : pipes_) {
        if (!pipe.cut) {
            moved = move(pipe.a, pipe.b) || moved;
            moved = move(pipe.b, pipe.a) || moved;
        }
    }
    return moved;
}

void TestWorld::tick(End& end) {
    if (end.engine != nullptr) {
        end.engine->tick(now);
    } else {
        end.node->plane(end.id.worker).tick(end.id, now);
    }
}

void TestWorld::pass(Time duration) {
    constexpr Time kStep = 10 * routing::kMillisecond;
    for (const auto end = now + duration; now < end; now += kStep) {
        for (auto& pipe : pipes_) {
            if (!pipe.cut) {
                tick(pipe.a);
                tick(pipe.b);
            }
        }
        for (auto& node : nodes_) {
            for (std::uint16_t worker = 0; worker < node->workers(); ++worker) {
                node->plane(worker).tick(now);
            }
        }
        run();
    }
}

LineWorld::LineWorld(std::uint16_t workers, const std::vector<routing::AddressRule>& rules)
    : a(node("A", workers)), b(node("B", workers)), c(node("C", workers)) {
    const auto settings =
        std::make_shared<const routing::AddressSettings>(rules, routing::Treatment::kBalanced);
    for (auto* each : {&a, &b, &c}) {
        each->builder.set_settings(settings);
        each->publish(now);
    }
    link(a, b);
    link(b, c);
    route(a, c, b, 2);
    route(c, a, b, 2);
}

}  // namespace amqmesh::link::test
