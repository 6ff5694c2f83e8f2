// Credit and drain of one link (AMQP 2.6.7), one class per end. No I/O; counts wrap (RFC 1982).
#pragma once

#include <cstdint>
#include <optional>

namespace amqmesh::link {

/// We receive: credit we gave to the peer.
class ReceiverCredit {
  public:
    /// The peer's attach said its initial-delivery-count.
    void start(std::uint32_t delivery_count);
    /// `credit` more deliveries from here on.
    void set(std::uint32_t credit, bool drain);
    /// A delivery began. False: the peer never had credit for it.
    [[nodiscard]] bool receive_delivery();
    /// The sender's flow said its delivery-count. True: a drain is complete.
    bool receive_flow(std::uint32_t delivery_count);
    /// True once after a drain was answered by using up all credit.
    bool take_drained();

    [[nodiscard]] std::uint32_t credit() const;

    /// nullopt until start().
    [[nodiscard]] std::optional<std::uint32_t> delivery_count() const;

    [[nodiscard]] bool drain() const { return drain_; }

  private:
    bool started_ = false;
    bool drain_ = false;
    std::uint32_t delivery_count_ = 0;
    std::uint32_t limit_ = 0;  // the delivery-count up to which the peer may send
    // Highest limit ever told: after credit was taken back, the peer may not have seen it yet.
    std::uint32_t limit_told_ = 0;
};

/// We send: credit the peer gave us.
class SenderCredit {
  public:
    /// The peer's flow. True: credit or drain changed.
    bool receive_flow(std::optional<std::uint32_t> delivery_count,
                      std::uint32_t link_credit,
                      bool drain);
    /// A delivery was started. REQUIRES: credit() > 0.
    void send_delivery();
    /// Gives the rest back. True: the peer is to be told.
    bool drained();

    [[nodiscard]] std::uint32_t credit() const { return credit_; }

    [[nodiscard]] std::uint32_t delivery_count() const { return delivery_count_; }

    [[nodiscard]] bool drain() const { return drain_; }

  private:
    std::uint32_t delivery_count_ = 0;
    std::uint32_t credit_ = 0;
    bool drain_ = false;
};

}  // namespace amqmesh::link
