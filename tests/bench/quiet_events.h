// Engine events that nobody cares about, for programs that care about two or three of them.
#pragma once

#include "link/engine.h"

#include <cstdint>

namespace amqmesh::bench {

class QuietEvents : public link::EngineEvents {
  public:
    void on_open(const link::RemoteOpen&) override {}

    void on_begin(link::SessionIndex) override {}

    void on_attach(link::SessionIndex, link::LinkIndex, const link::RemoteAttach&) override {}

    void on_attached(link::LinkIndex, const link::RemoteAttach&) override {}

    void on_flow(link::LinkIndex, const link::RemoteFlow&) override {}

    void on_drained(link::LinkIndex) override {}

    void on_incoming_disposition(std::uint64_t, const link::DeliveryState&, bool) override {}

    void on_session_writable(link::SessionIndex) override {}

    void on_output_writable() override {}

    void on_detach(link::LinkIndex, bool, const link::Condition&) override {}

    void on_link_gone(link::LinkIndex) override {}

    void on_session_gone(link::SessionIndex) override {}

    void on_close(const link::Condition&, bool) override {}
};

}  // namespace amqmesh::bench
