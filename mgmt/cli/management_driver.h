// The AMQP side of ManagementClient: a Proton handler and the thread that runs it.
//
// Two threads meet here: the caller waits on `changed_` for what the handler stores under `mutex_`.
// Everything of Proton is touched by the container's thread only.
#pragma once

#include "mgmt/cli/failure.h"
#include "mgmt/cli/management_client.h"

#include <proton/connection.hpp>
#include <proton/container.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/sender.hpp>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

namespace amqmesh::cli {

class ManagementDriver : private proton::messaging_handler {
  public:
    explicit ManagementDriver(const NodeOptions& node);
    /// Closes the connection, waiting a second at most for the peer.
    ~ManagementDriver() override;
    ManagementDriver(const ManagementDriver&) = delete;
    ManagementDriver& operator=(const ManagementDriver&) = delete;

    /// Until requests can be sent. Throws Failure(kCannotConnect).
    void wait_ready();
    /// One request, one reply. Throws Failure when none comes.
    Reply exchange(const Request& request, const std::string& router);

  private:
    void on_container_start(proton::container& container) override;
    void on_connection_open(proton::connection& connection) override;
    void on_receiver_open(proton::receiver& receiver) override;
    void on_sendable(proton::sender& sender) override;
    void on_message(proton::delivery& delivery, proton::message& message) override;
    void on_tracker_release(proton::tracker& tracker) override;
    void on_tracker_reject(proton::tracker& tracker) override;
    void on_transport_error(proton::transport& transport) override;
    void on_transport_close(proton::transport& transport) override;
    void on_connection_error(proton::connection& connection) override;
    void on_connection_close(proton::connection& connection) override;
    void on_sender_error(proton::sender& sender) override;
    void on_receiver_error(proton::receiver& receiver) override;
    void on_error(const proton::error_condition& error) override;

    void send(const Request& request, const std::string& to, std::uint64_t id);
    /// The connection is of no more use; the first cause counts.
    void fail(Exit code, const std::string& text);
    /// The node did not take the current request.
    void refuse(const proton::tracker& tracker, const std::string& why);

    const NodeOptions node_;
    proton::container container_;

    // Container's thread only.
    proton::connection connection_;
    proton::sender sender_;
    proton::tracker current_;  // of the request that is waited for
    std::string reply_to_;
    bool closing_ = false;

    std::mutex mutex_;
    std::condition_variable changed_;
    // Under mutex_.
    bool opened_ = false;  // the peer's open arrived: failures are no longer of connecting
    bool ready_ = false;
    bool closed_ = false;  // our close was answered
    std::uint64_t request_id_ = 0;
    std::string request_to_;
    std::optional<Reply> reply_;
    std::optional<std::string> refusal_;
    std::optional<Failure> failure_;

    std::thread thread_;
};

}  // namespace amqmesh::cli
