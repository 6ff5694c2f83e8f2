// Entities of other routers of the mesh, asked of their management as any client would, for whoever
// shows the whole mesh from one node (the console). Pure logic: messages out, messages in; the
// owner tells the time.
#pragma once

#include "mgmt/agent.h"
#include "mgmt/value.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::mgmt {

/// What a node said to a QUERY.
struct RemoteRows {
    int status = 200;  ///< as in HTTP: also 404 no such node, 503 too many ask, 504 no answer
    std::string text{};
    std::vector<std::string> columns{};
    List rows{};  ///< of lists, a value per column
};

using RemoteDone = std::function<void(RemoteRows&&)>;

struct RemoteQuestion {
    std::string node{};  ///< id
    const EntityType* type = nullptr;
    std::vector<std::string> columns{};  ///< empty: all
    Page page{};
};

/// Lives on one thread.
class RemoteNodes {
  public:
    static constexpr std::size_t kPendingMax = 256;
    static constexpr std::size_t kRowsMax = 500;  ///< of one answer, which is a message
    static constexpr std::uint64_t kPatienceUs = 3'000'000;

    /// To an address, from this node.
    using Send = std::function<void(std::string&& address, std::string&& message)>;

    /// `own_id`: of this router, whose management address takes the answers. `seed` makes
    /// correlation-ids that others cannot know; it should be random.
    RemoteNodes(std::string own_id, std::uint64_t seed, Send send);

    /// The time, in microseconds; those that waited too long are answered. It never goes back.
    void set_now(std::uint64_t now_us);

    /// `done` is called once, during the call or later; not after the end of this.
    void query(const RemoteQuestion& question, RemoteDone done);

    /// A message that came to the management address. False: it is no answer that is waited for.
    bool on_message(std::string_view message);

    /// When set_now() has something to do, in microseconds.
    [[nodiscard]] std::optional<std::uint64_t> next_deadline() const;

    [[nodiscard]] std::size_t pending() const { return pending_.size(); }

  private:
    struct Pending {
        std::string secret;
        std::string node;
        std::uint64_t until_us = 0;
        RemoteDone done;
    };

    const std::string reply_to_;
    std::uint64_t random_;
    Send send_;
    std::uint64_t now_us_ = 0;
    std::uint64_t last_ = 0;
    std::map<std::uint64_t, Pending> pending_;  ///< by number, which is also the order of time
};

}  // namespace amqmesh::mgmt
