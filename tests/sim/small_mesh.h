// The mechanics of a small world whose every step is chosen from outside: real nodes, FIFO links
// without delay, and notices of losses and new links that come to each end by themselves. States
// are values: a step makes a new one and leaves the old one as it was.
#pragma once

#include "routing/node.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::sim {

/// Something that happens to a small world, at any moment of the order.
struct Happening {
    enum class Kind : std::uint8_t {
        kLose,     ///< link `index`: what is under way may arrive, wholly or in part
        kConnect,  ///< link `index`, which was down
        kCost,     ///< of link `index`, at its first end
        kDrain,    ///< router `index`
        kAddress,  ///< router `index` has a consumer
        kCrash     ///< router `index`, whose neighbours notice one by one
    };

    Kind kind = Kind::kLose;
    std::size_t index = 0;

    auto operator<=>(const Happening&) const = default;
};

struct SmallWorld {
    using Links = std::vector<std::pair<std::size_t, std::size_t>>;

    std::size_t routers = 3;
    Links links;  ///< all cost 1
    std::vector<Happening> happenings;
    bool from_start = false;       ///< else from a mesh where everybody knows the truth
    std::size_t early_timers = 1;  ///< how often a timer may overtake what is under way
    std::size_t states_max = 200'000;
    std::size_t lost_message =
        0;  ///< number of the message that a link loses, from 1; to test this
};

/// A router with what its driver was told. Never changed once it is part of a state.
struct Member {
    routing::Node node;
    std::map<routing::RouterId, std::pair<std::size_t, routing::AdjacencyId>>
        routes;                                                                    ///< cost, hop
    std::map<std::pair<routing::RouterId, std::string>, std::uint32_t> addresses;  ///< weights
    std::uint64_t graph = 0;
    /// (incarnation, sequence) of every record, the newest ever held.
    std::map<routing::RouterId, std::pair<std::uint64_t, std::uint64_t>> records;
    std::uint64_t conduct = 0;
};

struct SmallLink {
    struct Message {
        std::shared_ptr<const std::string> bytes;
        std::uint64_t hash = 0;
        std::uint64_t token = 0;
    };

    std::array<routing::AdjacencyId, 2> adjacency = {0, 0};  ///< 0: that end knows of none
    bool carries = false;                                    ///< else what is sent is lost
    std::array<std::deque<Message>, 2> to;                   ///< [i]: to end i
};

/// What can be next.
struct Step {
    enum class Kind : std::uint8_t { kDeliver, kHappen, kDown, kUp, kTimer };

    Kind kind = Kind::kDeliver;
    std::size_t index = 0;  ///< link; number of the happening; timer: 1 when it overtakes something
    std::size_t end = 0;
    routing::AdjacencyId adjacency = 0;

    bool operator==(const Step&) const = default;
};

struct SmallState {
    routing::Time now = 0;
    std::vector<std::shared_ptr<const Member>> members;  ///< null: crashed
    std::vector<SmallLink> links;
    std::vector<Step> pending;  ///< notices to come
    std::vector<bool> happened;
    std::size_t early_timers = 0;
    routing::AdjacencyId last_adjacency = 0;
    std::size_t messages = 0;  ///< sent so far
};

class SmallMesh {
  public:
    explicit SmallMesh(const SmallWorld& world) : world_(world) {}

    [[nodiscard]] SmallState first_state();
    /// Timers beyond `horizon` are no choice.
    [[nodiscard]] std::vector<Step> choices(const SmallState& state, routing::Time horizon) const;
    void take(SmallState& state, const Step& step);
    /// One order, until the time: everything in turn, timers when nothing is under way.
    void settle(SmallState& state, routing::Time until);

    /// Equal for states with the same future.
    [[nodiscard]] static std::uint64_t digest(const SmallState& state);

    /// Empty, or what a node did that it must never do.
    [[nodiscard]] const std::string& failure() const { return failure_; }

    [[nodiscard]] static std::string name(std::size_t router);
    [[nodiscard]] std::size_t router_of(std::size_t link, std::size_t end) const;
    [[nodiscard]] std::string describe(const Step& step) const;
    [[nodiscard]] bool happened(const SmallState& state, const Happening& happening) const;

  private:
    void handle(SmallState& state, std::size_t router, const routing::Event& what);
    void transmit(SmallState& state, routing::Send& send) const;
    void keep_records(Member& member, std::size_t router, routing::Time now);
    void connect(SmallState& state, std::size_t link) const;
    void lose(SmallState& state, std::size_t index) const;
    void deliver(SmallState& state, std::size_t link, std::size_t end);
    void settle_first(SmallState& state, std::size_t link, std::size_t end);
    void begin_link(SmallState& state, const Step& step);
    void end_link(SmallState& state, const Step& step);
    void happen(SmallState& state, const Happening& happening);
    void change_cost(SmallState& state, std::size_t link);
    void crash(SmallState& state, std::size_t router) const;
    void run_timers(SmallState& state);
    void renew_credit(SmallState& state);
    [[nodiscard]] static routing::Time next_timer(const SmallState& state);

    const SmallWorld& world_;
    std::string failure_;
};

/// Cost of a link after Happening::Kind::kCost.
inline constexpr routing::Cost kDear = 5;

}  // namespace amqmesh::sim
