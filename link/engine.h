// One AMQP 1.0 connection as a byte machine (waist 2): bytes in, bytes out, tick(now).
//
// Proton keeps the lifecycle (SASL, open, begin, attach, detach, end, close); transfer, disposition
// and flow are parsed, tracked and emitted by our own code and never reach Proton (DESIGN 2.3).
//
// Threading: one owner thread, the worker's. Events are called from inside input_done(), tick(),
// input_closed() and (on_output_writable alone) output_done(), never from inside a command, so a
// handler may issue any command; what is emitted waits for output(). A handler must not destroy the
// engine. Errors: whatever a peer does wrong ends in an AMQP condition on the delivery, link,
// session or connection; nothing is thrown. Misuse by our own code asserts.
#pragma once

#include "link/amqp_types.h"
#include "link/chunk.h"
#include "link/memory_budget.h"

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::link {

/// Slot of a session or link inside one engine. Reused only after on_session_gone / on_link_gone.
using SessionIndex = std::uint32_t;
using LinkIndex = std::uint32_t;

struct EngineConfig {
    std::string container_id;              ///< router id; AMQP open container-id
    std::string hostname;                  ///< sent in open by an initiator; may be empty
    bool initiator = false;                ///< true: a connector's side, speaks first
    std::uint32_t max_frame_size = 16384;  ///< >= 512; what we accept (AMQP 2.7.1)
    std::uint32_t channel_max = 32767;     ///< highest channel we accept
    std::uint32_t handle_max =
        0x7fffffff;                   ///< links per session we accept are bounded by links_max
    std::uint32_t links_max = 65536;  ///< links per connection; beyond: resource-limit-exceeded
    std::uint32_t idle_timeout_ms = 16000;  ///< we close after this much silence; 0: never
    std::uint32_t heartbeat_ms = 0;         ///< send at least an empty frame this often; 0: only as
                                            ///< the peer's idle-time-out demands
    std::uint32_t handshake_timeout_ms = 10000;  ///< from creation to the peer's open; 0: none
    /// Payload that a session holds and may still receive, together: a stream that nobody reads
    /// takes no more (and what output_bytes_max lets into the connection it leaves by).
    std::size_t session_bytes_max = std::size_t{2} << 20U;
    std::size_t connection_bytes_max = 16U << 20;  ///< the same for all its sessions together
    const MemoryBudget* process_budget = nullptr;  ///< the same for all connections; outlives us
    std::size_t output_bytes_max = 1U << 20;  ///< writable() turns false above, on again below half
    /// Deliveries of one session that we have sent and whose outcome is awaited; beyond, its links
    /// are not writable.
    std::size_t outgoing_unsettled_max = 65536;
    std::vector<std::string> offered_capabilities;
    std::vector<std::string> desired_capabilities;
    Properties properties;
    /// An encoded map with symbols as keys (AMQP 1.6.23), sent in place of `properties` if it is
    /// not empty: for values that PropertyValue does not hold.
    std::string encoded_properties;
    bool sasl_required = false;            ///< a server refuses peers without a SASL layer
    bool use_sasl = false;                 ///< an initiator starts with a SASL layer
    std::string sasl_mechanisms;           ///< allowed, blank-separated; empty: ANONYMOUS
    std::string sasl_user, sasl_password;  ///< initiator, PLAIN
    std::string external_identity;         ///< from TLS, for EXTERNAL; empty: none
};

/// One frame of an incoming delivery (AMQP 2.7.5). Borrows last until the handler returns.
struct Transfer {
    SessionIndex session = 0;
    LinkIndex link = 0;
    std::uint32_t delivery_id = 0;
    bool first = false;    ///< tag, format, settled mode are only set then
    bool settled = false;  ///< on any frame so far
    bool more = false;
    bool aborted = false;  ///< the delivery is void; nothing follows, no disposition due
    std::uint32_t message_format = 0;
    std::optional<ReceiverSettleMode> receiver_settle_mode;
    std::span<const std::byte> tag;
    DeliveryState state;  ///< e.g. transactional-state; usually kNone
    std::span<const std::byte> payload;
    const ChunkRef* chunk = nullptr;  ///< holds `payload`; copy it to keep a slice
    std::uint64_t context = 0;  ///< in/out: set on the first frame, comes back on the others and
                                ///< in dispositions
};

/// Credit and drain as the receiving peer last said (AMQP 2.6.7), when we are the sender.
struct RemoteFlow {
    std::uint32_t credit = 0;
    bool drain = false;
};

/// First half of an outgoing delivery.
struct OutboundDelivery {
    std::span<const std::byte> tag;  ///< 1..32 bytes, unique among the link's unsettled
    std::uint32_t message_format = 0;
    bool settled = false;
    DeliveryState state;  ///< usually kNone
    std::optional<ReceiverSettleMode> receiver_settle_mode;
    std::uint64_t context = 0;  ///< comes back in on_outgoing_disposition
};

/// A delivery that goes out in one frame, with nothing unusual about it.
struct WholeDelivery {
    std::span<const std::byte> tag;  ///< 1..32 bytes, unique among the link's unsettled
    std::uint32_t message_format = 0;
    bool settled = false;
    std::uint64_t context = 0;  ///< comes back in on_outgoing_disposition
    std::span<const std::byte> payload;
};

/// What happens on the connection, in the order in which it happens.
class EngineEvents {
  public:
    virtual ~EngineEvents() = default;

    /// The peer's open (for a server, ours is answered on return).
    virtual void on_open(const RemoteOpen& open) = 0;
    /// A session begun by the peer has been answered.
    virtual void on_begin(SessionIndex session) = 0;
    /// The peer attached: answer with accept_attach() or refuse_attach(), now or later.
    virtual void on_attach(SessionIndex session, LinkIndex link, const RemoteAttach& attach) = 0;
    /// The peer answered our attach. A refusal shows as null terminus, then on_detach.
    virtual void on_attached(LinkIndex link, const RemoteAttach& attach) = 0;
    virtual void on_transfer(Transfer& transfer) = 0;
    /// We are the sender and the peer's credit or drain changed, or it asked for an echo
    /// (answered).
    virtual void on_flow(LinkIndex link, const RemoteFlow& flow) = 0;
    /// We are the receiver, asked for drain, and the sender has used up or given back all credit.
    virtual void on_drained(LinkIndex link) = 0;
    /// The peer settled a delivery we sent (then the engine has forgotten it) or gave it an
    /// outcome, maybe not for the first time; called once per delivery. Nothing less is told.
    virtual void on_outgoing_disposition(std::uint64_t context,
                                         const DeliveryState& state,
                                         bool settled) = 0;
    /// The sending peer settled a delivery we received and did not settle. What it says without
    /// settling is not told: `settled` is true.
    virtual void on_incoming_disposition(std::uint64_t context,
                                         const DeliveryState& state,
                                         bool settled) = 0;
    /// The session's outgoing window opened again after it had been empty.
    virtual void on_session_writable(SessionIndex session) = 0;
    /// Output fell below half of output_bytes_max after writable() had been false for it. The only
    /// event raised from inside output_done().
    virtual void on_output_writable() = 0;
    /// The peer detached. Unsettled deliveries of the link are still known; after the handler we
    /// answer with detach, forget them, and the index is free (as after on_link_gone).
    virtual void on_detach(LinkIndex link, bool closed, const Condition& condition) = 0;
    /// A link ended without a detach of the peer (end, close, transport loss) or our own detach()
    /// was answered: forget it. Called for every link not yet reported by on_detach.
    virtual void on_link_gone(LinkIndex link) = 0;
    /// After all its links have gone.
    virtual void on_session_gone(SessionIndex session) = 0;
    /// The connection is over (close by either side, protocol error, silence, EOF): after all links
    /// and sessions have gone. `condition` empty: orderly. Output may still be flushed; see
    /// finished().
    virtual void on_close(const Condition& condition, bool by_peer) = 0;
};

class Engine {
  public:
    /// Neither `events` nor `pool` is owned; both outlive the engine.
    Engine(EngineConfig config, EngineEvents& events, ChunkPool& pool, Time now);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // -- bytes ------------------------------------------------------------------------------------
    /// Where the next read may put bytes; never empty while !input_ended(). Idle engines hold no
    /// buffer: call right before reading, and input_done(0) if nothing came.
    std::span<std::byte> input_space();
    /// `count` bytes were put there; decodes and raises events.  [data path 2]
    void input_done(std::size_t count, Time now);
    /// EOF or a socket error; `why` is for people.
    void input_closed(std::string_view why, Time now);
    /// True when no more input is wanted (close received or failed).
    [[nodiscard]] bool input_ended() const;

    /// Finishes coalesced flows and dispositions and shows what is to be written, at most
    /// `slices.size()` pieces; the count of pieces. Valid until output_done().  [data path 8]
    std::size_t output(std::span<iovec> slices);
    void output_done(std::size_t bytes);
    [[nodiscard]] bool has_output() const;
    [[nodiscard]] std::size_t output_bytes() const;
    /// Nothing more will be read or written: close the socket.
    [[nodiscard]] bool finished() const;

    /// Timers: idle timeout, heartbeats, handshake limit, close linger. When to call again.
    std::optional<Time> tick(Time now);
    /// When anything was last received (for the adjacency's life signs).
    [[nodiscard]] Time last_received() const;

    // -- lifecycle commands -----------------------------------------------------------------------
    /// Sends close; the peer's close, or 2 s from now, ends it.
    void close(const Condition& condition, Time now);
    SessionIndex begin();

    struct AttachOptions {
        std::string name;
        Role role = Role::kSender;
        SenderSettleMode sender_settle_mode = SenderSettleMode::kMixed;
        ReceiverSettleMode receiver_settle_mode = ReceiverSettleMode::kFirst;
        Terminus source, target;
        Properties properties;
    };

    LinkIndex attach(SessionIndex session, const AttachOptions& options);
    /// Answers on_attach. Source and target as they are to be told to the peer.
    void accept_attach(LinkIndex link, const Terminus& source, const Terminus& target);
    /// Null source and target, then detach with the condition (AMQP 2.6.3).
    void refuse_attach(LinkIndex link, const Condition& condition);
    void detach(LinkIndex link, const Condition& condition, bool closed = true);
    void end(SessionIndex session, const Condition& condition);

    // -- receiving --------------------------------------------------------------------------------
    /// Lets the sender send `credit` more deliveries from here on (replaces what was left; 0 takes
    /// it back). `drain`: use it now or give it back -> on_drained. Emitted at output(), latest
    /// wins.
    void set_credit(LinkIndex link, std::uint32_t credit, bool drain = false);
    /// Credit the sender has left as we know it.
    [[nodiscard]] std::uint32_t credit(LinkIndex link) const;
    /// Our word on a received delivery; ranges are coalesced until output(). After `settled` it is
    /// forgotten.
    void dispose(SessionIndex session,
                 std::uint32_t delivery_id,
                 const DeliveryState& state,
                 bool settled);
    /// Payload bytes of a session that wait in memory for an outgoing link: its incoming window is
    /// renewed only as far as session_bytes_max has room beside them.
    void hold(SessionIndex session, std::size_t bytes);
    void unhold(SessionIndex session, std::size_t bytes);
    /// The process has memory again: windows that were not renewed are.
    void renew_windows();

    // -- sending ----------------------------------------------------------------------------------
    /// Link credit, session window and output budget all allow a frame now. Also true for the next
    /// frame of a started delivery (which needs no credit).
    [[nodiscard]] bool writable(LinkIndex link) const;
    /// Deliveries the peer still allows (as sender).
    [[nodiscard]] std::uint32_t send_credit(LinkIndex link) const;
    /// Starts a delivery and takes a credit; emits nothing by itself. REQUIRES: writable(link), no
    /// delivery in progress on it. The delivery-id.
    std::uint32_t start_delivery(LinkIndex link, const OutboundDelivery& delivery);

    struct Written {
        std::size_t bytes = 0;  ///< of the payload taken; a prefix
        bool complete = false;  ///< all of it, and with more == false the delivery's end, is queued
    };

    /// Queues payload as transfer frames, as far as session window and peer's max-frame-size allow.
    /// With `owner`, large payload is queued by reference, otherwise copied.  [data path 7]
    Written write_delivery(LinkIndex link,
                           std::span<const std::byte> payload,
                           const ChunkRef* owner,
                           bool more);
    /// writable(), start_delivery() and write_delivery() in one, for a delivery that is one frame
    /// and copied. The delivery-id; nothing, and nothing done, when the link is not writable, has a
    /// delivery in progress, or this one needs the longer way.  [data path 7]
    std::optional<std::uint32_t> send_whole(LinkIndex link, const WholeDelivery& delivery);
    /// Voids the delivery in progress (AMQP 2.7.5 aborted); it is settled thereby.
    void abort_delivery(LinkIndex link);
    /// Settles (or gives a state for) a delivery we sent: sender's disposition.
    void settle_outgoing(SessionIndex session,
                         std::uint32_t delivery_id,
                         const DeliveryState& state);
    /// Gives unused credit back after on_flow with drain (AMQP 2.6.7).
    void drained(LinkIndex link);

    // -- facts ------------------------------------------------------------------------------------
    [[nodiscard]] SessionIndex session_of(LinkIndex link) const;
    /// Valid until a link of the session comes or goes, which no command brings about but attach().
    [[nodiscard]] std::span<const LinkIndex> links_of(SessionIndex session) const;
    [[nodiscard]] std::uint32_t remote_max_frame_size() const;
    [[nodiscard]] bool open() const;  ///< both opens exchanged, no close yet

    struct Counters {
        std::uint64_t bytes_in = 0, bytes_out = 0, frames_in = 0, frames_out = 0;
    };

    [[nodiscard]] const Counters& counters() const;

    /// One line per frame, in and out, transfers and flows included; an empty function ends it.
    void set_trace(std::function<void(std::string_view)> trace);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace amqmesh::link
