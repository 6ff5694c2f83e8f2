// Canonical form of an AMQP address.
//
// Clients write the same place in several ways: "amqp://host/a/b", "amqp:/a/b", "/a/b", "a/b/".
// The mesh knows one key for it: a class letter and the bare text. Keys are what is flooded, hashed
// and shown by management.
#pragma once

#include "routing/types.h"

#include <optional>
#include <string>
#include <string_view>

namespace amqmesh::routing {

enum class AddressClass : char {
    kMobile = 'M',       ///< anywhere in the mesh; key text starts with the phase digit '0'
    kLocal = 'L',        ///< this router only: "_local/x", "_topo/0/<self>/x"
    kTopological = 'R',  ///< another router's local address: "_topo/0/<router>/x"
    kAllRouters = 'T',   ///< "_topo/0/all/x"
};

struct AddressKey {
    AddressClass kind = AddressClass::kMobile;
    std::string text;    ///< without scheme, class prefix and trailing separators
    std::string router;  ///< kTopological: the router's name

    /// "M0queue.a", "Ltemp.x", … as in the reference's router.address names. For kTopological this
    /// is the key that the address has on its own router ("Lx").
    [[nodiscard]] std::string key() const;
};

/// Parses an address as a client wrote it. `self` is this router's name. Nothing: not an address
/// (empty, or `_topo` of another area, or malformed).
std::optional<AddressKey> parse_address(std::string_view address, std::string_view self);

/// 64-bit hash of a key, equal on every router; never 0.
AddressHash hash_key(std::string_view key);

}  // namespace amqmesh::routing
