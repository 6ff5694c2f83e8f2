// What an HTTP listener offers and who may use it: pages, origins of web pages (RFC 6454) and basic
// authentication (RFC 7617). Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::mgmt {

struct HttpAccess {
    /// Of pages that may open WebSockets, as browsers write them ("https://shop.example"), besides
    /// pages of the listener itself. "*": any.
    std::vector<std::string> origins{};
    std::string user{};  ///< empty: no authentication
    std::string password{};
    bool health = true;  ///< /livez, /readyz, /healthz
    bool metrics = true;
    bool web_sockets = true;
    bool console = true;  ///< with /api, and all that is not named above
};

/// Whether the listener has that page at all. `target` as in the request line (RFC 9112, 3.2).
bool offered(const HttpAccess& access, std::string_view target);

/// Programs other than browsers send no origin (empty) and are not restricted. `host` as in the
/// request's Host field: a page from there may always.
bool origin_allowed(const HttpAccess& access, std::string_view origin, std::string_view host);

/// `authorization` as in the request's field of that name. Probes of health need none.
bool authorized(const HttpAccess& access, std::string_view target, std::string_view authorization);

}  // namespace amqmesh::mgmt
