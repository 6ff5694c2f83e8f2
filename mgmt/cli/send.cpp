#include "mgmt/cli/message_source.h"
#include "mgmt/cli/traffic.h"

#include <fmt/format.h>
#include <proton/connection.hpp>
#include <proton/delivery_mode.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/tracker.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace amqmesh::cli {

namespace {

class SendRun : public TrafficRun {
  public:
    SendRun(const SendOptions& options, MessageSource& source)
        : TrafficRun(options.traffic), options_(options), source_(source) {}

  private:
    void opened(proton::connection& connection) override {
        sender_ =
            connection.open_sender(options_.traffic.address,
                                   proton::sender_options().auto_settle(true).delivery_mode(
                                       options_.presettled ? proton::delivery_mode::AT_MOST_ONCE
                                                           : proton::delivery_mode::AT_LEAST_ONCE));
    }

    void tick() override { send_some(); }

    void on_sendable(proton::sender&) override { send_some(); }

    void on_tracker_accept(proton::tracker& tracker) override { outcome(tracker); }

    void on_tracker_reject(proton::tracker& tracker) override { outcome(tracker); }

    void on_tracker_release(proton::tracker& tracker) override { outcome(tracker); }

    void outcome(proton::tracker& tracker) {
        outcomes_.count(tracker);
        const auto now = Clock::now();
        if (last_outcome_) {
            longest_pause_ = std::max(longest_pause_, now - *last_outcome_);
        }
        last_outcome_ = now;
        start_clock();
        moved();
        send_some();
    }

    void send_some() {
        while (sent_ < allowed() && !winding_down() && sender_.credit() > 0 && window_open()) {
            start_clock();
            sender_.send(source_.next(sent_));
            ++sent_;
            if (options_.presettled) {
                ++outcomes_.presettled;
            }
            moved();
        }
        const bool all_sent =
            winding_down() || (options_.traffic.count != 0 && sent_ == options_.traffic.count);
        if (all_sent && outcomes_.total() == sent_) {
            finish();
        }
    }

    [[nodiscard]] bool window_open() const {
        return options_.window == 0 || sent_ - outcomes_.total() < options_.window;
    }

    void wind_down() override { send_some(); }

    [[nodiscard]] std::string stall_reason() const override {
        const auto seconds = options_.traffic.node.timeout_s;
        const std::uint64_t open = sent_ - outcomes_.total();
        if (open != 0) {
            return fmt::format("{} sent messages have no outcome after {} s", open, seconds);
        }
        return fmt::format(
            "no credit for '{}' within {} s: nobody consumes it, or the consumers are busy",
            options_.traffic.address,
            seconds);
    }

    [[nodiscard]] Json summary() const override {
        Json counts = {{"sent", sent_}};
        outcomes_.append_to(counts);
        if (sent_ != outcomes_.total()) {
            counts["unsettled"] = sent_ - outcomes_.total();
        }
        using std::chrono::milliseconds;
        counts["longestPauseMilliseconds"] =
            std::chrono::duration_cast<milliseconds>(longest_pause_).count();
        if (!outcomes_.first_reason.empty()) {
            counts["firstReason"] = outcomes_.first_reason;
        }
        return counts;
    }

    [[nodiscard]] bool successful() const override {
        const bool enough = options_.traffic.count == 0 || sent_ == options_.traffic.count;
        return enough && outcomes_.accepted + outcomes_.presettled == sent_;
    }

    SendOptions options_;
    MessageSource& source_;
    proton::sender sender_;
    std::uint64_t sent_ = 0;
    Outcomes outcomes_;
    std::optional<Clock::time_point> last_outcome_;
    Clock::duration longest_pause_{};  // between two outcomes: what a failure on the way costs
};

}  // namespace

Exit send(const SendOptions& options) {
    MessageSource source(options.message);
    SendOptions effective = options;
    if (source.bodies() != 0) {
        effective.traffic.count = source.bodies();
    }
    return SendRun(effective, source).run();
}

}  // namespace amqmesh::cli
