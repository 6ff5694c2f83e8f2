// The engine's byte entrance: whatever a peer sends, in whatever pieces, the server engine neither
// crashes nor hangs, and keeps its promises about what it tells its handler.
#include "tests/fuzz/engine_fuzz.h"

#include "link/engine.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <set>

namespace amqmesh::fuzz {

namespace {

void expect(bool condition) {
    if (!condition) {
        std::abort();
    }
}

/// Accepts what comes, forwards every payload it may to a receiver, and keeps books on which links
/// and sessions exist.
class Handler : public link::EngineEvents {
  public:
    link::Engine* engine = nullptr;
    bool closed = false;

    void on_open(const link::RemoteOpen&) override {
        expect(!opened_);
        opened_ = true;
    }

    void on_begin(link::SessionIndex session) override { expect(sessions_.insert(session).second); }

    void on_attach(link::SessionIndex session,
                   link::LinkIndex link,
                   const link::RemoteAttach& attach) override {
        expect(sessions_.contains(session) && links_.insert(link).second);
        if (attach.name.size() % 7 == 3) {
            engine->refuse_attach(link, {.name = "amqp:not-found", .description = "by chance"});
            return;
        }
        if (attach.name.size() % 7 == 5) {
            return;  // never answered
        }
        engine->accept_attach(link, attach.source, attach.target);
        if (attach.local_role == link::Role::kReceiver) {
            engine->set_credit(link, 3);
        } else {
            senders_.insert(link);
        }
    }

    void on_attached(link::LinkIndex, const link::RemoteAttach&) override {}

    void on_transfer(link::Transfer& transfer) override {
        expect(!closed && links_.contains(transfer.link));
        if (transfer.first) {
            transfer.context = ++next_context_;
        }
        expect(transfer.context != 0 && transfer.context <= next_context_);
        for (const link::LinkIndex sender : senders_) {
            forward(sender, transfer);
        }
        if (!transfer.more) {
            const bool modified = transfer.delivery_id % 3 == 0;
            engine->dispose(
                transfer.session,
                transfer.delivery_id,
                {.outcome = modified ? link::Outcome::kModified : link::Outcome::kAccepted,
                 .raw = {}},
                transfer.delivery_id % 5 != 0);
            engine->set_credit(transfer.link, 3, transfer.delivery_id % 11 == 0);
        }
        if (transfer.payload.size() == 13) {
            engine->detach(transfer.link, {.name = "x:thirteen", .description = ""});
        }
    }

    void on_flow(link::LinkIndex link, const link::RemoteFlow& flow) override {
        expect(links_.contains(link));
        if (flow.drain) {
            engine->drained(link);
        }
    }

    void on_drained(link::LinkIndex link) override { expect(links_.contains(link)); }

    void on_outgoing_disposition(std::uint64_t context, const link::DeliveryState&, bool) override {
        expect(context != 0 && context <= next_context_);
    }

    void on_incoming_disposition(std::uint64_t context, const link::DeliveryState&, bool) override {
        expect(context <= next_context_);
    }

    void on_session_writable(link::SessionIndex session) override {
        expect(sessions_.contains(session));
    }

    void on_output_writable() override {}

    void on_detach(link::LinkIndex link, bool, const link::Condition&) override {
        expect(links_.erase(link) == 1);
        senders_.erase(link);
    }

    void on_link_gone(link::LinkIndex link) override {
        expect(links_.erase(link) == 1);
        senders_.erase(link);
    }

    void on_session_gone(link::SessionIndex session) override {
        expect(sessions_.erase(session) == 1);
    }

    void on_close(const link::Condition&, bool) override {
        expect(!closed && links_.empty() && sessions_.empty());
        closed = true;
    }

  private:
    void forward(link::LinkIndex sender, const link::Transfer& transfer) {
        if (!engine->writable(sender)) {
            return;
        }
        link::OutboundDelivery delivery;
        const std::array<std::byte, 4> tag{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
        delivery.tag = tag;
        delivery.context = transfer.context;
        delivery.settled = transfer.settled;
        const std::uint32_t id = engine->start_delivery(sender, delivery);
        const auto written =
            engine->write_delivery(sender, transfer.payload, transfer.chunk, false);
        if (!written.complete || transfer.aborted) {
            engine->abort_delivery(sender);
        } else if (id % 4 == 0) {
            engine->settle_outgoing(
                engine->session_of(sender), id, {.outcome = link::Outcome::kAccepted, .raw = {}});
        }
    }

    bool opened_ = false;
    std::set<link::SessionIndex> sessions_;
    std::set<link::LinkIndex> links_;
    std::set<link::LinkIndex> senders_;
    std::uint64_t next_context_ = 0;
};

void drain_output(link::Engine& engine) {
    while (engine.has_output()) {
        std::array<iovec, 4> slices{};
        const std::size_t count = engine.output(slices);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < count; ++i) {
            bytes += slices[i].iov_len;
        }
        if (bytes == 0) {
            return;  // only links that wait for their attach
        }
        engine.output_done(bytes);
    }
}

}  // namespace

void feed_engine(std::span<const std::byte> input) {
    // The first octet chooses the size of the pieces and the configuration.
    const unsigned choice = input.empty() ? 0 : std::to_integer<unsigned>(input[0]);
    input = input.empty() ? input : input.subspan(1);
    const std::size_t piece = choice % 2 == 0 ? 65536 : 1 + choice / 4;

    link::ChunkPool pool;
    Handler handler;
    link::EngineConfig config;
    config.container_id = "fuzzed";
    config.max_frame_size = choice % 4 < 2 ? 16384 : 200000;
    config.links_max = 64;
    config.session_bytes_max = 256 * 1024;
    {
        link::Engine engine(config, handler, pool, 0);
        handler.engine = &engine;
        link::Time now = 0;
        while (!input.empty() && !engine.input_ended()) {
            const std::span<std::byte> space = engine.input_space();
            expect(!space.empty());
            const std::size_t count = std::min({space.size(), input.size(), piece});
            std::memcpy(space.data(), input.data(), count);
            now += 1000;
            engine.input_done(count, now);
            input = input.subspan(count);
            drain_output(engine);
        }
        engine.tick(now + routing::kSecond);
        drain_output(engine);
        engine.input_closed("end of input", now);
        expect(handler.closed && engine.finished());
    }
    expect(pool.live() == 0);
}

}  // namespace amqmesh::fuzz
