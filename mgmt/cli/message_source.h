// The messages that send and request send.
#pragma once

#include "mgmt/cli/traffic.h"

#include <proton/message.hpp>

#include <string>

namespace amqmesh::cli {

/// All of it, until its end.
std::string read_standard_input();

class MessageSource {
  public:
    /// Reads standard input when the options say so. Throws Failure(kUsage) on a bad property.
    explicit MessageSource(const MessageOptions& options);

    /// Bodies that there are: lines of standard input, otherwise any number (0).
    [[nodiscard]] std::uint64_t bodies() const { return lines_.size(); }

    /// The message with number `index`, from 0.
    proton::message& next(std::uint64_t index);

  private:
    proton::message message_;
    std::vector<std::string> lines_;
};

}  // namespace amqmesh::cli
