// The management agent behind `$management` (AMQP management draft; the reference's operations,
// codes and body forms). Pure logic: messages in, messages out; no thread, socket, clock or log.
#pragma once

#include "mgmt/background.h"
#include "mgmt/schema.h"
#include "mgmt/value.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::mgmt {

/// statusCode of a response (RFC 9110's meanings).
enum class Code : std::int32_t {
    kOk = 200,
    kCreated = 201,
    kNoContent = 204,
    kBadRequest = 400,
    kForbidden = 403,
    kNotFound = 404,
    kInternal = 500,
    kNotImplemented = 501,
};

/// What became of a CREATE, UPDATE or DELETE. `text` goes to the operator when the code is an
/// error.
struct Result {
    Code code = Code::kOk;
    std::string text{};
    std::optional<Row> row{};  ///< the entity as it is now (CREATE, UPDATE)
};

/// One line of the log ring, for GET-LOG.
struct LogLine {
    std::string module, level, text;
    std::string file;  ///< may be empty
    std::int64_t line = 0;
    double time = 0;  ///< seconds since the epoch
};

/// What came of reading the configuration file again.
struct Reloaded {
    Code code = Code::kOk;
    std::string text{};                        ///< why, when the code is an error
    std::vector<std::string> changes{};        ///< what was applied
    std::vector<std::string> needs_restart{};  ///< attributes whose new value is not in force
};

using RowsDone = std::function<void(std::vector<Row>&&)>;
using ResultDone = std::function<void(Result&&)>;

/// Some of the rows of a query, in its order.
struct Page {
    std::size_t offset = 0;
    std::size_t count = SIZE_MAX;
    std::string asker{};  ///< of AMQP requests, the address for the answer: pages belong together
};

/// The node as the agent sees it. Every call's `done` is called exactly once, on the agent's
/// thread, during the call or later, but not after the agent's end.
class Source {
  public:
    virtual ~Source() = default;

    /// All entities of a supported type, from a snapshot. `identity` and `name` must be set; `type`
    /// may be left null. A type the node has none of: no rows.
    virtual void query(const EntityType& type, RowsDone done) = 0;

    /// The rows of one page only. Clients ask page after page: a source of many rows should not
    /// make them all each time, and pages that follow each other should be of one snapshot. As it
    /// is here, query() and a cut.
    virtual void query_page(const EntityType& type, Page page, RowsDone done);

    /// `row` is validated and complete with defaults.
    virtual void create(const EntityType& type, Row row, ResultDone done) = 0;
    /// `current` is the entity, `changes` has the attributes to change, all others null.
    virtual void update(const EntityType& type, Row current, Row changes, ResultDone done) = 0;
    virtual void remove(const EntityType& type, Row current, ResultDone done) = 0;

    /// Ids of all reachable routers, this one included; empty in standalone mode.
    virtual std::vector<std::string> mesh_routers() = 0;
    /// The latest lines, oldest first.
    virtual std::vector<LogLine> log_lines(std::size_t limit) = 0;
    /// Reads the configuration file again and applies what changed.
    virtual Reloaded reload();
    /// Where long work is done that needs nothing of the node. As it is here, at once.
    virtual Background& background();
    /// Told of every request before it is carried out; `type` and `which` (identity or name) may
    /// be empty. Whoever asks chose these texts.
    virtual void asked(std::string_view operation, std::string_view type, std::string_view which);
};

/// A message for the reply-to address of a request.
struct Reply {
    std::string to;
    std::string message;  ///< encoded AMQP message (AMQP 3.2)
};

using SendReply = std::function<void(Reply&&)>;

/// Lives on one thread. Answers every request that has a reply-to, at most kPendingMax at a time
/// (500 beyond that).
class Agent {
  public:
    static constexpr std::size_t kPendingMax = 1000;
    static constexpr std::size_t kRequestBytesMax = 1U << 20U;

    /// `source` is not owned and outlives the agent.
    explicit Agent(Source& source);
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    /// One encoded request message. `send` is called once, during the call or later, or never when
    /// the message has no reply-to or is not a message.
    void handle(std::string_view message, SendReply send);

    [[nodiscard]] std::size_t pending() const;
    /// Messages dropped because there was nobody to answer.
    [[nodiscard]] std::uint64_t dropped() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace amqmesh::mgmt
