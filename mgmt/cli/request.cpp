#include "mgmt/cli/message_source.h"
#include "mgmt/cli/traffic.h"

#include <fmt/format.h>
#include <proton/connection.hpp>
#include <proton/delivery.hpp>
#include <proton/message_id.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/source.hpp>
#include <proton/source_options.hpp>
#include <proton/tracker.hpp>

#include <algorithm>
#include <vector>

namespace amqmesh::cli {

namespace {

constexpr int kReplyCredit = 10;

/// One request at a time: what a caller of a remote procedure waits.
class RequestRun : public TrafficRun {
  public:
    RequestRun(const RequestOptions& options, MessageSource& source)
        : TrafficRun(options.traffic), options_(options), source_(source) {}

  private:
    void opened(proton::connection& connection) override {
        connection.open_receiver("",
                                 proton::receiver_options()
                                     .credit_window(kReplyCredit)
                                     .source(proton::source_options().dynamic(true)));
    }

    void on_receiver_open(proton::receiver& receiver) override {
        reply_to_ = receiver.source().address();
        sender_ = receiver.connection().open_sender(options_.traffic.address);
    }

    void on_sendable(proton::sender&) override { send_next(); }

    void tick() override { send_next(); }

    void send_next() {
        if (waiting_ || reply_to_.empty() || winding_down() || sent_ >= allowed() ||
            sender_.credit() <= 0) {
            return;
        }
        proton::message& message = source_.next(sent_);
        message.reply_to(reply_to_);
        message.correlation_id(sent_);
        start_clock();
        asked_at_ = Clock::now();
        sender_.send(message);
        ++sent_;
        waiting_ = true;
        moved();
    }

    void on_message(proton::delivery&, proton::message& reply) override {
        if (!waiting_ || to_json(proton::value(reply.correlation_id())) != Json(sent_ - 1)) {
            return;  // an answer that had been given up
        }
        const std::chrono::duration<double, std::milli> round_trip = Clock::now() - asked_at_;
        round_trips_ms_.push_back(round_trip.count());
        if (!options_.quiet) {
            fmt::print("{}\n", to_text(to_json(reply.body())));
        }
        next_or_end();
    }

    void on_tracker_accept(proton::tracker&) override { moved(); }

    void on_tracker_reject(proton::tracker& tracker) override { not_taken(tracker); }

    void on_tracker_release(proton::tracker& tracker) override { not_taken(tracker); }

    void not_taken(proton::tracker& tracker) {
        refused_.count(tracker);
        next_or_end();
    }

    void next_or_end() {
        waiting_ = false;
        start_clock();
        moved();
        if (winding_down() || sent_ == options_.traffic.count) {
            finish();
        } else {
            send_next();
        }
    }

    void wind_down() override {
        if (!waiting_) {
            finish();
        }
    }

    [[nodiscard]] std::string stall_reason() const override {
        const auto seconds = options_.traffic.node.timeout_s;
        return waiting_ ? fmt::format(
                              "no answer from '{}' within {} s", options_.traffic.address, seconds)
                        : fmt::format("no credit for '{}' within {} s: nobody consumes it",
                                      options_.traffic.address,
                                      seconds);
    }

    [[nodiscard]] Json summary() const override {
        Json counts = {{"requests", sent_}, {"replies", round_trips_ms_.size()}};
        if (refused_.total() != 0) {
            refused_.append_to(counts);
        }
        if (!round_trips_ms_.empty()) {
            std::vector<double> sorted = round_trips_ms_;
            std::sort(sorted.begin(), sorted.end());
            counts["p50Milliseconds"] = sorted[sorted.size() / 2];
            counts["p99Milliseconds"] = sorted[sorted.size() * 99 / 100];
        }
        return counts;
    }

    [[nodiscard]] bool successful() const override {
        const bool enough = options_.traffic.count == 0 || sent_ == options_.traffic.count;
        return enough && round_trips_ms_.size() == sent_;
    }

    RequestOptions options_;
    MessageSource& source_;
    proton::sender sender_;
    std::string reply_to_;
    bool waiting_ = false;
    std::uint64_t sent_ = 0;
    Clock::time_point asked_at_;
    Outcomes refused_;
    std::vector<double> round_trips_ms_;
};

}  // namespace

Exit request(const RequestOptions& options) {
    MessageSource source(options.message);
    RequestOptions effective = options;
    if (source.bodies() != 0) {
        effective.traffic.count = source.bodies();
    }
    return RequestRun(effective, source).run();
}

}  // namespace amqmesh::cli
