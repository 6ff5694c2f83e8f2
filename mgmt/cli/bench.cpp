// bench: one client that sends to itself through the node, and what that costs in time.
#include "mgmt/cli/traffic.h"

#include <fmt/format.h>
#include <proton/binary.hpp>
#include <proton/connection.hpp>
#include <proton/delivery.hpp>
#include <proton/message.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/tracker.hpp>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace amqmesh::cli {

namespace {

static_assert(std::is_same_v<TrafficRun::Clock::duration, std::chrono::nanoseconds>);

constexpr std::size_t kSamplesMax = 1'000'000;  // later messages count, but not for percentiles

class BenchRun : public TrafficRun {
  public:
    explicit BenchRun(const BenchOptions& options)
        : TrafficRun(options.traffic), options_(options) {}

  private:
    void opened(proton::connection& connection) override {
        connection.open_receiver(options_.traffic.address,
                                 proton::receiver_options().auto_accept(true).credit_window(1000));
        sender_ = connection.open_sender(options_.traffic.address,
                                         proton::sender_options().auto_settle(true));
    }

    void tick() override { send_some(); }

    void on_sendable(proton::sender&) override { send_some(); }

    void on_message(proton::delivery&, proton::message& message) override {
        moved();
        ++received_;
        const auto body = proton::get<proton::binary>(message.body());
        std::int64_t sent_at = 0;
        if (body.size() >= sizeof sent_at && samples_us_.size() < kSamplesMax) {
            std::memcpy(&sent_at, body.data(), sizeof sent_at);
            const std::chrono::nanoseconds ago =
                Clock::now().time_since_epoch() - std::chrono::nanoseconds(sent_at);
            samples_us_.push_back(static_cast<double>(ago.count()) / 1000);
        }
        maybe_finish();
    }

    void on_tracker_accept(proton::tracker& tracker) override { outcome(tracker); }

    void on_tracker_reject(proton::tracker& tracker) override { outcome(tracker); }

    void on_tracker_release(proton::tracker& tracker) override { outcome(tracker); }

    void outcome(proton::tracker& tracker) {
        outcomes_.count(tracker);
        moved();
        send_some();
    }

    void send_some() {
        while (sent_ < allowed() && !winding_down() && sender_.credit() > 0 &&
               sent_ - outcomes_.total() < options_.window) {
            start_clock();
            proton::binary body(std::max(options_.size, sizeof(std::int64_t)));
            const std::int64_t at = Clock::now().time_since_epoch().count();
            std::memcpy(body.data(), &at, sizeof at);
            sender_.send(proton::message(body));
            ++sent_;
            moved();
        }
        maybe_finish();
    }

    void maybe_finish() {
        const bool all_sent = winding_down() || sent_ == options_.traffic.count;
        if (all_sent && outcomes_.total() == sent_ && received_ >= outcomes_.accepted) {
            finish();
        }
    }

    void wind_down() override { send_some(); }

    [[nodiscard]] std::string stall_reason() const override {
        return fmt::format(
            "{} of {} messages have an outcome, {} came back", outcomes_.total(), sent_, received_);
    }

    [[nodiscard]] Json summary() const override {
        Json counts = {{"sent", sent_}, {"received", received_}};
        outcomes_.append_to(counts);
        const double seconds = elapsed_s();
        counts["perSecond"] =
            seconds > 0 ? static_cast<std::int64_t>(static_cast<double>(received_) / seconds) : 0;
        std::vector<double> sorted = samples_us_;
        std::sort(sorted.begin(), sorted.end());
        if (!sorted.empty()) {
            counts["p50Microseconds"] = static_cast<std::int64_t>(sorted[sorted.size() / 2]);
            counts["p99Microseconds"] = static_cast<std::int64_t>(sorted[sorted.size() * 99 / 100]);
            counts["maxMicroseconds"] = static_cast<std::int64_t>(sorted.back());
        }
        return counts;
    }

    [[nodiscard]] bool successful() const override {
        return sent_ > 0 && outcomes_.accepted == sent_ && received_ >= sent_;
    }

    BenchOptions options_;
    proton::sender sender_;
    std::uint64_t sent_ = 0, received_ = 0;
    Outcomes outcomes_;
    std::vector<double> samples_us_;  // from send() to on_message()
};

}  // namespace

Exit bench(const BenchOptions& options) {
    return BenchRun(options).run();
}

}  // namespace amqmesh::cli
