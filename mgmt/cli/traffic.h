// send, receive, request and bench.
#pragma once

#include "mgmt/cli/traffic_run.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace amqmesh::cli {

/// How messages look.
struct MessageOptions {
    std::optional<std::string> text;  ///< none: standard input, a message per line with `lines`
    std::size_t size = 0;             ///< > 0: that many bytes of binary body instead
    bool lines = false;
    std::string subject;
    std::vector<std::string> properties;  ///< NAME=VALUE application properties
    bool durable = false;
    int priority = -1;  ///< 0-9; -1: not said
    double time_to_live_s = 0;
};

struct SendOptions {
    TrafficOptions traffic;
    MessageOptions message;
    bool presettled = false;
    std::uint32_t window = 0;  ///< unsettled at most; 0: what the credit allows
};

enum class Answer : char { kAccept, kReject, kRelease, kModify };

struct ReceiveOptions {
    TrafficOptions traffic;
    std::uint32_t credit = 100;
    Answer answer = Answer::kAccept;
    bool echo = false;        ///< answer requests: body back to reply-to
    bool presettled = false;  ///< ask the sender to settle
    bool quiet = false;       ///< print no messages
};

struct RequestOptions {
    TrafficOptions traffic;
    MessageOptions message;
    bool quiet = false;
};

struct BenchOptions {
    TrafficOptions traffic;
    std::size_t size = 100;      ///< bytes of a message's body
    std::uint32_t window = 100;  ///< unsettled at most
};

Exit bench(const BenchOptions& options);
Exit send(const SendOptions& options);
Exit receive(const ReceiveOptions& options);
Exit request(const RequestOptions& options);

}  // namespace amqmesh::cli
