#include "mgmt/cli/message_source.h"

#include "mgmt/cli/failure.h"

#include <fmt/format.h>
#include <proton/binary.hpp>
#include <proton/duration.hpp>
#include <proton/map.hpp>
#include <proton/message_id.hpp>

#include <iostream>
#include <sstream>

namespace amqmesh::cli {

namespace {

std::vector<std::string> read_lines() {
    std::vector<std::string> lines;
    std::istringstream input(read_standard_input());
    for (std::string line; std::getline(input, line);) {
        lines.push_back(line);
    }
    return lines;
}

void set_properties(proton::message& message, const std::vector<std::string>& properties) {
    for (const std::string& item : properties) {
        const std::size_t equals = item.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw Failure(Exit::kUsage, fmt::format("'{}': expected NAME=VALUE", item));
        }
        message.properties().put(item.substr(0, equals), item.substr(equals + 1));
    }
}

}  // namespace

std::string read_standard_input() {
    std::ostringstream text;
    text << std::cin.rdbuf();
    return text.str();
}

MessageSource::MessageSource(const MessageOptions& options) {
    if (options.size > 0) {
        message_.body(proton::binary(std::string(options.size, 'x')));
    } else if (options.text) {
        message_.body(*options.text);
    } else if (options.lines) {
        lines_ = read_lines();
        if (lines_.empty()) {
            throw Failure(Exit::kUsage, "standard input has no line to send");
        }
    } else {
        message_.body(read_standard_input());
    }
    set_properties(message_, options.properties);
    if (!options.subject.empty()) {
        message_.subject(options.subject);
    }
    if (options.durable) {
        message_.durable(true);
    }
    if (options.priority >= 0) {
        message_.priority(static_cast<std::uint8_t>(options.priority));
    }
    if (options.time_to_live_s > 0) {
        message_.ttl(proton::duration(static_cast<std::int64_t>(options.time_to_live_s * 1000)));
    }
}

proton::message& MessageSource::next(std::uint64_t index) {
    if (!lines_.empty()) {
        message_.body(lines_[index % lines_.size()]);
    }
    message_.id(index);
    return message_;
}

}  // namespace amqmesh::cli
