// An AMQP client in memory: an initiator Engine that records what happens to it.
#pragma once

#include "link/engine.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::link::test {

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

inline std::string as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What became of one delivery that the client sent.
struct Sent {
    Outcome outcome = Outcome::kNone;
    std::string raw;
    bool settled = false;
};

/// One delivery that the client received.
struct Received {
    SessionIndex session = 0;
    LinkIndex link = 0;
    std::uint32_t delivery_id = 0;
    std::string tag;
    std::string body;
    bool settled = false;
    bool complete = false;
    bool aborted = false;
    bool sender_settled_later = false;
};

class TestClient : public EngineEvents {
  public:
    explicit TestClient(Time now, std::string name = "client", EngineConfig config = {})
        : engine(prepared(std::move(config), std::move(name)), *this, pool_, now) {}

    // -- what tests do ----------------------------------------------------------------------------
    SessionIndex session() {
        if (!session_) {
            session_ = engine.begin();
        }
        return *session_;
    }

    /// Links from now on are on a session of their own.
    void new_session() { session_ = engine.begin(); }

    LinkIndex sender(std::optional<std::string> address,
                     SenderSettleMode mode = SenderSettleMode::kMixed,
                     ReceiverSettleMode receiver_mode = ReceiverSettleMode::kFirst) {
        Engine::AttachOptions options;
        options.name = "s" + std::to_string(++names_);
        options.role = Role::kSender;
        options.sender_settle_mode = mode;
        options.receiver_settle_mode = receiver_mode;
        options.source.kind = Terminus::Kind::kSource;
        options.target.kind = Terminus::Kind::kTarget;
        options.target.address = std::move(address);
        return engine.attach(session(), options);
    }

    LinkIndex receiver(const std::string& address,
                       std::uint32_t credit,
                       SenderSettleMode mode = SenderSettleMode::kMixed) {
        return attach_receiver(address, false, credit, mode);
    }

    LinkIndex dynamic_receiver(std::uint32_t credit) {
        return attach_receiver({}, true, credit, SenderSettleMode::kMixed);
    }

    /// Starts a delivery and writes all of it (or, with `more`, its beginning). Its number.
    std::uint64_t send(LinkIndex link,
                       std::string_view body,
                       bool settled = false,
                       bool more = false) {
        const auto number = ++sent_count_;
        const auto tag = std::to_string(number);
        OutboundDelivery delivery;
        delivery.tag = as_bytes(tag);
        delivery.settled = settled;
        delivery.context = number;
        last_delivery_id = engine.start_delivery(link, delivery);
        sent[number] = {};
        write(link, body, more);
        return number;
    }

    std::size_t write(LinkIndex link, std::string_view body, bool more) {
        const auto written = engine.write_delivery(link, as_bytes(body), nullptr, more);
        return written.bytes;
    }

    void answer(const Received& delivery,
                Outcome outcome,
                std::string_view raw = {},
                bool settled = true) {
        engine.dispose(delivery.session, delivery.delivery_id, {outcome, as_bytes(raw)}, settled);
    }

    void accept_all() {
        for (auto& delivery : received) {
            if (delivery.complete && !delivery.settled) {
                answer(delivery, Outcome::kAccepted);
                delivery.settled = true;
            }
        }
    }

    [[nodiscard]] std::size_t outcomes(Outcome outcome) const {
        std::size_t count = 0;
        for (const auto& [number, state] : sent) {
            count += state.outcome == outcome ? 1U : 0U;
        }
        return count;
    }

    // -- what happened ----------------------------------------------------------------------------
    std::map<std::uint64_t, Sent> sent;
    std::vector<Received> received;
    std::map<LinkIndex, RemoteAttach> attached;
    std::map<LinkIndex, Condition> detached;
    std::map<LinkIndex, RemoteFlow> flows;
    std::vector<LinkIndex> drained;
    std::optional<Condition> closed;
    std::optional<RemoteOpen> opened;
    std::uint32_t last_delivery_id = 0;

    // -- EngineEvents -----------------------------------------------------------------------------
    void on_open(const RemoteOpen& open) override { opened = open; }

    void on_begin(SessionIndex) override {}

    void on_attach(SessionIndex, LinkIndex link, const RemoteAttach& attach) override {
        engine.accept_attach(link, attach.source, attach.target);
    }

    void on_attached(LinkIndex link, const RemoteAttach& attach) override {
        attached[link] = attach;
    }

    void on_transfer(Transfer& transfer) override {
        if (transfer.first) {
            received.push_back({transfer.session,
                                transfer.link,
                                transfer.delivery_id,
                                as_text(transfer.tag),
                                {},
                                transfer.settled,
                                false,
                                false,
                                false});
            transfer.context = received.size() - 1;
        }
        auto& delivery = received[transfer.context];
        delivery.body += as_text(transfer.payload);
        delivery.complete = !transfer.more;
        delivery.aborted = transfer.aborted;
    }

    void on_flow(LinkIndex link, const RemoteFlow& flow) override {
        flows[link] = flow;
        if (flow.drain) {
            engine.drained(link);
        }
    }

    void on_drained(LinkIndex link) override { drained.push_back(link); }

    void on_outgoing_disposition(std::uint64_t context,
                                 const DeliveryState& state,
                                 bool settled) override {
        auto& delivery = sent.at(context);
        delivery.outcome = state.outcome;
        delivery.raw = as_text(state.raw);
        delivery.settled = settled;
    }

    void on_incoming_disposition(std::uint64_t context,
                                 const DeliveryState&,
                                 bool settled) override {
        received[context].sender_settled_later = settled;
    }

    void on_session_writable(SessionIndex) override {}

    void on_output_writable() override {}

    void on_detach(LinkIndex link, bool, const Condition& condition) override {
        detached[link] = condition;
    }

    void on_link_gone(LinkIndex) override {}

    void on_session_gone(SessionIndex) override {}

    void on_close(const Condition& condition, bool) override { closed = condition; }

  private:
    static EngineConfig prepared(EngineConfig config, std::string name) {
        config.container_id = std::move(name);
        config.initiator = true;
        return config;
    }

    LinkIndex attach_receiver(const std::string& address,
                              bool dynamic,
                              std::uint32_t credit,
                              SenderSettleMode mode) {
        Engine::AttachOptions options;
        options.name = "r" + std::to_string(++names_);
        options.role = Role::kReceiver;
        options.sender_settle_mode = mode;
        options.source.kind = Terminus::Kind::kSource;
        options.source.dynamic = dynamic;
        if (!dynamic) {
            options.source.address = address;
        }
        options.target.kind = Terminus::Kind::kTarget;
        const auto link = engine.attach(session(), options);
        engine.set_credit(link, credit);
        return link;
    }

    ChunkPool pool_;
    std::optional<SessionIndex> session_;
    int names_ = 0;
    std::uint64_t sent_count_ = 0;

  public:
    Engine engine;
};

}  // namespace amqmesh::link::test
