#include "tests/link/engine_fixture.h"

#include <algorithm>
#include <cstring>

namespace amqmesh::link::test {

std::vector<std::byte> to_bytes(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

std::string to_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Terminus source(const std::string& address) {
    Terminus terminus;
    terminus.kind = Terminus::Kind::kSource;
    terminus.address = address;
    return terminus;
}

Terminus target(const std::string& address) {
    Terminus terminus;
    terminus.kind = Terminus::Kind::kTarget;
    terminus.address = address;
    return terminus;
}

EngineConfig server_config() {
    EngineConfig config;
    config.container_id = "server";
    return config;
}

EngineConfig client_config() {
    EngineConfig config;
    config.container_id = "client";
    config.initiator = true;
    return config;
}

// -- Diary ----------------------------------------------------------------------------------------

void Diary::note(std::string line) {
    lines.push_back(line);
    if (hook) {
        hook(line);
    }
}

bool Diary::has(std::string_view line) const {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
}

std::size_t Diary::count(std::string_view prefix) const {
    return static_cast<std::size_t>(
        std::count_if(lines.begin(), lines.end(), [prefix](const std::string& line) {
            return line.compare(0, prefix.size(), prefix) == 0;
        }));
}

void Diary::on_open(const RemoteOpen& remote) {
    open = remote;
    opened = true;
    note("open " + remote.container_id);
}

void Diary::on_begin(SessionIndex session) {
    begun.push_back(session);
    note("begin " + std::to_string(session));
}

void Diary::on_attach(SessionIndex session, LinkIndex link, const RemoteAttach& attach) {
    attaches.push_back(attach);
    attached_links.push_back(link);
    note("attach " + std::to_string(session) + " " + std::to_string(link) + " " + attach.name);
    if (!auto_accept) {
        return;
    }
    engine->accept_attach(link, attach.source, attach.target);
    if (attach.local_role == Role::kReceiver && auto_credit > 0) {
        engine->set_credit(link, auto_credit);
    }
}

void Diary::on_attached(LinkIndex link, const RemoteAttach& attach) {
    attaches.push_back(attach);
    note("attached " + std::to_string(link) + " " + attach.name);
}

void Diary::on_transfer(Transfer& transfer) {
    if (transfer.first) {
        in_progress_[transfer.link] = received.size();
        received.push_back({.link = transfer.link,
                            .session = transfer.session,
                            .delivery_id = transfer.delivery_id,
                            .tag = to_text(transfer.tag),
                            .payload = {},
                            .message_format = transfer.message_format});
        transfer.context = next_context_++;
    }
    Received& message = received[in_progress_.at(transfer.link)];
    message.payload += to_text(transfer.payload);
    message.settled = transfer.settled;
    message.aborted = transfer.aborted;
    message.complete = !transfer.more;
    ++message.frames;
    if (transfer_hook) {
        transfer_hook(transfer);
    }
    if (!transfer.more && !transfer.aborted && !transfer.settled && auto_settle) {
        engine->dispose(
            transfer.session, transfer.delivery_id, {.outcome = auto_outcome, .raw = {}}, true);
    }
    if (!transfer.more && auto_credit > 0) {
        engine->set_credit(transfer.link, auto_credit);
    }
}

void Diary::on_flow(LinkIndex link, const RemoteFlow& flow) {
    flows[link] = flow;
    note("flow " + std::to_string(link) + " " + std::to_string(flow.credit) +
         (flow.drain ? " drain" : ""));
}

void Diary::on_drained(LinkIndex link) {
    note("drained " + std::to_string(link));
}

void Diary::on_outgoing_disposition(std::uint64_t context,
                                    const DeliveryState& state,
                                    bool settled) {
    outgoing.push_back({.context = context,
                        .outcome = state.outcome,
                        .settled = settled,
                        .raw = {state.raw.begin(), state.raw.end()}});
}

void Diary::on_incoming_disposition(std::uint64_t context,
                                    const DeliveryState& state,
                                    bool settled) {
    incoming.push_back({.context = context,
                        .outcome = state.outcome,
                        .settled = settled,
                        .raw = {state.raw.begin(), state.raw.end()}});
}

void Diary::on_session_writable(SessionIndex session) {
    note("session-writable " + std::to_string(session));
}

void Diary::on_output_writable() {
    note("output-writable");
}

void Diary::on_detach(LinkIndex link, bool closed_in, const Condition& condition) {
    note("detach " + std::to_string(link) + (closed_in ? " closed" : " open") +
         (condition.empty() ? "" : " " + condition.name));
}

void Diary::on_link_gone(LinkIndex link) {
    note("link-gone " + std::to_string(link));
}

void Diary::on_session_gone(SessionIndex session) {
    note("session-gone " + std::to_string(session));
}

void Diary::on_close(const Condition& condition, bool by_peer) {
    closed = true;
    closed_by_peer = by_peer;
    close_condition = condition;
    note("close " + condition.name + (by_peer ? " by-peer" : " by-us"));
}

// -- Node -----------------------------------------------------------------------------------------

Node::Node(EngineConfig config, Time at) : now(at) {
    engine = std::make_unique<Engine>(std::move(config), diary, pool, at);
    diary.engine = engine.get();
}

Node::~Node() {
    engine.reset();
}

void Node::feed(std::span<const std::byte> bytes, std::size_t piece) {
    while (!bytes.empty() && !engine->input_ended()) {
        const std::span<std::byte> space = engine->input_space();
        std::size_t count = std::min(space.size(), bytes.size());
        if (piece > 0) {
            count = std::min(count, piece);
        }
        std::memcpy(space.data(), bytes.data(), count);
        engine->input_done(count, now);
        bytes = bytes.subspan(count);
    }
}

std::vector<std::byte> Node::take(std::size_t limit) {
    std::vector<std::byte> taken;
    while (engine->has_output() && taken.size() < limit) {
        std::array<iovec, 4> slices{};
        const std::size_t count = engine->output(slices);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < count && taken.size() < limit; ++i) {
            const auto* base = static_cast<const std::byte*>(slices[i].iov_base);
            const std::size_t part = std::min(slices[i].iov_len, limit - taken.size());
            taken.insert(taken.end(), base, base + part);
            bytes += part;
        }
        if (bytes == 0) {
            break;
        }
        engine->output_done(bytes);
    }
    return taken;
}

// -- Pair -----------------------------------------------------------------------------------------

Pair::Pair(EngineConfig client_in, EngineConfig server_in, unsigned seed)
    : client(std::move(client_in)), server(std::move(server_in)), random(seed) {}

bool Pair::move(Node& from, Node& to) {
    const std::size_t limit = piece_max == 0 ? ~std::size_t{0} : 1 + random() % piece_max;
    const std::vector<std::byte> bytes = from.take(limit);
    to.feed(bytes, piece_max);
    return !bytes.empty();
}

void Pair::run() {
    while (true) {
        const bool there = move(client, server);
        const bool back = move(server, client);
        if (!there && !back) {
            return;
        }
    }
}

SessionIndex Pair::begin() {
    const SessionIndex session = client.engine->begin();
    run();
    return session;
}

LinkIndex Pair::attach(SessionIndex session, Role role, const std::string& name) {
    Engine::AttachOptions options;
    options.name = name;
    options.role = role;
    options.source = source("a");
    options.target = target("a");
    const LinkIndex link = client.engine->attach(session, options);
    run();
    return link;
}

std::uint32_t send(Engine& engine,
                   LinkIndex link,
                   std::string_view payload,
                   std::uint64_t context,
                   bool settled,
                   std::string_view tag) {
    OutboundDelivery delivery;
    delivery.tag = std::as_bytes(std::span(tag));
    delivery.settled = settled;
    delivery.context = context;
    const std::uint32_t id = engine.start_delivery(link, delivery);
    engine.write_delivery(link, std::as_bytes(std::span(payload)), nullptr, false);
    return id;
}

}  // namespace amqmesh::link::test
