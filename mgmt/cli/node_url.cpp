#include "mgmt/cli/node_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace amqmesh::cli {

namespace {

/// Takes the part before `mark` off `text`; none when there is no mark.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view mark) {
    const std::size_t at = text.find(mark);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view before = text.substr(0, at);
    text.remove_prefix(at + mark.size());
    return before;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at];
            continue;
        }
        std::uint8_t byte = 0;
        const char* start = text.data() + at + 1;
        if (at + 2 >= text.size() || std::from_chars(start, start + 2, byte, 16).ptr != start + 2) {
            return std::nullopt;
        }
        out += static_cast<char>(byte);
        at += 2;
    }
    return out;
}

bool valid_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), port);
    return result.ec == std::errc() && result.ptr == text.data() + text.size() && port != 0;
}

bool read_credentials(std::string_view text, NodeUrl& url) {
    std::optional<std::string_view> user = take_until(text, ":");
    const auto decoded_user = percent_decoded(user.value_or(text));
    const auto decoded_password = percent_decoded(user ? text : std::string_view());
    if (!decoded_user || !decoded_password || decoded_user->empty()) {
        return false;
    }
    url.user = *decoded_user;
    url.password = *decoded_password;
    return true;
}

bool read_host_and_port(std::string_view text, NodeUrl& url) {
    if (!text.empty() && text.front() == '[') {
        text.remove_prefix(1);
        const auto host = take_until(text, "]");
        if (!host || (!text.empty() && text.front() != ':')) {
            return false;
        }
        url.host = *host;
    } else {
        const std::size_t colon = std::min(text.find(':'), text.size());
        url.host = text.substr(0, colon);
        text.remove_prefix(colon);
    }
    if (url.host.empty()) {
        url.host = "127.0.0.1";
    }
    if (text.empty()) {
        url.port = url.tls ? "5671" : "5672";
        return true;
    }
    url.port = text.substr(1);
    return valid_port(url.port);
}

}  // namespace

std::string NodeUrl::shown() const {
    const char* form = host.find(':') == std::string::npos ? "{}://{}:{}" : "{}://[{}]:{}";
    return fmt::format(fmt::runtime(form), tls ? "amqps" : "amqp", host, port);
}

std::optional<NodeUrl> parse_node_url(std::string_view text) {
    NodeUrl url;
    if (const auto scheme = take_until(text, "://")) {
        if (*scheme != "amqp" && *scheme != "amqps") {
            return std::nullopt;
        }
        url.tls = *scheme == "amqps";
    }
    text = text.substr(0, text.find('/'));
    const std::size_t at = text.rfind('@');
    if (at != std::string_view::npos) {
        if (!read_credentials(text.substr(0, at), url)) {
            return std::nullopt;
        }
        text.remove_prefix(at + 1);
    }
    if (!read_host_and_port(text, url)) {
        return std::nullopt;
    }
    return url;
}

}  // namespace amqmesh::cli
