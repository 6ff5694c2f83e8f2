#include "tests/sim/playback.h"

#include "routing/codec.h"

#include <array>
#include <cstdio>
#include <optional>
#include <utility>

namespace amqmesh::sim {

namespace {

namespace event = routing::event;

class Player {
  public:
    Player(std::istream& recording, const OnStep& on_step)
        : recording_(recording), on_step_(on_step) {}

    Playback run() {
        std::string line;
        if (!next(line) || !routing::is_recording(line)) {
            fail("not a recording");
        } else if (!next(line) || !begin(line)) {
            fail("no description of the node");
        }
        while (played_.failure.empty() && next(line)) {
            take(line);
        }
        return played_;
    }

  private:
    bool next(std::string& line) {
        if (!std::getline(recording_, line)) {
            return false;
        }
        ++played_.line;
        if (line.size() > routing::kRecordedLineMax) {
            fail("a line is too long");
        }
        return true;
    }

    void fail(std::string why) {
        if (played_.failure.empty()) {
            played_.failure = std::move(why);
        }
    }

    bool begin(const std::string& line) {
        const auto node = routing::parse_recorded_node(line);
        if (node) {
            node_.emplace(node->config, node->seed);
        }
        return node.has_value();
    }

    void take(const std::string& line) {
        if (line.starts_with('<')) {
            const auto recorded = routing::parse_recorded_outcome(line);
            if (!recorded || !outcome_) {
                fail("not an outcome of an event");
            } else if (recorded->effects != outcome_->effects) {
                fail("other effects than recorded");
            } else if (recorded->state != outcome_->state) {
                fail("another state than recorded");
            }
            outcome_.reset();
            return;
        }
        const auto recorded = routing::parse_recorded_event(line);
        const bool first = std::holds_alternative<event::Start>(
            recorded ? recorded->event : routing::Event(event::Stop{}));
        if (!recorded || outcome_ || recorded->now < played_.to || first != (played_.steps == 0)) {
            fail("not the next event");
            return;
        }
        played_.from = played_.steps == 0 ? recorded->now : played_.from;
        played_.to = recorded->now;
        ++played_.steps;
        effects_.clear();
        node_->handle(recorded->now, recorded->event, effects_);
        outcome_ = routing::outcome_of(*node_, recorded->event, effects_);
        if (on_step_) {
            on_step_(played_.line, *recorded, effects_);
        }
    }

    std::istream& recording_;
    const OnStep& on_step_;
    Playback played_;
    std::optional<routing::Node> node_;
    std::optional<routing::RecordedOutcome> outcome_;  // of the last event, not compared yet
    routing::Effects effects_;
};

const char* kind_of(const std::string& bytes) {
    routing::Message message;
    if (routing::decode(bytes, routing::Limits{}, message) != routing::Fault::kNone) {
        return "malformed";
    }
    constexpr std::array<const char*, 6> kNames = {
        "unknown", "hello", "flood", "summary", "request", "goodbye"};
    return kNames.at(message.index());
}

struct Words {
    std::string operator()(const event::Start&) const { return "start"; }

    std::string operator()(const event::LinkUp& e) const { return at("link up", e.link); }

    std::string operator()(const event::LinkDown& e) const { return at("link down", e.link); }

    std::string operator()(const event::Frame& e) const { return at(kind_of(e.bytes), e.link); }

    std::string operator()(const event::Alive& e) const { return at("alive", e.link); }

    std::string operator()(const event::Settled& e) const { return at("settled", e.link); }

    std::string operator()(const event::Credit& e) const {
        return at("credit", e.link) + ' ' + std::to_string(e.credit);
    }

    std::string operator()(const event::LocalAddress& e) const {
        return (e.present ? "address " : "no address ") + e.key;
    }

    std::string operator()(const event::SetCost& e) const {
        return at("cost", e.link) + ' ' + std::to_string(e.cost);
    }

    std::string operator()(const event::Drain& e) const { return e.on ? "drain" : "undrain"; }

    std::string operator()(const event::Stop&) const { return "stop"; }

    std::string operator()(const event::Tick&) const { return "tick"; }

    static std::string at(const char* what, routing::AdjacencyId link) {
        return std::string(what) + " on " + std::to_string(link);
    }
};

}  // namespace

Playback play(std::istream& recording, const OnStep& on_step) {
    return Player(recording, on_step).run();
}

std::string in_words(const routing::RecordedEvent& event, const routing::Effects& effects) {
    std::array<char, 40> time{};
    std::snprintf(
        time.data(), time.size(), "%14.6f  ", static_cast<double>(event.now) / routing::kSecond);
    std::string text = time.data() + std::visit(Words{}, event.event);
    for (const routing::Send& send : effects.send) {
        text += "; send " + Words::at(kind_of(send.bytes), send.link);
    }
    for (const routing::RouteChange& route : effects.routes) {
        text +=
            "; route " + route.name + " cost " + std::to_string(route.cost) +
            (route.next_hops.empty() ? " gone" : " by " + std::to_string(route.next_hops.front()));
    }
    if (!effects.addresses.empty()) {
        text += "; " + std::to_string(effects.addresses.size()) + " addresses";
    }
    for (const routing::LinkClose& close : effects.close) {
        text += "; " + Words::at("close", close.link) + " (" + close.text + ')';
    }
    for (const routing::Note& note : effects.notes) {
        text += std::string("; ") + note.code + ' ' + note.text;
    }
    return text;
}

}  // namespace amqmesh::sim
