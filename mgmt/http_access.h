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
    std::string host{};  ///< that the listener is configured with
    std::string user{};  ///< empty: no authentication
    std::string password{};
    bool health = true;  ///< /livez, /readyz, /healthz
    bool metrics = true;
    bool web_sockets = true;
    bool console = true;  ///< with /api, and all that is not named above
};

/// The target of a request line (RFC 9112, 3.2) without scheme and authority, which only requests
/// to proxies need but every server has to take.
std::string_view origin_form(std::string_view target);

/// Whether the listener has that page at all. `target` in origin form.
bool offered(const HttpAccess& access, std::string_view target);

/// Programs other than browsers send no origin (empty) and are not restricted. `host` as in the
/// request's Host field: a page from there may when that is an address, localhost or the host of
/// the listener. Any other name may be led here by whoever owns it (DNS rebinding), and its pages
/// are as foreign as those of any site: they have to be in `origins`.
bool origin_allowed(const HttpAccess& access, std::string_view origin, std::string_view host);

/// `authorization` as in the request's field of that name. Probes of health need none.
bool authorized(const HttpAccess& access, std::string_view target, std::string_view authorization);

}  // namespace amqmesh::mgmt
