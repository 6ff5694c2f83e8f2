// Looks host names up, each user on a thread of its own: the system's call cannot be ended and may
// take half a minute when a name server is silent. Whoever waits for one name must not make others
// wait for theirs, nor the process for its end.
#pragma once

#include "router/configuration.h"

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace amqmesh::router {

/// One look-up at a time. The control thread only.
class NameLookup {
  public:
    struct Found {
        std::vector<sockaddr_storage> addresses;  ///< with port; IPv4 and IPv6 only
        std::string why;                          ///< if there are none
    };

    using Done = std::function<void(const Found& found)>;

    /// `io` is not owned; no look-up is wanted any more when it ends.
    explicit NameLookup(boost::asio::io_context& io);
    ~NameLookup();
    NameLookup(const NameLookup&) = delete;
    NameLookup& operator=(const NameLookup&) = delete;

    /// Calls `done` from `io`, never from here, unless forget() or another start() comes first. At
    /// most one thread runs: while the answer to a former question is still out, it finds nothing.
    void start(const std::string& host,
               const std::string& port,
               AddressFamily family,
               const Done& done);
    void forget();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace amqmesh::router
