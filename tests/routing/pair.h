// Two nodes joined by one perfect link without delay, for tests of what two neighbours say.
#pragma once

#include "routing/codec.h"
#include "routing/node.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::routing {

inline constexpr std::uint32_t kCredit = 32;

/// A node and everything it ever asked for.
struct Side {
    explicit Side(Config config) : node(std::move(config), 1) {}

    void handle(Time now, const Event& event) {
        Effects effects;
        node.handle(now, event, effects);
        node.check_invariants();
        for (Send& message : effects.send) {
            sent_bytes += message.bytes.size();
            out.push_back(std::move(message));
        }
        routes.insert(routes.end(), effects.routes.begin(), effects.routes.end());
        addresses.insert(addresses.end(), effects.addresses.begin(), effects.addresses.end());
        closes.insert(closes.end(), effects.close.begin(), effects.close.end());
        notes.insert(notes.end(), effects.notes.begin(), effects.notes.end());
        if (effects.topology) {
            topology = effects.topology;
        }
    }

    [[nodiscard]] bool noted(std::string_view code) const {
        return std::any_of(
            notes.begin(), notes.end(), [&](const Note& note) { return code == note.code; });
    }

    Node node;
    std::deque<Send> out;
    std::vector<RouteChange> routes;
    std::vector<AddressChange> addresses;
    std::vector<LinkClose> closes;
    std::vector<Note> notes;
    std::shared_ptr<const Topology> topology;
    std::size_t sent_bytes = 0;
};

class Pair {
  public:
    /// May change a message on its way; false drops it.
    using Filter = std::function<bool(std::size_t from, std::string& bytes)>;

    Pair(Config a, Config b) : sides{Side(std::move(a)), Side(std::move(b))} {
        for (Side& side : sides) {
            side.handle(now, event::Start{1'700'000'000'000});
        }
    }

    explicit Pair() : Pair(Config{.name = "a"}, Config{.name = "b"}) {}

    /// A new connection; the numbers of both ends' adjacencies rise with each.
    void connect(Cost cost = 1) {
        ++link;
        for (Side& side : sides) {
            side.out.clear();
            side.handle(now, event::LinkUp{link, cost});
            side.handle(now, event::Credit{link, kCredit});
        }
        exchange();
    }

    void disconnect() {
        for (Side& side : sides) {
            side.handle(now, event::LinkDown{link});
        }
        exchange();
    }

    /// Delivers until both have nothing to say. Ends: a test fails after 10,000 messages.
    void exchange() {
        for (int i = 0; i < 10'000; ++i) {
            bool any = false;
            for (std::size_t from = 0; from < 2; ++from) {
                Side& side = sides[from];
                if (side.out.empty()) {
                    continue;
                }
                any = true;
                Send message = std::move(side.out.front());
                side.out.pop_front();
                const bool pass = !filter || filter(from, message.bytes);
                if (pass && !mute) {
                    sides[1 - from].handle(now, event::Frame{message.link, message.bytes});
                }
                side.handle(now, event::Settled{message.link, message.token});
                side.handle(now, event::Credit{message.link, kCredit});
            }
            if (!any) {
                return;
            }
        }
        FAIL() << "the two do not stop talking";
    }

    /// Lets time pass, with every timer at its exact moment.
    void run_for(Time time) {
        const Time end = now + time;
        for (;;) {
            Time next = std::min(end, now + 100 * kMillisecond);
            for (const Side& side : sides) {
                next = std::min(next, side.node.next_deadline().value_or(end));
            }
            if (now >= end) {
                break;
            }
            now = std::max(next, now + 1);
            for (Side& side : sides) {
                if (heartbeats) {
                    side.handle(now, event::Alive{link});
                }
                if (side.node.next_deadline().value_or(end) <= now) {
                    side.handle(now, event::Tick{});
                }
            }
            exchange();
        }
        now = end;
    }

    [[nodiscard]] std::optional<AdjacencyState> state(std::size_t side) const {
        const NodeView view = sides[side].node.view(now);
        return view.adjacencies.empty() ? std::nullopt
                                        : std::optional(view.adjacencies.back().state);
    }

    [[nodiscard]] NodeCounters counters(std::size_t side) const {
        return sides[side].node.view(now).counters;
    }

    std::array<Side, 2> sides;
    Time now = kSecond;
    AdjacencyId link = 0;
    Filter filter;
    bool mute = false;       ///< frames vanish
    bool heartbeats = true;  ///< both keep hearing bytes
};

}  // namespace amqmesh::routing
