#include "tests/fuzz/control_fuzz.h"

#include "routing/codec.h"
#include "routing/hash.h"
#include "routing/node.h"

#include <string>

namespace amqmesh::fuzz {

namespace {

namespace event = routing::event;

constexpr std::uint64_t kLife = 1'700'000'000'000;
constexpr routing::AdjacencyId kLink = 1;
constexpr std::size_t kHeader = 3;
constexpr std::size_t kMessagesMax = 64;

// A node whose neighbour "b" has just been heard with an echo: summaries and floods are taken.
class Target {
  public:
    Target()
        : node_({.name = "a",
                 .limits = {.routers = 50, .addresses_per_origin = 1000, .message_bytes = 65'536}},
                1) {
        handle(event::Start{kLife});
        handle(event::LocalAddress{"local"});
        connect();
    }

    void handle(const routing::Event& event) {
        effects_.clear();
        node_.handle(now_, event, effects_);
        node_.check_invariants();
        for (const routing::LinkClose& close : effects_.close) {
            connected_ &= close.link != link_;
        }
    }

    void frame(std::string bytes) {
        now_ += 1000;
        if (!connected_) {
            connect();
        }
        handle(event::Frame{link_, std::move(bytes)});
        handle(event::Credit{link_, 64});
    }

    void wait(routing::Time time) {
        now_ += time;
        handle(event::Alive{link_});
        handle(event::Tick{});
    }

  private:
    void connect() {
        ++link_;
        connected_ = true;
        handle(event::LinkUp{link_, 1});
        handle(event::Credit{link_, 64});
        const routing::Hello hello = {.rid = routing::router_id("b"),
                                      .name = "b",
                                      .life = 5,
                                      .peer_rid = node_.id(),
                                      .peer_life = kLife,
                                      .min_version = 1,
                                      .max_version = 1,
                                      .area = "0",
                                      .link_id = 9,
                                      .peer_link_id = link_,
                                      .cost = 1,
                                      .heartbeat_ms = 300,
                                      .detect_mult = 3,
                                      .state = routing::AdjacencyState::kInit};
        handle(event::Frame{link_, routing::encode(hello)});
    }

    routing::Node node_;
    routing::Effects effects_;
    routing::Time now_ = routing::kSecond;
    routing::AdjacencyId link_ = kLink - 1;
    bool connected_ = false;
};

}  // namespace

void feed_control(const std::uint8_t* data, std::size_t size) {
    Target target;
    std::size_t messages = 0;
    while (size >= kHeader && messages++ < kMessagesMax) {
        const std::uint8_t kind = data[0];
        const std::size_t wanted = (std::size_t{data[1]} << 8U) | data[2];
        data += kHeader;
        size -= kHeader;
        const std::size_t length = wanted < size ? wanted : size;
        std::string bytes(data, data + length);
        data += length;
        size -= length;
        const std::uint64_t hash = routing::hash_bytes(bytes);
        switch (kind % 4) {
            case 0:
                target.frame(std::move(bytes));
                break;
            case 1:
                target.frame(routing::encode(routing::Flood{{{bytes, 60'000, hash}}, {}}));
                break;
            case 2:
                target.frame(routing::encode(routing::Flood{{}, {{bytes, hash}}}));
                break;
            default:
                target.wait((wanted % 5000) * routing::kMillisecond);
                break;
        }
    }
}

}  // namespace amqmesh::fuzz
