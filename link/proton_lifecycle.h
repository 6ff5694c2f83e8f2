// Proton's engine behind a narrow door: SASL, open, begin, attach, detach, end, close (DESIGN 2.3).
//
// It is fed one whole, already validated protocol header or lifecycle frame at a time, then its
// events are taken, then its output is pulled until empty. It never sees transfer, disposition or
// flow and, having no deliveries and no credit, never emits one. Timeouts are not its business:
// its tick is never called. This file pair is the only place that includes Proton's engine.
#pragma once

#include "link/amqp_types.h"
#include "link/codec.h"
#include "link/engine.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

struct pn_session_t;
struct pn_link_t;

namespace amqmesh::link {

class ProtonLifecycle {
  public:
    /// `window_frames`: incoming window our begins offer.
    ProtonLifecycle(const EngineConfig& config, std::uint32_t window_frames);
    ~ProtonLifecycle();
    ProtonLifecycle(const ProtonLifecycle&) = delete;
    ProtonLifecycle& operator=(const ProtonLifecycle&) = delete;

    enum class EventKind : std::uint8_t { kOpen, kBegin, kAttach, kDetach, kEnd, kClose, kFailed };

    struct Event {
        EventKind kind = EventKind::kOpen;
        pn_session_t* session = nullptr;
        pn_link_t* link = nullptr;
        bool closed = false;  ///< of a detach
    };

    /// One protocol header or frame. False: Proton refused it; failure() tells why.
    bool feed(Bytes frame);
    std::optional<Event> next_event();
    /// Appends everything Proton wants to send.
    void pull(std::vector<std::byte>& out);

    void open();
    /// Opens too, if that has not been done.
    void close(const Condition& condition);

    pn_session_t* new_session();
    void open_session(pn_session_t* session);
    static void end_session(pn_session_t* session, const Condition& condition);
    static void free_session(pn_session_t* session);

    static pn_link_t* new_link(pn_session_t* session, const Engine::AttachOptions& options);
    static void open_link(pn_link_t* link);
    /// Answers the peer's attach.
    static void accept_link(pn_link_t* link, const Terminus& source, const Terminus& target);
    static void detach_link(pn_link_t* link, const Condition& condition, bool closed);
    static void free_link(pn_link_t* link);
    /// Our slot of the link; nothing until set.
    static void set_slot(pn_link_t* link, std::uint32_t slot);
    static std::optional<std::uint32_t> slot(pn_link_t* link);
    static void set_slot(pn_session_t* session, std::uint32_t slot);
    static std::optional<std::uint32_t> slot(pn_session_t* session);

    [[nodiscard]] RemoteOpen remote_open() const;
    [[nodiscard]] static RemoteAttach remote_attach(pn_link_t* link);
    [[nodiscard]] static Condition remote_condition(pn_link_t* link);
    [[nodiscard]] static Condition remote_condition(pn_session_t* session);
    [[nodiscard]] Condition remote_condition() const;
    /// Why Proton gave up; empty if it did not.
    [[nodiscard]] Condition failure() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace amqmesh::link
