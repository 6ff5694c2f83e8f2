// The engine's inside, shared by the engine_*.cpp files and nobody else.
//
//   bytes in -> engine_frames (headers, frames, guards) -> engine_receive (transfer, disposition,
//   flow) or engine_lifecycle (everything else, through Proton) -> EngineEvents
//   commands -> engine_send, engine_lifecycle -> OutQueue -> engine_output -> bytes out
//
// Sessions and links live in slot tables: slots keep their address while handlers run, whatever
// those begin or attach. A slot is freed only when both ends have let go of it.
#pragma once

#include "link/delivery_map.h"
#include "link/disposition_ranges.h"
#include "link/engine.h"
#include "link/frame_scanner.h"
#include "link/link_credit.h"
#include "link/out_queue.h"
#include "link/proton_lifecycle.h"
#include "link/session_flow.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace amqmesh::link {

inline constexpr std::uint32_t kNone = 0xffffffffU;      ///< no handle, channel or slot
inline constexpr std::size_t kReferenceBytesMin = 4096;  ///< payload below is copied
inline constexpr std::size_t kFrameBytesOutMax =
    std::size_t{64} * 1024;  ///< frames we make, at most
/// Answers (to begins, attaches and the like, and outcomes) that may wait to be written, beyond
/// output_bytes_max.
inline constexpr std::size_t kAnswerBytesMax = std::size_t{4} << 20U;
inline constexpr Time kCloseLinger = 2 * routing::kSecond;

/// Deliveries that dispositions may look at in vain, see Engine::Impl::afford(): at most so many at
/// a time, and so many more with each transfer frame. Narrower ones are not counted.
inline constexpr std::uint32_t kLooksMax = 1U << 18U;
inline constexpr std::uint32_t kLooksPerFrame = 256;
inline constexpr std::uint32_t kLooksFree = 32;

/// Delivery that is coming in on a link, frame by frame.
struct ReceivingDelivery {
    bool active = false;
    bool settled = false;
    std::uint32_t id = 0;
    std::uint64_t context = 0;
};

/// Delivery that is going out on a link.
struct SendingDelivery {
    bool active = false;
    bool written = false;    ///< its first frame is queued
    bool abort_due = false;  ///< aborted while the session's window was shut
    bool settled = false;
    std::uint8_t tag_bytes = 0;
    std::uint32_t id = 0;
    std::uint32_t message_format = 0;
    std::optional<ReceiverSettleMode> receiver_settle_mode;
    Outcome outcome = Outcome::kNone;
    std::array<std::byte, kTagBytesMax> tag{};
    std::vector<std::byte> state;  ///< encoded; usually empty
};

struct LinkSlot {
    bool used = false;
    pn_link_t* proton = nullptr;
    SessionIndex session = kNone;
    std::uint32_t position = 0;  ///< in SessionSlot::links
    Role role = Role::kSender;
    std::uint32_t local_handle = kNone;
    std::uint32_t remote_handle = kNone;
    bool opened =
        false;  ///< our attach was asked for (and sent, unless the connection is not open)
    bool remote_attached = false;
    bool local_detached = false;
    bool remote_detached = false;
    bool reported = false;   ///< the handler was told that it is gone
    bool forgotten = false;  ///< nothing is known of its deliveries any more
    bool flow_due = false;
    std::string name;
    ReceiverCredit receiver;
    SenderCredit sender;
    ReceivingDelivery in;
    SendingDelivery out;

    /// Frames on it mean something to us.
    [[nodiscard]] bool live() const { return used && !local_detached && !reported; }
};

/// Finds links by the peer's handle: a table for the small numbers everybody uses.
class HandleTable {
  public:
    [[nodiscard]] LinkIndex find(std::uint32_t handle) const;
    void set(std::uint32_t handle, LinkIndex link);
    void erase(std::uint32_t handle);

  private:
    static constexpr std::uint32_t kDense = 1024;

    std::vector<LinkIndex> dense_;
    std::unordered_map<std::uint32_t, LinkIndex> sparse_;
};

struct SessionSlot {
    explicit SessionSlot(const SessionFlow::Limits& limits) : flow(limits) {}

    bool used = true;
    pn_session_t* proton = nullptr;
    std::uint32_t local_channel = kNone;
    std::uint32_t remote_channel = kNone;
    bool local_ended = false;
    bool reported = false;
    bool dirty = false;          ///< in Impl::dirty_sessions
    bool flow_due = false;       ///< the window is to be told
    bool outgoing_full = false;  ///< outgoing_unsettled_max was reached
    bool writable_due = false;   ///< on_session_writable is to be raised
    std::uint32_t next_delivery_id = 0;
    std::uint32_t remote_handle_max = kNone;
    std::uint32_t looks_left = kLooksMax;  ///< see Impl::afford()
    std::uint32_t looks_frames = 0;        ///< transfer frames both ways, when it was last asked
    LinkIndex unwritten = kNone;           ///< link whose started delivery has no frame yet
    SessionFlow flow;
    DeliveryMap incoming;
    DeliveryMap outgoing;
    DispositionRanges as_receiver;
    DispositionRanges as_sender;
    HandleTable handles;
    std::vector<LinkIndex> links;
    std::vector<LinkIndex> flow_links;
    std::vector<LinkIndex> abort_links;                ///< aborts that wait for the peer's window
    std::unordered_map<std::string, LinkIndex> names;  ///< role and name of links not yet gone

    [[nodiscard]] bool live() const { return used && !local_ended && !reported; }
};

/// Slots that keep their address while more are added, found in one step.
template <typename T>
class SlotTable {
  public:
    T& operator[](std::uint32_t index) { return *slots_[index]; }

    const T& operator[](std::uint32_t index) const { return *slots_[index]; }

    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(slots_.size()); }

    /// A fresh slot, of those given back if there is one.
    template <typename... Arguments>
    std::uint32_t add(const Arguments&... arguments) {
        if (!free_.empty()) {
            const std::uint32_t index = free_.back();
            free_.pop_back();
            *slots_[index] = T(arguments...);
            return index;
        }
        slots_.push_back(std::make_unique<T>(arguments...));
        return size() - 1;
    }

    void give_back(std::uint32_t index) { free_.push_back(index); }

  private:
    std::vector<std::unique_ptr<T>> slots_;
    std::vector<std::uint32_t> free_;
};

/// Where the connection stands; only moves forward.
enum class EnginePhase : std::uint8_t {
    kRunning,
    kClosing,  ///< our close is out (or wanted), the peer's is awaited
    kFailed,   ///< handler told; input is thrown away until the peer goes
    kClosed
};

struct Engine::Impl {
    Impl(EngineConfig config_in, EngineEvents& events_in, ChunkPool& pool_in, Time now_in);

    // -- engine_frames.cpp: bytes to frames -------------------------------------------------------
    std::span<std::byte> input_space();
    void input_done(std::size_t count, Time at);
    void input_closed(std::string_view why, Time at);
    void process_input();
    bool hot_frame(Bytes input);
    bool process_header(Bytes input);
    bool process_frame(Bytes input);
    void begin_large_frame(Bytes input, const ScannedFrame& frame);
    void rest_input();
    void limit_answers();
    [[nodiscard]] Bytes pending_input() const;
    void frame_in(Bytes frame, const ScannedFrame& scanned);
    void amqp_frame(std::uint16_t channel, Bytes frame, const Body& body);
    void session_frame(std::uint16_t channel, Bytes frame, const Body& body);

    // -- engine_receive.cpp: the three hot performatives ------------------------------------------
    void receive_transfer(SessionIndex index, const Body& body, std::size_t payload_missing);
    bool begin_incoming(SessionIndex index, LinkIndex link_index, const TransferFrame& frame);
    void deliver(LinkIndex link_index, Transfer& transfer);
    void stream_payload();
    void receive_disposition(SessionIndex index, const Body& body);
    bool afford(SessionSlot& session, std::uint32_t looks);
    bool outgoing_disposition(SessionSlot& session,
                              std::uint32_t id,
                              const DispositionFrame& frame,
                              std::uint32_t& settled);
    bool incoming_disposition(SessionSlot& session,
                              std::uint32_t id,
                              const DispositionFrame& frame,
                              std::uint32_t& settled);
    void receive_flow(SessionIndex index, const Body& body);
    void link_flow(LinkIndex index, const FlowFrame& flow);
    void raise_due_events();

    // -- engine_lifecycle.cpp: everything that goes through Proton --------------------------------
    void lifecycle_frame(Bytes frame);
    void open_frame(Bytes frame, const Body& body);
    void begin_frame(std::uint16_t channel, Bytes frame, const Body& body);
    void attach_frame(SessionIndex index, Bytes frame, const Body& body);
    void detach_frame(SessionIndex index, Bytes frame, const Body& body);
    void on_proton_event(const ProtonLifecycle::Event& event);
    void remote_opened();
    [[nodiscard]] bool awaits_begin(std::uint16_t local_channel) const;
    void remote_begun(pn_session_t* proton);
    void remote_attached(pn_link_t* proton);
    void remote_detached(LinkIndex index, bool closed);
    void remote_ended(SessionIndex index);
    void remote_closed();
    void pull_lifecycle();
    void watch_output(Bytes frame);
    void run_deferred();
    void open_session(SessionIndex index);
    void open_link(LinkIndex index);
    void accept_attach(LinkIndex index, const Terminus& source, const Terminus& target);
    void detach(LinkIndex index, const Condition& condition, bool closed);
    void end(SessionIndex index, const Condition& condition);
    void close(const Condition& condition, Time at);
    void fail_link(LinkIndex index, const Condition& condition);
    void fail_session(SessionIndex index, const Condition& condition);
    void fail(const Condition& condition);
    void teardown();
    void links_gone(SessionIndex index);
    void link_gone(LinkIndex index);
    SessionIndex new_session();
    LinkIndex new_link(SessionIndex session, Role role, const std::string& name);
    void free_link(LinkIndex index);
    void forget_link(LinkIndex index);
    void free_session(SessionIndex index);

    // -- engine_output.cpp ------------------------------------------------------------------------
    std::size_t output(std::span<iovec> slices);
    void output_done(std::size_t bytes);
    std::optional<Time> tick(Time at);
    void flush_pending();
    void flush_session(SessionIndex index);
    void flush_dispositions(SessionSlot& session, DispositionRanges& ranges, Role role);
    void emit_flow(SessionSlot& session, LinkIndex link_index);
    void mark_dirty(SessionIndex index);
    void mark_flow(LinkIndex index);
    void count_frame_out(Bytes frame, std::size_t payload_bytes);
    void note_output_full();

    // -- engine_send.cpp --------------------------------------------------------------------------
    [[nodiscard]] bool writable(LinkIndex index) const;
    static std::uint32_t next_delivery_id(SessionSlot& session);
    std::uint32_t start_delivery(LinkIndex index, const OutboundDelivery& delivery);
    Written write_delivery(LinkIndex index, Bytes payload, const ChunkRef* owner, bool more);
    std::optional<std::uint32_t> send_whole(LinkIndex index, const WholeDelivery& delivery);
    void emit_transfer(SessionSlot& session,
                       LinkSlot& link,
                       Bytes payload,
                       const ChunkRef* owner,
                       bool more,
                       bool aborted = false);
    void abort_delivery(LinkIndex index);
    void write_pending_first(SessionSlot& session);
    void write_due_aborts(SessionSlot& session);

    // -- engine_trace.cpp -------------------------------------------------------------------------
    void trace_frame(bool out, Bytes frame, std::size_t payload_bytes);

    // -- state ------------------------------------------------------------------------------------
    EngineConfig config;
    EngineEvents& events;
    ChunkPool& pool;
    SessionFlow::Limits limits;
    MemoryBudget budget;
    ProtonLifecycle lifecycle;
    OutQueue out;
    std::function<void(std::string_view)> trace;
    Counters counters;

    EnginePhase phase = EnginePhase::kRunning;
    Condition close_condition;
    bool in_events = false;  // a handler is running: commands may only queue
    bool eof = false;
    bool expired = false;         // the linger is over
    bool sasl_layer = false;      // the peer sent a SASL header
    bool amqp_header_in = false;  // the peer's AMQP header came
    bool expect_header = true;
    bool local_open_sent = false;
    bool remote_open_seen = false;
    mutable bool output_full = false;  // on_output_writable is owed
    RemoteOpen remote;

    Time now = 0;
    Time created = 0;
    Time last_received = 0;
    Time last_sent = 0;
    Time linger_until = 0;
    std::optional<Time> tick_due;  // what tick() asked for
    Time resumed = 0;              // when it came much too late

    // Input: bytes [in_begin, in_end) of in_chunk wait to be parsed; a short rest is kept in
    // `stash` while no chunk is held. A frame larger than a chunk either streams (transfer) or is
    // collected.
    ChunkRef in_chunk;
    std::size_t in_begin = 0;
    std::size_t in_end = 0;
    std::size_t in_needed = 0;  // whole size of the frame that is not complete yet
    std::vector<std::byte> stash;
    std::vector<std::byte> large;
    std::size_t large_used = 0;
    LinkIndex stream_link = kNone;
    std::size_t stream_left = 0;  // payload bytes of the frame that have not come yet
    bool stream_more = false;

    SlotTable<SessionSlot> sessions;
    SlotTable<LinkSlot> links;
    std::size_t links_used = 0;
    std::vector<SessionIndex> by_remote_channel;
    std::vector<SessionIndex> dirty_sessions;
    std::vector<SessionIndex> due_sessions;  // writable_due
    std::vector<LinkIndex> doomed_links;     // on_link_gone is owed

    // The lifecycle frame that is being fed, as far as we looked at it ourselves.
    struct {
        std::uint16_t channel = 0;
        BeginFrame begin;
        AttachFrame attach;
        SessionIndex session = kNone;
    } current;

    // Our begin or attach that is about to come out of Proton.
    SessionIndex opening_session = kNone;
    LinkIndex opening_link = kNone;

    struct Deferred {
        enum class Kind : std::uint8_t { kBegin, kAttach, kDetach, kEnd } kind = Kind::kBegin;
        std::uint32_t index = 0;
        Condition condition;
        bool closed = true;
    };

    std::vector<Deferred> deferred;  // lifecycle commands given before our open went out

    // Reused: see decode_transfer().
    TransferFrame transfer_in;
    TransferFrame transfer_out;

    std::vector<std::byte> pulled;
};

}  // namespace amqmesh::link
