#include "mgmt/failover_urls.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace amqmesh::mgmt {

namespace {

std::string_view trim(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    return begin == std::string_view::npos
               ? std::string_view{}
               : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_port(std::string_view text) {
    const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
    return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, is_digit) &&
           std::stol(std::string{text}) <= 65535 && std::stol(std::string{text}) != 0;
}

bool is_host(std::string_view text) {
    constexpr std::size_t kHostBytesMax = 255;
    const auto fits = [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == ':' || c == '%';
    };
    return !text.empty() && text.size() <= kHostBytesMax && std::ranges::all_of(text, fits);
}

std::string parse_one(std::string_view text, FailoverUrl& url) {
    const std::string_view whole = text;
    url.scheme = "amqp";
    if (const auto colon = text.find("://"); colon != std::string_view::npos) {
        url.scheme = text.substr(0, colon);
        text.remove_prefix(colon + 3);
    }
    if (url.scheme != "amqp" && url.scheme != "amqps") {
        return '"' + std::string{whole} + "\": the scheme is amqp or amqps";
    }
    url.port = url.scheme == "amqps" ? "5671" : "5672";
    auto host_end = text.find_last_of(':');
    if (text.starts_with('[')) {
        const auto bracket = text.find(']');
        host_end = bracket == std::string_view::npos || bracket + 1 == text.size() ? text.npos
                                                                                   : bracket + 1;
        url.host = text.substr(1, bracket == std::string_view::npos ? 0 : bracket - 1);
    } else {
        url.host = text.substr(0, host_end);
    }
    if (host_end != std::string_view::npos) {
        const auto port = text.substr(host_end);
        if (!port.starts_with(':') || !is_port(port.substr(1))) {
            return '"' + std::string{whole} + "\": the port is a number up to 65535";
        }
        url.port = port.substr(1);
    }
    const bool bare_v6 = !text.starts_with('[') && url.host.find(':') != std::string::npos;
    if (!is_host(url.host) || bare_v6) {
        return '"' + std::string{whole} + "\": no host (write IPv6 addresses in brackets)";
    }
    return {};
}

}  // namespace

FailoverUrls parse_failover_urls(std::string_view text) {
    FailoverUrls result;
    while (!trim(text).empty()) {
        const auto end = std::min(text.find(','), text.size());
        FailoverUrl url;
        result.error = parse_one(trim(text.substr(0, end)), url);
        if (result.error.empty() && result.urls.size() == FailoverUrls::kMax) {
            result.error = "at most " + std::to_string(FailoverUrls::kMax) + " entries";
        }
        if (!result.error.empty()) {
            return result;
        }
        result.urls.push_back(std::move(url));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result;
}

std::string to_text(const std::vector<FailoverUrl>& urls) {
    std::string text;
    for (const auto& url : urls) {
        const bool v6 = url.host.find(':') != std::string::npos;
        text += text.empty() ? "" : ", ";
        text += url.scheme + "://" + (v6 ? "[" + url.host + "]" : url.host) + ":" + url.port;
    }
    return text;
}

}  // namespace amqmesh::mgmt
