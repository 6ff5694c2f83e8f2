// Engines on a bench: a handler that keeps a diary and does what its script says, and an in-memory
// wire that cuts the byte stream into pieces of any size.
#pragma once

#include "link/engine.h"

#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace amqmesh::link::test {

std::vector<std::byte> to_bytes(std::string_view text);
std::string to_text(std::span<const std::byte> bytes);

/// Message as reassembled from its frames.
struct Received {
    LinkIndex link = 0;
    SessionIndex session = 0;
    std::uint32_t delivery_id = 0;
    std::string tag;
    std::string payload;
    std::uint32_t message_format = 0;
    bool settled = false;
    bool complete = false;
    bool aborted = false;
    unsigned frames = 0;
};

struct Outcomes {
    std::uint64_t context = 0;
    Outcome outcome = Outcome::kNone;
    bool settled = false;
    std::vector<std::byte> raw;
};

/// Accepts every attach with the peer's own termini, gives `auto_credit` and settles whole messages
/// with `auto_outcome`; writes down everything.
class Diary : public EngineEvents {
  public:
    Engine* engine = nullptr;
    std::uint32_t auto_credit = 0;
    bool auto_accept = true;
    bool auto_settle = false;
    Outcome auto_outcome = Outcome::kAccepted;

    std::vector<std::string> lines;
    std::vector<Received> received;
    std::vector<Outcomes> outgoing, incoming;
    std::map<LinkIndex, RemoteFlow> flows;
    std::vector<RemoteAttach> attaches;
    std::vector<LinkIndex> attached_links;  ///< by on_attach
    std::vector<SessionIndex> begun;
    RemoteOpen open;
    bool opened = false;
    bool closed = false;
    bool closed_by_peer = false;
    Condition close_condition;
    std::function<void(Transfer&)> transfer_hook;
    std::function<void(const std::string&)> hook;  ///< after each line

    [[nodiscard]] bool has(std::string_view line) const;
    [[nodiscard]] std::size_t count(std::string_view prefix) const;

    void on_open(const RemoteOpen& remote) override;
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
    void note(std::string line);

    std::map<LinkIndex, std::size_t> in_progress_;  // into received
    std::uint64_t next_context_ = 1000;
};

EngineConfig server_config();
EngineConfig client_config();

/// One engine with its diary.
struct Node {
    explicit Node(EngineConfig config, Time now = 0);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    ChunkPool pool;
    Diary diary;
    std::unique_ptr<Engine> engine;
    Time now = 0;

    /// Feeds bytes in pieces of at most `piece` (0: as they fit).
    void feed(std::span<const std::byte> bytes, std::size_t piece = 0);
    /// Takes up to `limit` bytes of output.
    std::vector<std::byte> take(std::size_t limit = ~std::size_t{0});
};

/// Client and server engine with a wire between them.
struct Pair {
    explicit Pair(EngineConfig client_in = client_config(),
                  EngineConfig server_in = server_config(),
                  unsigned seed = 1);

    Node client;
    Node server;
    std::mt19937 random;
    std::size_t piece_max = 0;  ///< 0: whole output at once

    /// Moves bytes both ways until neither has any left.
    void run();
    /// Session and link of the client; the server's ends are in its diary.
    SessionIndex begin();
    LinkIndex attach(SessionIndex session, Role role, const std::string& name);

  private:
    bool move(Node& from, Node& to);
};

Terminus source(const std::string& address);
Terminus target(const std::string& address);

/// Sends a whole message; the delivery-id.
std::uint32_t send(Engine& engine,
                   LinkIndex link,
                   std::string_view payload,
                   std::uint64_t context,
                   bool settled = false,
                   std::string_view tag = "t");

}  // namespace amqmesh::link::test
