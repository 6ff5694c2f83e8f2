// What one message costs in a node without its sockets: a sending and a receiving client's engine
// at the two ends of a line of data planes, all in one thread. Only the planes' time is counted.
//   plane_bench [nodes] [payload bytes] [messages] [runs] [workers]
// With two workers a node, what leaves a node leaves it on the other worker than it came in on.
#include "link/data_plane.h"
#include "link/engine.h"
#include "link/shared_state.h"
#include "routing/node.h"
#include "tests/bench/quiet_events.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace amqmesh::bench {

namespace {

constexpr std::uint32_t kWindow = 250;
constexpr std::uint32_t kBurst = 80;
constexpr const char* kAddress = "bench";
constexpr link::Time kTick = 100;

/// CPU time of the planes so far. Whatever else the process does is not counted.
class Stopwatch {
  public:
    void start() { started_ = read(); }

    void stop() { sum_ += read() - started_; }

    [[nodiscard]] double nanoseconds() const { return sum_; }

  private:
    static double read() {
        timespec now{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
    }

    double started_ = 0;
    double sum_ = 0;
};

class Client final : public QuietEvents {
  public:
    explicit Client(std::string name, link::ChunkPool& pool)
        : engine(config(std::move(name)), *this, pool, 0) {}

    void attach(link::Role role) {
        link::Engine::AttachOptions options;
        options.name = "bench";
        options.role = role;
        (role == link::Role::kSender ? options.target : options.source).address = kAddress;
        options.source.kind = link::Terminus::Kind::kSource;
        options.target.kind = link::Terminus::Kind::kTarget;
        link = engine.attach(engine.begin(), options);
        if (role == link::Role::kReceiver) {
            engine.set_credit(link, kWindow);
        }
    }

    /// Whole messages while the window and the node's credit allow.
    void send_burst(std::span<const std::byte> payload) {
        for (std::uint32_t i = 0; i < kBurst && sent - settled < kWindow && engine.writable(link);
             ++i) {
            std::array<std::byte, 4> tag{};
            std::memcpy(tag.data(), &sent, tag.size());
            link::OutboundDelivery delivery;
            delivery.tag = tag;
            delivery.context = ++sent;
            engine.start_delivery(link, delivery);
            engine.write_delivery(link, payload, nullptr, false);
        }
    }

    std::uint64_t sent = 0;
    std::uint64_t settled = 0;
    std::uint64_t received = 0;
    link::LinkIndex link = 0;

    void on_transfer(link::Transfer& transfer) override {
        if (transfer.more) {
            return;
        }
        ++received;
        engine.dispose(transfer.session,
                       transfer.delivery_id,
                       {.outcome = link::Outcome::kAccepted, .raw = {}},
                       true);
        if (engine.credit(link) < kWindow / 2) {
            engine.set_credit(link, kWindow);
        }
    }

    void on_outgoing_disposition(std::uint64_t, const link::DeliveryState&, bool) override {
        ++settled;
    }

  private:
    static link::EngineConfig config(std::string name) {
        link::EngineConfig config;
        config.container_id = std::move(name);
        config.initiator = true;
        return config;
    }

  public:
    link::Engine engine;
};

/// A node: its data planes, and of the control thread only what makes a table.
class Node final : public link::PlaneOutlet {
  public:
    Node(const std::string& name, std::uint16_t workers)
        : id(routing::router_id(name)), builder(id, name), name_(name) {
        const auto shared = std::make_shared<link::SharedState>();
        for (std::uint16_t worker = 0; worker < workers; ++worker) {
            planes_.push_back(std::make_unique<link::DataPlane>(
                link::PlaneConfig{
                    .worker = worker, .workers = workers, .router_name = name, .shared = shared},
                *this));
        }
        publish();
    }

    /// Each on the next worker.
    link::ConnectionId open(link::ConnectionRole role, bool initiator) {
        link::ConnectionOptions options;
        options.role = role;
        options.number = ++connections_;
        options.engine.container_id = name_;
        options.engine.initiator = initiator;
        if (role == link::ConnectionRole::kInterRouter) {
            options.engine.max_frame_size = 65536;
        }
        return planes_[connections_ % planes_.size()]->open(options, now);
    }

    void publish() {
        auto change = std::make_shared<routing::TableChange>();
        auto table = builder.publish(*change);
        for (const auto& plane : planes_) {
            plane->on_command(link::command::Publish{table, change}, now);
        }
    }

    [[gnu::noinline]] void take(link::ConnectionId connection, std::span<const std::byte> bytes) {
        watch.start();
        while (!bytes.empty()) {
            const auto space = plane(connection).input_space(connection);
            const auto piece = std::min(space.size(), bytes.size());
            std::memcpy(space.data(), bytes.data(), piece);
            plane(connection).input_done(connection, piece, now);
            bytes = bytes.subspan(piece);
        }
        watch.stop();
    }

    [[gnu::noinline]] std::size_t give(link::ConnectionId connection,
                                       std::vector<std::byte>& bytes) {
        watch.start();
        std::array<iovec, 64> slices{};
        const auto count = plane(connection).output(connection, slices);
        for (std::size_t i = 0; i < count; ++i) {
            const auto* at = static_cast<const std::byte*>(slices[i].iov_base);
            bytes.insert(bytes.end(), at, at + slices[i].iov_len);
        }
        plane(connection).output_done(connection, bytes.size(), now);
        watch.stop();
        return bytes.size();
    }

    [[gnu::noinline]] void flush() {
        now += kTick;
        watch.start();
        for (const auto& plane : planes_) {
            plane->flush(now);
        }
        while (!batches_.empty()) {
            auto [worker, batch] = std::move(batches_.front());
            batches_.pop_front();
            planes_[worker]->on_batch(std::move(batch), now);
            planes_[worker]->flush(now);
        }
        watch.stop();
        while (!reports_.empty()) {
            const auto report = std::move(reports_.front());
            reports_.pop_front();
            if (const auto* up = std::get_if<link::report::ConsumerUp>(&report)) {
                consumer_key = up->key;
                builder.add_consumer(up->key, up->treatment, up->consumer);
            }
        }
        if (builder.changed()) {
            publish();
        }
    }

    routing::RouterId id;
    routing::ForwardingTableBuilder builder;
    Stopwatch watch;
    std::string consumer_key;
    link::Time now = routing::kSecond;

    bool post(std::uint16_t worker, link::CrossBatch& batch) override {
        batches_.emplace_back(worker, std::move(batch));
        return true;
    }

    void report(link::Report&& report) override { reports_.push_back(std::move(report)); }

    void output_ready(link::ConnectionId) override {}

  private:
    link::DataPlane& plane(const link::ConnectionId& on) { return *planes_[on.worker]; }

    std::vector<std::unique_ptr<link::DataPlane>> planes_;
    std::deque<std::pair<std::uint16_t, link::CrossBatch>> batches_;
    std::string name_;
    std::uint64_t connections_ = 0;
    std::deque<link::Report> reports_;
};

/// A sending client, nodes in a line, a receiving client.
class Line {
  public:
    Line(std::size_t count, std::uint16_t workers)
        : sender_("sender", pool_), receiver_("receiver", pool_) {
        for (std::size_t i = 0; i < count; ++i) {
            nodes_.push_back(std::make_unique<Node>("node" + std::to_string(i), workers));
        }
        first_ = nodes_.front()->open(link::ConnectionRole::kNormal, false);
        last_ = nodes_.back()->open(link::ConnectionRole::kNormal, false);
        for (std::size_t i = 0; i + 1 < count; ++i) {
            hops_.push_back({nodes_[i]->open(link::ConnectionRole::kInterRouter, true),
                             nodes_[i + 1]->open(link::ConnectionRole::kInterRouter, false)});
        }
        route();
        receiver_.attach(link::Role::kReceiver);
        settle_down();
        for (std::size_t i = 0; i + 1 < count; ++i) {
            nodes_[i]->builder.set_remote(nodes_.back()->consumer_key,
                                          routing::Treatment::kBalanced,
                                          nodes_.back()->id,
                                          1,
                                          true);
            nodes_[i]->publish();
        }
        sender_.attach(link::Role::kSender);
        settle_down();
    }

    /// CPU nanoseconds per message, of all nodes together.
    double run(std::span<const std::byte> payload, std::uint64_t messages) {
        const double before = spent();
        const auto target = sender_.settled + messages;
        while (sender_.settled < target) {
            const auto already = sender_.settled;
            sender_.send_burst(payload);
            step();
            idle_ = already == sender_.settled ? idle_ + 1 : 0;
            if (idle_ > 100) {
                std::fputs("plane_bench: messages do not arrive\n", stderr);
                std::exit(1);
            }
        }
        return (spent() - before) / static_cast<double>(messages);
    }

  private:
    struct Hop {
        link::ConnectionId left, right;
    };

    void route() {
        for (std::size_t i = 0; i < hops_.size(); ++i) {
            nodes_[i]->builder.set_adjacency(1, &hops_[i].left);
            nodes_[i + 1]->builder.set_adjacency(2, &hops_[i].right);
        }
        settle_down();
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            for (std::size_t j = 0; j < nodes_.size(); ++j) {
                if (i != j) {
                    const auto cost = static_cast<std::uint32_t>(i < j ? j - i : i - j);
                    nodes_[i]->builder.set_route(nodes_[j]->id,
                                                 "node" + std::to_string(j),
                                                 cost,
                                                 {routing::AdjacencyId{i < j ? 1U : 2U}});
                }
            }
            nodes_[i]->publish();
        }
    }

    [[nodiscard]] double spent() const {
        double sum = 0;
        for (const auto& node : nodes_) {
            sum += node->watch.nanoseconds();
        }
        return sum;
    }

    bool from_client(Client& client, Node& node, link::ConnectionId connection) {
        bytes_.clear();
        std::array<iovec, 64> slices{};
        const auto count = client.engine.output(slices);
        for (std::size_t i = 0; i < count; ++i) {
            const auto* at = static_cast<const std::byte*>(slices[i].iov_base);
            bytes_.insert(bytes_.end(), at, at + slices[i].iov_len);
        }
        client.engine.output_done(bytes_.size());
        node.take(connection, bytes_);
        return !bytes_.empty();
    }

    bool to_client(Node& node, link::ConnectionId connection, Client& client) {
        bytes_.clear();
        node.give(connection, bytes_);
        for (std::span<const std::byte> rest = bytes_; !rest.empty();) {
            const auto space = client.engine.input_space();
            const auto piece = std::min(space.size(), rest.size());
            std::memcpy(space.data(), rest.data(), piece);
            client.engine.input_done(piece, node.now);
            rest = rest.subspan(piece);
        }
        return !bytes_.empty();
    }

    bool step() {
        bool moved = from_client(sender_, *nodes_.front(), first_);
        nodes_.front()->flush();
        for (std::size_t i = 0; i < hops_.size(); ++i) {
            moved = hop(*nodes_[i], hops_[i].left, *nodes_[i + 1], hops_[i].right) || moved;
        }
        moved = to_client(*nodes_.back(), last_, receiver_) || moved;
        moved = from_client(receiver_, *nodes_.back(), last_) || moved;
        nodes_.back()->flush();
        for (std::size_t i = hops_.size(); i-- > 0;) {
            moved = hop(*nodes_[i + 1], hops_[i].right, *nodes_[i], hops_[i].left) || moved;
        }
        return to_client(*nodes_.front(), first_, sender_) || moved;
    }

    bool hop(Node& from, link::ConnectionId out, Node& to, link::ConnectionId in) {
        bytes_.clear();
        from.give(out, bytes_);
        to.take(in, bytes_);
        to.flush();
        return !bytes_.empty();
    }

    void settle_down() {
        while (step()) {
        }
    }

    link::ChunkPool pool_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<Hop> hops_;
    Client sender_;
    Client receiver_;
    link::ConnectionId first_, last_;
    std::vector<std::byte> bytes_;
    int idle_ = 0;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

int run(int argc, char** argv) {
    const auto number = [&](int index, unsigned long otherwise) {
        return argc > index ? std::strtoul(argv[index], nullptr, 10) : otherwise;
    };
    const std::size_t nodes = std::clamp(number(1, 1), 1UL, 16UL);
    const std::vector<std::byte> payload(std::clamp(number(2, 100), 1UL, 4096UL));
    const std::uint64_t messages = number(3, 500'000);
    const auto workers = static_cast<std::uint16_t>(std::clamp(number(5, 1), 1UL, 16UL));
    Line line(nodes, workers);
    line.run(payload, kWindow);
    std::vector<double> taken;
    for (auto runs = std::max(number(4, 7), 1UL); runs > 0; --runs) {
        taken.push_back(line.run(payload, messages));
    }
    const double middle = median(taken);
    std::vector<double> deviations;
    for (const double value : taken) {
        deviations.push_back(value > middle ? value - middle : middle - value);
    }
    std::printf(
        "nodes=%zu workers=%u payload=%zu B  %.1f ns CPU per message (median of %zu, MAD %.1f)\n",
        nodes,
        unsigned{workers},
        payload.size(),
        middle,
        taken.size(),
        median(deviations));
    return 0;
}

}  // namespace

}  // namespace amqmesh::bench

int main(int argc, char** argv) {
    return amqmesh::bench::run(argc, argv);
}
