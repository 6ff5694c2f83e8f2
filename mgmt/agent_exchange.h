// One request under way, and how it is answered. Private to the agent.
#pragma once

#include "mgmt/agent.h"
#include "mgmt/agent_dialect.h"
#include "mgmt/amqp_value.h"
#include "mgmt/message.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace amqmesh::mgmt {

/// Held by whoever works on the request. Answers at most once.
class Exchange {
  public:
    /// `pending` counts the exchanges alive.
    Exchange(Request&& request, SendReply&& send, std::shared_ptr<std::size_t> pending);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    [[nodiscard]] const Request& request() const { return request_; }

    /// A text of application-properties; empty when absent or not text.
    [[nodiscard]] std::string_view property(std::string_view key) const;
    /// A non-negative number; `fallback` when absent, nullopt when it is something else.
    [[nodiscard]] std::optional<std::size_t> number(std::string_view key,
                                                    std::size_t fallback) const;

    /// How the request names types, and the answer is to.
    [[nodiscard]] Dialect dialect() const;

    /// `message` is a response complete with its body.
    void send(std::string&& message);
    void reply(Code code, std::string_view description, const Value& body);
    /// An error; `text` is a sentence for whoever asked. The body is an empty map.
    void fail(Code code, std::string_view text);

  private:
    Request request_;
    SendReply send_;
    std::shared_ptr<std::size_t> pending_;
};

using ExchangePtr = std::shared_ptr<Exchange>;

}  // namespace amqmesh::mgmt
