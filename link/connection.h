// One connection's links above the engine: who attached what, and what it is for. [data path 3]
#pragma once

#include "link/data_plane.h"
#include "link/engine.h"
#include "link/links.h"
#include "link/plane.h"

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace amqmesh::link {

class Connection final : public EngineEvents {
  public:
    Connection(Plane& plane,
               Forwarder& forwarder,
               ConnectionId id,
               const ConnectionOptions& options,
               Time now);
    ~Connection() override;

    [[nodiscard]] Engine& engine() { return engine_; }

    [[nodiscard]] const Engine& engine() const { return engine_; }

    [[nodiscard]] const ConnectionId& id() const { return id_; }

    [[nodiscard]] const ConnectionOptions& options() const { return options_; }

    /// Of senders that attach from now on.
    void set_link_capacity(std::uint32_t capacity) { options_.link_capacity = capacity; }

    [[nodiscard]] bool neighbour() const { return options_.role == ConnectionRole::kInterRouter; }

    /// nullptr: no such link now, or the other direction.
    [[nodiscard]] IncomingLink* incoming(LinkIndex link) {
        return link < links_.size() ? links_[link].in.get() : nullptr;
    }

    [[nodiscard]] OutgoingLink* outgoing(LinkIndex link) {
        return link < links_.size() ? links_[link].out.get() : nullptr;
    }

    [[nodiscard]] LinkKey key(LinkIndex link) const;

    /// Links on which the peer sends.
    [[nodiscard]] std::uint32_t incoming_count() const { return incoming_count_; }

    [[nodiscard]] std::uint32_t link_count() const {
        return static_cast<std::uint32_t>(links_.size());
    }

    /// The lane to the neighbour for a delivery: single-frame ones share one, each multi-frame one
    /// takes an idle stream lane, and what follows from the same sender stays behind it until it is
    /// settled, so that order within a sender's link holds. Nothing: not a usable neighbour.
    struct LaneChoice {
        LinkIndex link = 0;
        bool found = false;
    };

    LaneChoice lane_for(const MeshLabel& label, bool streaming);

    /// Frames are reported from now on, or no more; at most kFramesTraced a second.
    void set_trace(bool on);
    static constexpr std::uint32_t kFramesTraced = 1000;

    /// Queues a control message for the neighbour. [control]
    void send_control(std::uint64_t token, std::string bytes);
    /// Life signs for the routing core: reports Alive when bytes came since the last call.
    void report_life();

    /// Bytes went out to the peer.
    void note_output(Time now);
    /// The connection's timers are looked at, as they are in time for each heartbeat.
    void note_tick(Time now);
    /// Nothing follows what has arrived from the peer by now.
    void peer_ended(Time now);

    /// Answers the attach of a consumer that all workers know of by now.
    void answer_receiver(LinkIndex link, const Terminus& source, const Terminus& target);

    /// A delivery begins to go out; of those that come in it knows itself.
    void delivery_sent(Time now) { last_delivery_at_ = now; }

    [[nodiscard]] ConnectionRow row() const;
    bool dirty = false;  ///< on the plane's list

    // EngineEvents
    void on_open(const RemoteOpen& open) override;
    void on_begin(SessionIndex session) override;
    void on_attach(SessionIndex session, LinkIndex link, const RemoteAttach& attach) override;
    void on_attached(LinkIndex link, const RemoteAttach& attach) override;
    void on_transfer(Transfer& transfer) override;
    void on_flow(LinkIndex link, const RemoteFlow& flow) override;
    void on_drained(LinkIndex link) override;
    void on_outgoing_disposition(std::uint64_t context,
                                 const DeliveryState& state,
                                 bool settled) override;
    void on_incoming_disposition(std::uint64_t context,
                                 const DeliveryState& state,
                                 bool settled) override;
    void on_session_writable(SessionIndex session) override;
    void on_output_writable() override;
    void on_detach(LinkIndex link, bool closed, const Condition& condition) override;
    void on_link_gone(LinkIndex link) override;
    void on_session_gone(SessionIndex session) override;
    void on_close(const Condition& condition, bool by_peer) override;

  private:
    struct LinkSlot {
        std::unique_ptr<IncomingLink> in;
        std::unique_ptr<OutgoingLink> out;
        std::uint32_t generation = 0;
    };

    LinkSlot& slot(LinkIndex link);
    void attach_sender(LinkIndex link, const RemoteAttach& attach);    // the peer sends
    void attach_receiver(LinkIndex link, const RemoteAttach& attach);  // the peer receives
    void attach_neighbour_link(LinkIndex link, const RemoteAttach& attach);
    IncomingLink& make_incoming(LinkIndex link, const RemoteAttach& attach, LinkPurpose purpose);
    OutgoingLink& make_outgoing(LinkIndex link, const std::string& name, LinkPurpose purpose);
    void refuse(LinkIndex link, std::string condition, std::string text);
    void drop_link(LinkIndex link);
    void lost_link(LinkPurpose purpose);
    void open_neighbour_links();
    LinkIndex open_lane(LinkPurpose purpose, const std::string& name, const char* capability);
    void maybe_report_control_up();
    void receive_control(IncomingLink& link, Transfer& transfer);
    void pump_control();
    [[nodiscard]] Time patience() const;
    [[nodiscard]] bool stood_still(Time now) const;

    Plane& plane_;
    Forwarder& forwarder_;
    ConnectionId id_;
    ConnectionOptions options_;
    Engine engine_;
    std::vector<LinkSlot> links_;
    std::uint32_t incoming_count_ = 0;  // of them
    RemoteOpen remote_;
    bool opened_ = false;
    bool closed_ = false;
    Time opened_at_ = 0;
    Time last_life_ = 0;
    Time last_output_ = 0;
    Time last_tick_ = 0;
    Time woke_at_ = 0;  // after it had stood still; 0: never
    Time last_delivery_at_ = 0;
    std::uint32_t sessions_ = 0;
    bool traced_ = false;
    Time trace_second_ = 0;            // counted since then ...
    std::uint32_t frames_traced_ = 0;  // ... so many reported
    std::uint64_t frames_left_out_ = 0;
    std::size_t turn_ = 0;  // which of the waiting links goes first

    // Neighbours only.
    static constexpr std::uint32_t kNoLink = 0xffffffffU;
    LinkIndex control_out_ = kNoLink;
    LinkIndex short_lane_ = kNoLink;
    bool control_in_ = false;
    bool control_reported_ = false;
    bool given_up_ = false;

    struct StreamLane {
        LinkIndex link = 0;
        std::uint64_t flow = 0;
    };

    std::vector<StreamLane> stream_lanes_;
    std::string control_message_;   // being received
    bool control_started_ = false;  // front of the queue: delivery begun, this much written
    std::size_t control_written_ = 0;
    // Bounded by credit. A list, because it takes no memory while it is empty, as clients' are.
    std::list<std::pair<std::uint64_t, std::string>> control_queue_;
};

}  // namespace amqmesh::link
