#include "mgmt/cli/traffic_run.h"

#include <fmt/format.h>
#include <proton/condition.h>
#include <proton/connection_options.hpp>
#include <proton/delivery.h>
#include <proton/error_condition.hpp>
#include <proton/receiver.hpp>
#include <proton/sender.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>
#include <proton/work_queue.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <limits>

namespace amqmesh::cli {

namespace {

constexpr std::chrono::milliseconds kTick(10);
constexpr std::chrono::milliseconds kProgressEvery(500);
constexpr std::chrono::seconds kFinishLimit(2);  // for the peer to answer our close

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "written by a signal handler");

void on_signal(int) {
    interrupted = true;
}

/// The C++ binding has no accessor for a rejection's error, so this asks the C delivery.
class DeliveryAccess : private proton::internal::object<pn_delivery_t> {
  public:
    explicit DeliveryAccess(const proton::tracker& tracker) : object(tracker) {}

    using object::pn_object;
};

std::string rejection_reason(const proton::tracker& tracker) {
    pn_condition_t* condition =
        pn_disposition_condition(pn_delivery_remote(DeliveryAccess(tracker).pn_object()));
    if (condition == nullptr || !pn_condition_is_set(condition)) {
        return "no reason given";
    }
    const char* name = pn_condition_get_name(condition);
    const char* text = pn_condition_get_description(condition);
    return text == nullptr ? std::string(name) : fmt::format("{} ({})", text, name);
}

}  // namespace

void Outcomes::count(const proton::tracker& tracker) {
    switch (tracker.state()) {
        case proton::transfer::ACCEPTED:
            ++accepted;
            break;
        case proton::transfer::REJECTED:
            ++rejected;
            if (first_reason.empty()) {
                first_reason = rejection_reason(tracker);
            }
            break;
        case proton::transfer::RELEASED:
            ++released;
            break;
        case proton::transfer::MODIFIED:
            ++modified;
            break;
        case proton::transfer::NONE:
        case proton::transfer::RECEIVED:
            break;
    }
}

void Outcomes::append_to(Json& summary) const {
    summary["accepted"] = accepted;
    summary["rejected"] = rejected;
    summary["released"] = released;
    summary["modified"] = modified;
    if (presettled != 0) {
        summary["presettled"] = presettled;
    }
}

std::string summary_line(const Json& summary) {
    std::string line;
    for (const auto& item : summary.items()) {
        const Json& value = item.value();
        const std::string text =
            value.is_number_float() ? fmt::format("{:.3f}", value.get<double>()) : to_text(value);
        line += fmt::format("{}{}={}", line.empty() ? "" : " ", item.key(), text);
    }
    return line;
}

TrafficRun::TrafficRun(const TrafficOptions& options) : options_(options), container_(*this) {}

Exit TrafficRun::run() {
    static_cast<void>(options_.node.url());  // a wrong URL is told before anything starts
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    container_.run();
    if (failure_ && !opened_) {
        throw *failure_;
    }
    Json counts = summary();
    const double seconds = first_ ? std::chrono::duration<double>(*last_ - *first_).count() : 0;
    counts["seconds"] = seconds;
    if (options_.json) {
        counts["error"] = failure_ ? Json(failure_->what()) : Json();
        fmt::print("{}\n", counts.dump());
    } else {
        fmt::print(stderr, "{}\n", summary_line(counts));
    }
    if (failure_) {
        throw *failure_;
    }
    return successful() ? Exit::kOk : Exit::kFailed;
}

std::uint64_t TrafficRun::allowed() const {
    const std::uint64_t count =
        options_.count == 0 ? std::numeric_limits<std::uint64_t>::max() : options_.count;
    if (options_.rate <= 0 || !first_) {
        return options_.rate <= 0 ? count : std::min<std::uint64_t>(count, 1);
    }
    return std::min(count, 1 + static_cast<std::uint64_t>(elapsed_s() * options_.rate));
}

double TrafficRun::elapsed_s() const {
    return first_ ? std::chrono::duration<double>(Clock::now() - *first_).count() : 0;
}

void TrafficRun::start_clock() {
    last_ = Clock::now();
    if (!first_) {
        first_ = last_;
    }
}

void TrafficRun::finish() {
    if (!finishing_) {
        finishing_ = true;
        finish_at_ = Clock::now();
        // Links first: the peer's answer says that it has taken everything sent before.
        for (proton::sender sender : connection_.senders()) {
            sender.close();
        }
        for (proton::receiver receiver : connection_.receivers()) {
            receiver.close();
        }
    }
}

void TrafficRun::fail(Exit code, const std::string& text) {
    if (!failure_ && !finishing_) {
        failure_.emplace(code, text);
    }
    if (opened_) {
        finish();
    } else {
        stop();
    }
}

void TrafficRun::stop() {
    stopped_ = true;
    container_.stop();
}

void TrafficRun::on_container_start(proton::container& container) {
    opened_at_ = last_move_ = last_progress_ = Clock::now();
    container.connect(options_.node.shown(), client_options(options_.node));
    on_timer();
}

void TrafficRun::on_connection_open(proton::connection& connection) {
    connection_ = connection;
    opened_ = true;
    opened_at_ = Clock::now();
    moved();
    opened(connection);
}

void TrafficRun::on_timer() {
    const auto now = Clock::now();
    if (stopped_) {
        return;
    }
    if (finishing_) {
        if (now - finish_at_ > kFinishLimit) {
            stop();
        }
    } else if (!winding_down_ && (interrupted || (opened_ && options_.duration_s > 0 &&
                                                  now - opened_at_ > std::chrono::duration<double>(
                                                                         options_.duration_s)))) {
        winding_down_ = true;
        if (opened_) {
            moved();
            wind_down();
        } else {
            fail(Exit::kCannotConnect, "interrupted before the connection was open");
        }
    } else if (now - last_move_ > options_.node.timeout() &&
               !(opened_ && may_wait_for_ever() && !winding_down_)) {
        fail(opened_ ? Exit::kFailed : Exit::kCannotConnect,
             opened_ ? stall_reason()
                     : fmt::format("{} did not answer as an AMQP 1.0 peer within {} s",
                                   options_.node.shown(),
                                   options_.node.timeout_s));
    } else if (opened_) {
        tick();
    }
    if (stopped_) {
        return;  // a timer still set would keep the container running
    }
    print_progress();
    // What a timer sends is written at once only when it runs in the connection's own queue.
    if (opened_) {
        connection_.work_queue().schedule(proton::duration(kTick.count()), [this] { on_timer(); });
    } else {
        container_.schedule(proton::duration(kTick.count()), [this] { on_timer(); });
    }
}

void TrafficRun::print_progress() {
    const auto now = Clock::now();
    if (options_.progress && opened_ && now - last_progress_ >= kProgressEvery) {
        last_progress_ = now;
        const Json counts = summary();
        fmt::print(stderr, "{}\n", options_.json ? counts.dump() : summary_line(counts));
    }
}

void TrafficRun::on_sender_close(proton::sender&) {
    if (finishing_) {
        connection_.close();
    }
}

void TrafficRun::on_receiver_close(proton::receiver&) {
    if (finishing_) {
        connection_.close();
    }
}

void TrafficRun::on_connection_close(proton::connection&) {
    if (finishing_) {
        stop();
    } else {
        fail(Exit::kFailed, fmt::format("{} closed the connection", options_.node.shown()));
    }
}

void TrafficRun::on_connection_error(proton::connection& connection) {
    fail(opened_ ? Exit::kFailed : Exit::kCannotConnect,
         connection_error(options_.node, connection.error()));
}

void TrafficRun::on_transport_error(proton::transport& transport) {
    fail(opened_ ? Exit::kFailed : Exit::kCannotConnect,
         connection_error(options_.node, transport.error()));
}

void TrafficRun::on_transport_close(proton::transport&) {
    container_.stop();
}

void TrafficRun::on_sender_error(proton::sender& sender) {
    fail(
        Exit::kFailed,
        fmt::format("the link to '{}' was closed: {}", options_.address, describe(sender.error())));
}

void TrafficRun::on_receiver_error(proton::receiver& receiver) {
    fail(Exit::kFailed,
         fmt::format(
             "the link from '{}' was closed: {}", options_.address, describe(receiver.error())));
}

void TrafficRun::on_error(const proton::error_condition& error) {
    fail(opened_ ? Exit::kFailed : Exit::kCannotConnect, connection_error(options_.node, error));
}

}  // namespace amqmesh::cli
