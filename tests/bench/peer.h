// One AMQP connection of the load client with one session and one link on it.
//
// A Sender or Receiver is a byte machine: received() takes what was read, out() holds what is to be
// written. It opens the connection itself or, as a receiver that was connected to, answers.
#pragma once

#include "tests/bench/histogram.h"
#include "tests/bench/wire.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace amqmesh::bench {

struct LinkPlan {
    std::string address;
    std::size_t body_bytes = 100;
    bool presettled = false;
    std::uint32_t window = 250;  ///< messages under way at most
};

constexpr std::uint32_t kFrameBytes = 16384;  // what we accept, and at most send

/// A receiver's and a sender's common half: the connection's life.
class Peer {
  public:
    virtual ~Peer() = default;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    /// `bytes` came at `now_ns`; the count that has been used (whole frames).
    std::size_t received(std::span<const std::uint8_t> bytes, std::uint64_t now_ns);
    /// Starts an idle connection's sign of life.
    void heartbeat();

    Buffer& out() { return out_; }

    /// The peer ended the connection, session or link; why, as far as it said.
    [[nodiscard]] const std::string& failure() const { return failure_; }

  protected:
    Peer(LinkPlan plan, bool sender, const char* name);

    void open_all();
    virtual void on_attach() = 0;
    virtual void on_flow(FieldReader fields) = 0;
    virtual void on_transfer(const Frame& frame, std::uint64_t now_ns) = 0;
    virtual void on_disposition(FieldReader fields) = 0;
    void write_attach(const std::string& link_name);

    LinkPlan plan_;
    Buffer out_;
    std::uint32_t remote_frame_bytes_ = kFrameBytes;
    std::uint32_t next_incoming_id_ = 0;
    bool active_ = true;  ///< we speak first

  private:
    void on_frame(const Frame& frame, std::uint64_t now_ns);
    void on_end(const Frame& frame);

    bool sender_;
    std::string name_;
    std::string failure_;
    bool got_header_ = false;
};

class Sender : public Peer {
  public:
    Sender(LinkPlan plan, const char* name);

    /// Sends while window, credit and session allow it, and `limit` messages in all have not been
    /// reached; `now_ns` is stamped into the messages.
    void pump(std::uint64_t limit, std::uint64_t received_by_peer, std::uint64_t now_ns);

    [[nodiscard]] std::uint64_t sent() const { return sent_; }

    [[nodiscard]] std::uint64_t settled() const { return settled_; }

    [[nodiscard]] std::uint64_t not_accepted() const { return not_accepted_; }

    [[nodiscard]] bool credited() const { return credited_; }

  private:
    void on_attach() override {}

    void on_flow(FieldReader fields) override;

    void on_transfer(const Frame&, std::uint64_t) override {}

    void on_disposition(FieldReader fields) override;

    /// Serial-number arithmetic (RFC 1982).
    [[nodiscard]] bool frame_fits() const {
        return static_cast<std::int32_t>(window_end_ - next_outgoing_id_) > 0;
    }

    [[nodiscard]] bool has_credit() const {
        return static_cast<std::int32_t>(credit_end_ - delivery_count_) > 0;
    }

    /// The rest of the current message, as far as the session's window allows.
    void write_message();
    void write_frame_head(std::size_t payload, bool more);

    Buffer body_;             // data section, stamped anew for each message
    std::size_t offset_ = 0;  // of the current message, when frames of it are still to be sent
    std::uint32_t next_outgoing_id_ = 0;
    std::uint32_t window_end_ = 0;
    std::uint32_t delivery_count_ = 0;
    std::uint32_t credit_end_ = 0;
    bool credited_ = false;
    std::uint64_t sent_ = 0, settled_ = 0, not_accepted_ = 0;
};

class Receiver : public Peer {
  public:
    /// `active` false: the peer connects to us and attaches its sender.
    Receiver(LinkPlan plan, const char* name, bool active);

    /// To be called after each burst: settles what has come, renews credit.
    void answer();

    [[nodiscard]] std::uint64_t count() const { return received_; }

    Histogram& latency_ns() { return latency_ns_; }

  private:
    void on_attach() override;

    void on_flow(FieldReader) override {}

    void on_transfer(const Frame& frame, std::uint64_t now_ns) override;

    void on_disposition(FieldReader) override {}

    void write_flow();

    std::uint64_t received_ = 0;
    std::uint32_t credit_given_for_ = 0;  // deliveries, counted from the link's start
    bool attached_ = false;
    bool started_ = false;  // a delivery is in progress
    bool to_settle_ = false;
    std::uint32_t first_unsettled_ = 0, last_unsettled_ = 0;
    std::uint32_t delivery_id_ = 0;
    bool delivery_settled_ = false;
    Histogram latency_ns_;
};

}  // namespace amqmesh::bench
