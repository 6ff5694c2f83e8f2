// The few socket calls that listeners and connectors share.
#pragma once

#include "router/configuration.h"
#include "router/unique_fd.h"

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

namespace amqmesh::router {

/// AF_INET, AF_INET6 or AF_UNSPEC.
int to_domain(AddressFamily family);

/// "1.2.3.4:5" or "[::1]:5".
std::string to_text(const sockaddr_storage& address);

/// Port 5672 for amqp, 5671 for amqps, else as given.
std::string port_number(const std::string& port);

/// Listening sockets (non-blocking) on every address of the host; the caller owns them. All get
/// the same port when the system chooses it. An address that this machine does not have is passed
/// over; one that somebody else listens on is a failure, or half of the clients would meet him.
/// Where one of `ours` listens already, the result has a duplicate of it. Empty with `why` on
/// failure. Blocks while a host name is looked up.
std::vector<UniqueFd> listen_on(const std::string& host,
                                const std::string& port,
                                AddressFamily family,
                                const std::vector<int>& ours,
                                std::string& why);

std::uint16_t local_port(int fd);

/// Options of every AMQP socket; failures are harmless. `detection_ms`: how fast a dead neighbour
/// has to be noticed, 0 for clients.
void set_tcp_options(int fd, std::uint32_t detection_ms);

}  // namespace amqmesh::router
