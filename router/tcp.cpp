#include "router/tcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <system_error>

namespace amqmesh::router {

namespace {

constexpr int kBacklog = 1024;
// A port that the system chose for one address may be taken on another: it chooses again.
constexpr int kPortChoices = 8;

// The socket interface wants its addresses by another type than they have.
const sockaddr* as_sockaddr(const sockaddr_storage& address) {
    return reinterpret_cast<const sockaddr*>(&address);  // NOLINT: the interface's form
}

void set_port(sockaddr_storage& address, std::uint16_t port) {
    if (address.ss_family == AF_INET6) {
        reinterpret_cast<sockaddr_in6*>(&address)->sin6_port = htons(port);  // NOLINT: as above
    } else {
        reinterpret_cast<sockaddr_in*>(&address)->sin_port = htons(port);  // NOLINT: as above
    }
}

UniqueFd listen_at(const sockaddr_storage& address, socklen_t length, int& error) {
    UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    const bool ready =
        fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (address.ss_family != AF_INET6 ||
         ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        ::bind(fd.get(), as_sockaddr(address), length) == 0 && ::listen(fd.get(), kBacklog) == 0;
    if (!ready) {
        error = errno;
        fd.reset();
    }
    return fd;
}

sockaddr_storage local_address(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT: as above
    if (::getsockname(fd, generic, &length) != 0) {
        address.ss_family = AF_UNSPEC;
    }
    return address;
}

UniqueFd duplicate_of(const std::vector<int>& sockets, const std::string& place) {
    const auto found = std::find_if(sockets.begin(), sockets.end(), [&place](int fd) {
        return to_text(local_address(fd)) == place;
    });
    return UniqueFd(found == sockets.end() ? -1 : ::fcntl(*found, F_DUPFD_CLOEXEC, 0));
}

// `taken`: somebody else listens on one of the addresses.
std::vector<UniqueFd> listen_at_all(const addrinfo& first,
                                    const std::vector<int>& ours,
                                    bool& taken,
                                    std::string& why) {
    std::vector<UniqueFd> bound;
    std::set<std::string> places;  // a host may have an address twice
    why.clear();
    taken = false;
    for (const addrinfo* one = &first; one != nullptr && !taken; one = one->ai_next) {
        sockaddr_storage address{};
        std::memcpy(&address, one->ai_addr, std::min<std::size_t>(one->ai_addrlen, sizeof address));
        if (!bound.empty()) {
            set_port(address, local_port(bound.front().get()));
        }
        const std::string place = to_text(address);
        if (!places.insert(place).second) {
            continue;
        }
        int error = 0;
        UniqueFd fd = duplicate_of(ours, place);
        if (!fd) {
            fd = listen_at(address, one->ai_addrlen, error);
        }
        if (fd) {
            bound.push_back(std::move(fd));
            continue;
        }
        taken = error == EADDRINUSE;
        if (why.empty() || taken) {
            why = place + ": " + std::generic_category().message(error);
        }
    }
    return bound;
}

}  // namespace

int to_domain(AddressFamily family) {
    switch (family) {
        case AddressFamily::kV4:
            return AF_INET;
        case AddressFamily::kV6:
            return AF_INET6;
        case AddressFamily::kAny:
            break;
    }
    return AF_UNSPEC;
}

std::string to_text(const sockaddr_storage& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);  // NOLINT: as above
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
        return '[' + std::string{text.data()} + "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);  // NOLINT: as above
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return std::string{text.data()} + ':' + std::to_string(ntohs(v4.sin_port));
}

std::string port_number(const std::string& port) {
    // Not every machine has AMQP's names in its list of services.
    if (port == "amqp") {
        return "5672";
    }
    return port == "amqps" ? "5671" : port;
}

std::vector<UniqueFd> listen_on(const std::string& host,
                                const std::string& port,
                                AddressFamily family,
                                const std::vector<int>& ours,
                                std::string& why) {
    addrinfo hints{};
    hints.ai_family = to_domain(family);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const int failure = ::getaddrinfo(
        host.empty() ? nullptr : host.c_str(), port_number(port).c_str(), &hints, &found);
    if (failure != 0) {
        why = ::gai_strerror(failure);
        return {};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
    std::vector<UniqueFd> bound;
    bool taken = false;
    for (int turn = 0; turn < kPortChoices && (turn == 0 || taken); ++turn) {
        bound = listen_at_all(*found, ours, taken, why);
        if (port != "0") {
            break;  // another try would find the same
        }
    }
    if (taken) {
        bound.clear();
    }
    return bound;
}

std::uint16_t local_port(int fd) {
    const sockaddr_storage address = local_address(fd);
    switch (address.ss_family) {
        case AF_INET6:
            return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);  // NOLINT
        case AF_INET:
            return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);  // NOLINT
        default:
            return 0;
    }
}

void set_tcp_options(int fd, std::uint32_t detection_ms) {
    const auto set = [fd](int level, int option, int value) {
        ::setsockopt(fd, level, option, &value, sizeof value);
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    // Heartbeats stand behind what the kernel holds unsent: keep that short (ROUTING.md 1.9).
    constexpr int kNotSentLowWater = 128 * 1024;
    set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, kNotSentLowWater);
    if (detection_ms != 0) {
        constexpr std::uint32_t kDetectionMsMax = 300'000;
        set(IPPROTO_TCP,
            TCP_USER_TIMEOUT,
            static_cast<int>(std::min(detection_ms, kDetectionMsMax) * 2));
    }
}

}  // namespace amqmesh::router
