// What send, receive and request have in common: one connection, driven on the main thread until
// the work is done, stalls, fails or is interrupted.
#pragma once

#include "mgmt/cli/connection.h"
#include "mgmt/cli/failure.h"
#include "mgmt/cli/json.h"

#include <proton/connection.hpp>
#include <proton/container.hpp>
#include <proton/messaging_handler.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

struct pn_delivery_t;

namespace proton {
class tracker;
}

namespace amqmesh::cli {

struct TrafficOptions {
    NodeOptions node;
    std::string address;
    std::uint64_t count = 1;  ///< 0: until duration_s or Ctrl-C
    double duration_s = 0;    ///< stop starting anything new after this; 0: no limit
    double rate = 0;          ///< messages/s; 0: as fast as credit allows
    bool json = false;
    bool progress = false;  ///< a line on standard error twice a second
};

/// Outcomes of what was sent (AMQP 3.4), or given to what was received.
struct Outcomes {
    std::uint64_t accepted = 0, rejected = 0, released = 0, modified = 0, presettled = 0;
    std::string first_reason;  ///< of the first rejection

    [[nodiscard]] std::uint64_t total() const {
        return accepted + rejected + released + modified + presettled;
    }

    /// Adds what the peer said about `tracker`.
    void count(const proton::tracker& tracker);
    void append_to(Json& summary) const;
};

class TrafficRun : protected proton::messaging_handler {
  public:
    using Clock = std::chrono::steady_clock;

    explicit TrafficRun(const TrafficOptions& options);
    ~TrafficRun() override = default;
    TrafficRun(const TrafficRun&) = delete;
    TrafficRun& operator=(const TrafficRun&) = delete;

    /// Blocks until the end. Prints the summary. Throws Failure when there is no connection.
    Exit run();

  protected:
    /// The connection is open: open links.
    virtual void opened(proton::connection& connection) = 0;
    /// Some time has passed; also the place to send what the rate allows.
    virtual void tick() = 0;
    /// Nothing new is to be started; call finish() when nothing is outstanding.
    virtual void wind_down() = 0;
    /// Why nothing moves, for people.
    [[nodiscard]] virtual std::string stall_reason() const = 0;
    /// Counts so far, in the order to be printed.
    [[nodiscard]] virtual Json summary() const = 0;
    /// Everything asked for has happened.
    [[nodiscard]] virtual bool successful() const = 0;

    /// Something moved: the time limit starts anew.
    void moved() { last_move_ = Clock::now(); }

    /// Started things may go on to their end, new ones must not start.
    [[nodiscard]] bool winding_down() const { return winding_down_; }

    /// How many messages the rate allows to have been sent by now, at most `count`.
    [[nodiscard]] std::uint64_t allowed() const;

    /// Whether silence is a failure now. A receiver without a count may wait for ever.
    virtual bool may_wait_for_ever() const { return false; }

    /// Closes everything in order; run() returns then.
    void finish();
    /// Ends with a failure.
    void fail(Exit code, const std::string& text);
    /// Seconds since the first message moved.
    [[nodiscard]] double elapsed_s() const;
    void start_clock();

    void on_sender_close(proton::sender& sender) override;
    void on_receiver_close(proton::receiver& receiver) override;

  private:
    void on_container_start(proton::container& container) override;
    void on_connection_open(proton::connection& connection) override;
    void on_connection_error(proton::connection& connection) override;
    void on_connection_close(proton::connection& connection) override;
    void on_transport_error(proton::transport& transport) override;
    void on_transport_close(proton::transport& transport) override;
    void on_sender_error(proton::sender& sender) override;
    void on_receiver_error(proton::receiver& receiver) override;
    void on_error(const proton::error_condition& error) override;
    void on_timer();
    void stop();
    void print_progress();

    TrafficOptions options_;
    proton::container container_;
    proton::connection connection_;
    bool opened_ = false;
    bool winding_down_ = false;
    bool finishing_ = false;
    bool stopped_ = false;
    std::optional<Failure> failure_;
    Clock::time_point last_move_, opened_at_, finish_at_, last_progress_;
    std::optional<Clock::time_point> first_, last_;
};

/// Lists the counts of a summary on one line: "sent=3 accepted=3".
std::string summary_line(const Json& summary);

}  // namespace amqmesh::cli
