#include "mgmt/cli/traffic.h"

#include <fmt/format.h>
#include <proton/connection.hpp>
#include <proton/delivery.hpp>
#include <proton/delivery_mode.hpp>
#include <proton/message.hpp>
#include <proton/message_id.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/target_options.hpp>

#include <algorithm>
#include <deque>

namespace amqmesh::cli {

namespace {

constexpr std::size_t kEchoesWaiting = 10'000;  // answers that wait for the reply link's credit

Json message_json(const proton::message& message) {
    Json line = Json::object();
    line["id"] = to_json(proton::value(message.id()));
    line["to"] = message.to();
    line["subject"] = message.subject();
    line["replyTo"] = message.reply_to();
    line["properties"] = to_json(proton::value(message.properties().value()));
    line["body"] = to_json(message.body());
    return line;
}

class ReceiveRun : public TrafficRun {
  public:
    explicit ReceiveRun(const ReceiveOptions& options)
        : TrafficRun(options.traffic), options_(options) {}

  private:
    void opened(proton::connection& connection) override {
        // Credit is given by hand: never for more messages than are wanted.
        receiver_ = connection.open_receiver(
            options_.traffic.address,
            proton::receiver_options().auto_accept(false).credit_window(0).delivery_mode(
                options_.presettled ? proton::delivery_mode::AT_MOST_ONCE
                                    : proton::delivery_mode::AT_LEAST_ONCE));
        give_credit();
        if (options_.echo) {
            replies_ = connection.open_sender(
                "", proton::sender_options().target(proton::target_options().anonymous(true)));
        }
    }

    void give_credit() {
        const std::uint64_t wanted =
            options_.traffic.count == 0 ? options_.credit : options_.traffic.count - received_;
        const std::uint64_t credit = std::min<std::uint64_t>(options_.credit, wanted);
        const auto have = static_cast<std::uint64_t>(std::max(receiver_.credit(), 0));
        // Half a window at a time, so that a flow frame pays for many messages.
        if (!winding_down() && credit > have && (have <= credit / 2 || credit == wanted)) {
            receiver_.add_credit(static_cast<std::uint32_t>(credit - have));
        }
    }

    void on_message(proton::delivery& delivery, proton::message& message) override {
        ++received_;
        start_clock();
        moved();
        print(message);
        answer(delivery);
        if (options_.echo && !message.reply_to().empty() && echoes_.size() < kEchoesWaiting) {
            proton::message reply(message.body());
            reply.to(message.reply_to());
            reply.correlation_id(message.correlation_id().empty() ? message.id()
                                                                  : message.correlation_id());
            echoes_.push_back(std::move(reply));
        }
        send_echoes();
        give_credit();
        maybe_finish();
    }

    void answer(proton::delivery& delivery) {
        switch (options_.answer) {
            case Answer::kAccept:
                delivery.accept();
                break;
            case Answer::kReject:
                delivery.reject();
                break;
            case Answer::kRelease:
                delivery.release();
                break;
            case Answer::kModify:
                delivery.modify();
                break;
        }
    }

    void print(const proton::message& message) const {
        if (options_.quiet) {
            return;
        }
        if (options_.traffic.json) {
            fmt::print("{}\n", message_json(message).dump());
        } else {
            fmt::print("{}\n", to_text(to_json(message.body())));
        }
    }

    void on_sendable(proton::sender&) override { send_echoes(); }

    void send_echoes() {
        while (!echoes_.empty() && replies_.credit() > 0) {
            replies_.send(echoes_.front());
            echoes_.pop_front();
            moved();
        }
        maybe_finish();
    }

    void maybe_finish() {
        const bool enough =
            winding_down() || (!may_wait_for_ever() && received_ == options_.traffic.count);
        if (enough && echoes_.empty()) {
            finish();
        }
    }

    void tick() override {}

    void wind_down() override { maybe_finish(); }

    [[nodiscard]] bool may_wait_for_ever() const override { return options_.traffic.count == 0; }

    [[nodiscard]] std::string stall_reason() const override {
        return fmt::format("{} of {} messages came from '{}', then none within {} s",
                           received_,
                           options_.traffic.count,
                           options_.traffic.address,
                           options_.traffic.node.timeout_s);
    }

    [[nodiscard]] Json summary() const override { return {{"received", received_}}; }

    [[nodiscard]] bool successful() const override {
        return options_.traffic.count == 0 || received_ == options_.traffic.count;
    }

    ReceiveOptions options_;
    proton::receiver receiver_;
    proton::sender replies_;
    std::deque<proton::message> echoes_;
    std::uint64_t received_ = 0;
};

}  // namespace

Exit receive(const ReceiveOptions& options) {
    return ReceiveRun(options).run();
}

}  // namespace amqmesh::cli
