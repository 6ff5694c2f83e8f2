// Requests and responses of management as AMQP messages (AMQP 3.2). Private to the agent, those
// who ask other agents, and tests.
#pragma once

#include "mgmt/agent.h"
#include "mgmt/value.h"

#include <optional>
#include <string>
#include <string_view>

namespace amqmesh::mgmt {

struct Request {
    std::string reply_to;
    std::string correlation;  ///< encoded as it came, so that its type is kept; empty: none
    Map properties;           ///< application-properties
    Value body;               ///< null if there is none
    std::string error;        ///< not empty: what is malformed, for a 400
};

/// nullopt when nobody can be answered: no reply-to, or bytes that are no message.
std::optional<Request> decode_request(std::string_view message);

/// The response up to its body; the caller appends one value.
std::string encode_response(const Request& request, Code code, std::string_view description);

/// The other side: a request that an agent understands. `to` as a client would write it; the
/// correlation-id is text.
struct Question {
    std::string to, reply_to, correlation;
    Map properties{};  ///< application-properties
    Value body{};
};

std::string encode_request(const Question& question);

struct Answer {
    std::string correlation{};  ///< text
    std::int64_t code = 0;
    std::string text{};  ///< statusDescription
    Value body{};
};

/// nullopt: no message with a statusCode and a correlation-id that is text, or malformed.
std::optional<Answer> decode_response(std::string_view message);

}  // namespace amqmesh::mgmt
