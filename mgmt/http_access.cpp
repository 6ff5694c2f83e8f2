#include "mgmt/http_access.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

namespace amqmesh::mgmt {

namespace {

bool same_text(std::string_view a, std::string_view b) {
    const auto lower = [](unsigned char c) { return std::tolower(c); };
    return std::ranges::equal(a, b, {}, lower, lower);
}

/// RFC 4648, 4.
std::string base64(std::string_view bytes) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            group = group << 8U | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        }
        for (std::size_t j = 0; j < 4; ++j) {
            text += j <= count ? kDigits[(group >> (18 - 6 * j)) & 63U] : '=';
        }
    }
    return text;
}

// Takes as long for a guess that begins well as for any other of its length.
bool same_secret(std::string_view a, std::string_view b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        difference |= unsigned{static_cast<unsigned char>(a[i])} ^ static_cast<unsigned char>(b[i]);
    }
    return difference == 0;
}

std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

// Of a Host field (RFC 9110, 7.2): without the port, and an IPv6 address without its brackets.
std::string_view name_in(std::string_view host) {
    if (host.starts_with('[')) {
        return host.substr(1, host.find(']') - 1);
    }
    return host.substr(0, host.find(':'));
}

// Nobody can lead these names here but who runs this machine.
bool is_own(const HttpAccess& access, std::string_view host) {
    const std::string name{name_in(host)};
    in6_addr address{};
    const bool literal = ::inet_pton(AF_INET, name.c_str(), &address) == 1 ||
                         ::inet_pton(AF_INET6, name.c_str(), &address) == 1;
    return literal || same_text(name, "localhost") ||
           (!name.empty() && same_text(name, access.host));
}

bool is_health(std::string_view path) {
    static constexpr std::array<std::string_view, 3> kHealth{"/livez", "/readyz", "/healthz"};
    return std::ranges::find(kHealth, path) != kHealth.end();
}

}  // namespace

bool origin_allowed(const HttpAccess& access, std::string_view origin, std::string_view host) {
    if (origin.empty()) {
        return true;
    }
    const std::size_t scheme = origin.find("://");
    if (scheme != std::string_view::npos && same_text(origin.substr(scheme + 3), host) &&
        is_own(access, host)) {
        return true;
    }
    return std::ranges::any_of(access.origins, [origin](const std::string& allowed) {
        return allowed == "*" || same_text(allowed, origin);
    });
}

std::string_view origin_form(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (same_text(target.substr(0, scheme.size()), scheme)) {
            target.remove_prefix(scheme.size());
            const std::size_t path = target.find('/');
            return path == std::string_view::npos ? "/" : target.substr(path);
        }
    }
    return target;
}

bool offered(const HttpAccess& access, std::string_view target) {
    const std::string_view path = path_of(target);
    if (is_health(path)) {
        return access.health;
    }
    return path == "/metrics" ? access.metrics : access.console;
}

bool authorized(const HttpAccess& access, std::string_view target, std::string_view authorization) {
    if (access.user.empty() || is_health(path_of(target))) {
        return true;
    }
    constexpr std::string_view kScheme = "basic ";
    if (!same_text(authorization.substr(0, kScheme.size()), kScheme)) {
        return false;
    }
    return same_secret(authorization.substr(kScheme.size()),
                       base64(access.user + ':' + access.password));
}

}  // namespace amqmesh::mgmt
