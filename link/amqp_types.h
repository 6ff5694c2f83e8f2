// AMQP 1.0 terms as plain values, shared by the engine and everything above it. None of Proton's
// types appear here.
#pragma once

#include "routing/types.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace amqmesh::link {

using routing::Time;

/// Error condition (AMQP 2.8.14): a symbol such as "amqp:not-found" and a sentence for people.
struct Condition {
    std::string name;
    std::string description;

    [[nodiscard]] bool empty() const { return name.empty(); }
};

/// Which end of a link this node is (AMQP 2.6.1).
enum class Role : std::uint8_t { kSender, kReceiver };

/// AMQP 2.8.2.
enum class SenderSettleMode : std::uint8_t { kUnsettled = 0, kSettled = 1, kMixed = 2 };

/// AMQP 2.8.3.
enum class ReceiverSettleMode : std::uint8_t { kFirst = 0, kSecond = 1 };

/// Kind of a delivery state (AMQP 3.4). kOther: transactional or unknown; only `raw` tells.
enum class Outcome : std::uint8_t {
    kNone,
    kReceived,
    kAccepted,
    kRejected,
    kReleased,
    kModified,
    kOther
};

/// A delivery state. `raw` is the encoded described value exactly as received (empty: encode the
/// plain state of `outcome`), so that every field reaches the other end untouched. A borrow: valid
/// during the call that passes it.
struct DeliveryState {
    Outcome outcome = Outcome::kNone;
    std::span<const std::byte> raw;
};

/// A value in an open/link properties map or filter, as far as we look at them.
using PropertyValue =
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string>;
using Properties = std::vector<std::pair<std::string, PropertyValue>>;

/// Source or target (AMQP 3.5.3, 3.5.4).
struct Terminus {
    enum class Kind : std::uint8_t { kNull, kSource, kTarget, kCoordinator };

    Kind kind = Kind::kNull;
    std::optional<std::string> address;
    bool dynamic = false;
    std::uint32_t durability = 0;  ///< 0 none, 1 configuration, 2 unsettled-state
    std::string expiry_policy;     ///< symbol; empty: default (session-end)
    std::uint32_t timeout_s = 0;
    std::string distribution_mode;          ///< "move", "copy" or empty
    std::vector<std::string> filters;       ///< names of the filters present (source only)
    std::vector<std::string> capabilities;  ///< symbols
};

/// Where else a peer can be found: an entry of the open property `failover-server-list`.
struct FailoverServer {
    std::string host;
    std::string port;    ///< number; empty: the scheme's
    std::string scheme;  ///< amqp, amqps, or empty

    bool operator==(const FailoverServer&) const = default;
};

/// What the peer said in Open (AMQP 2.7.1).
struct RemoteOpen {
    std::string container_id;
    std::string hostname;
    std::uint32_t max_frame_size = 0xffffffffU;
    std::uint16_t channel_max = 65535;
    std::uint32_t idle_timeout_ms = 0;
    std::vector<std::string> offered_capabilities;
    std::vector<std::string> desired_capabilities;
    Properties properties;
    std::vector<FailoverServer> failover;  ///< at most kFailoverMax of them
    static constexpr std::size_t kFailoverMax = 16;
    std::string sasl_mechanism;  ///< empty: no SASL layer
    std::string user;            ///< authenticated identity, or empty
};

/// What the peer said in Attach (AMQP 2.7.3).
struct RemoteAttach {
    std::string name;
    Role local_role = Role::kReceiver;  ///< ours: kReceiver when the peer sends
    SenderSettleMode sender_settle_mode = SenderSettleMode::kMixed;
    ReceiverSettleMode receiver_settle_mode = ReceiverSettleMode::kFirst;
    Terminus source;
    Terminus target;
    std::uint64_t max_message_size = 0;
    std::vector<std::string> offered_capabilities;
    std::vector<std::string> desired_capabilities;
    Properties properties;
};

}  // namespace amqmesh::link
