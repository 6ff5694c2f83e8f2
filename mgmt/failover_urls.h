// Lists of servers as configured: `amqp://host:port, amqps://[::1], other`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::mgmt {

struct FailoverUrl {
    std::string scheme;  ///< amqp or amqps
    std::string host;    ///< without the brackets of IPv6
    std::string port;    ///< a number; the scheme's if none was given
};

struct FailoverUrls {
    static constexpr std::size_t kMax = 16;

    std::vector<FailoverUrl> urls;
    std::string error;  ///< empty: all is well
};

/// Bad input shows in `error`, which names the entry. Empty text is an empty list.
FailoverUrls parse_failover_urls(std::string_view text);

/// The same list as text, for people.
std::string to_text(const std::vector<FailoverUrl>& urls);

}  // namespace amqmesh::mgmt
