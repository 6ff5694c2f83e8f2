#include "mgmt/cli/management_driver.h"

#include <fmt/format.h>
#include <proton/connection_options.hpp>
#include <proton/delivery.hpp>
#include <proton/error_condition.hpp>
#include <proton/map.hpp>
#include <proton/message.hpp>
#include <proton/message_id.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender_options.hpp>
#include <proton/source.hpp>
#include <proton/source_options.hpp>
#include <proton/target_options.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>
#include <proton/work_queue.hpp>

#include <utility>

namespace amqmesh::cli {

namespace {

constexpr std::chrono::seconds kCloseLimit(1);
constexpr int kReplyCredit = 16;  // one request at a time; the rest is slack for late answers

proton::scalar to_scalar(const Json& json) {
    if (json.is_number_integer()) {
        return json.get<std::int64_t>();
    }
    if (json.is_boolean()) {
        return json.get<bool>();
    }
    return json.is_string() ? json.get<std::string>() : json.dump();
}

Json property(const proton::message& message, const std::string& name) {
    const auto& properties = message.properties();
    return properties.exists(name) ? to_json(properties.get(name)) : Json();
}

}  // namespace

ManagementDriver::ManagementDriver(const NodeOptions& node) : node_(node), container_(*this) {
    static_cast<void>(node_.url());  // a wrong URL is told before a thread exists
    thread_ = std::thread([this] {
        try {
            container_.run();
        } catch (const std::exception& error) {
            fail(Exit::kCannotConnect, error.what());
        }
    });
}

ManagementDriver::~ManagementDriver() {
    {
        std::unique_lock lock(mutex_);
        if (opened_ && !failure_) {
            connection_.work_queue().add([this] {
                closing_ = true;
                connection_.close();
            });
            changed_.wait_for(lock, kCloseLimit, [this] { return closed_ || failure_; });
        }
    }
    container_.stop();
    thread_.join();
}

void ManagementDriver::wait_ready() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, node_.timeout(), [this] { return ready_ || failure_; });
    if (failure_) {
        throw *failure_;
    }
    if (!ready_) {
        failure_.emplace(
            Exit::kCannotConnect,
            fmt::format("{} did not {} within {} s",
                        node_.shown(),
                        opened_ ? "give credit for a request" : "answer as an AMQP 1.0 peer",
                        node_.timeout_s));
        throw *failure_;
    }
}

Reply ManagementDriver::exchange(const Request& request, const std::string& router) {
    std::unique_lock lock(mutex_);
    if (failure_) {
        throw *failure_;
    }
    const std::uint64_t id = ++request_id_;
    request_to_ = router;
    reply_.reset();
    refusal_.reset();
    connection_.work_queue().add(
        [this, request, to = management_address(router), id] { send(request, to, id); });
    changed_.wait_for(lock, node_.timeout(), [this] { return reply_ || refusal_ || failure_; });
    if (reply_) {
        return *std::exchange(reply_, std::nullopt);
    }
    if (refusal_) {
        throw Failure(Exit::kFailed, *refusal_);
    }
    if (failure_) {
        throw *failure_;
    }
    throw Failure(Exit::kFailed,
                  fmt::format("no answer to {} from {} within {} s",
                              request.operation,
                              router.empty() ? node_.shown() : "node " + router,
                              node_.timeout_s));
}

void ManagementDriver::send(const Request& request, const std::string& to, std::uint64_t id) {
    proton::message message;
    message.to(to);
    message.reply_to(reply_to_);
    message.correlation_id(std::to_string(id));  // a string, as the reference's tools send
    message.properties().put("operation", request.operation);
    for (const auto& item : request.properties) {
        message.properties().put(item.first, to_scalar(item.second));
    }
    message.body(to_amqp(request.body));
    current_ = sender_.send(message);
}

void ManagementDriver::fail(Exit code, const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (!failure_) {
        failure_.emplace(opened_ ? Exit::kFailed : code, text);
        changed_.notify_all();
    }
}

void ManagementDriver::on_container_start(proton::container& container) {
    container.connect(node_.shown(), client_options(node_));
}

void ManagementDriver::on_connection_open(proton::connection& connection) {
    connection_ = connection;
    {
        const std::lock_guard lock(mutex_);
        opened_ = true;
    }
    connection.open_receiver("",
                             proton::receiver_options()
                                 .credit_window(kReplyCredit)
                                 .source(proton::source_options().dynamic(true)));
}

void ManagementDriver::on_receiver_open(proton::receiver& receiver) {
    reply_to_ = receiver.source().address();
    if (reply_to_.empty()) {
        fail(Exit::kFailed, fmt::format("{} gave no reply address", node_.shown()));
        return;
    }
    receiver.connection().open_sender(
        "", proton::sender_options().target(proton::target_options().anonymous(true)));
}

void ManagementDriver::on_sendable(proton::sender& sender) {
    sender_ = sender;
    const std::lock_guard lock(mutex_);
    ready_ = true;
    changed_.notify_all();
}

void ManagementDriver::on_message(proton::delivery& delivery, proton::message& message) {
    delivery.accept();
    Reply reply;
    const Json code = property(message, "statusCode");
    const Json description = property(message, "statusDescription");
    reply.code = code.is_number_integer() ? code.get<int>() : 0;
    reply.description = description.is_string() ? description.get<std::string>() : "";
    reply.body = to_json(message.body());
    const Json id = to_json(proton::value(message.correlation_id()));
    const std::lock_guard lock(mutex_);
    if (id != Json(std::to_string(request_id_))) {
        return;  // an answer to an earlier request that had been given up
    }
    reply_ = std::move(reply);
    changed_.notify_all();
}

// What becomes of a request that was given up says nothing about the one after it.
void ManagementDriver::refuse(const proton::tracker& tracker, const std::string& why) {
    if (!(tracker == current_)) {
        return;
    }
    const std::lock_guard lock(mutex_);
    const std::string to = request_to_.empty()
                               ? "$management of " + node_.shown()
                               : fmt::format("node '{}' through {}", request_to_, node_.shown());
    refusal_ = fmt::format("cannot ask {}: {}", to, why);
    changed_.notify_all();
}

void ManagementDriver::on_tracker_release(proton::tracker& tracker) {
    refuse(tracker, "nobody takes requests there");
}

void ManagementDriver::on_tracker_reject(proton::tracker& tracker) {
    refuse(tracker, "the request was rejected");
}

void ManagementDriver::on_transport_error(proton::transport& transport) {
    fail(Exit::kCannotConnect, connection_error(node_, transport.error()));
}

void ManagementDriver::on_transport_close(proton::transport&) {
    if (!closing_) {
        fail(Exit::kCannotConnect, fmt::format("{} closed the connection", node_.shown()));
    }
    container_.stop();
}

void ManagementDriver::on_connection_error(proton::connection& connection) {
    fail(Exit::kCannotConnect, connection_error(node_, connection.error()));
}

void ManagementDriver::on_connection_close(proton::connection&) {
    if (!closing_) {
        fail(Exit::kCannotConnect, fmt::format("{} closed the connection", node_.shown()));
        return;
    }
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

void ManagementDriver::on_sender_error(proton::sender& sender) {
    fail(Exit::kFailed,
         fmt::format("{} refused the request link: {}", node_.shown(), describe(sender.error())));
}

void ManagementDriver::on_receiver_error(proton::receiver& receiver) {
    fail(Exit::kFailed,
         fmt::format("{} refused the reply link: {}", node_.shown(), describe(receiver.error())));
}

void ManagementDriver::on_error(const proton::error_condition& error) {
    fail(Exit::kCannotConnect, connection_error(node_, error));
}

}  // namespace amqmesh::cli
