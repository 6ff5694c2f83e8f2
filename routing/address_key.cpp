#include "routing/address_key.h"

namespace amqmesh::routing {

namespace {

constexpr std::string_view kTopologicalPrefix = "_topo/";
constexpr std::string_view kLocalPrefix = "_local/";
constexpr std::string_view kArea = "0";

/// Takes "amqp:", "amqps:" and a following "//authority" off.
std::string_view without_scheme(std::string_view address) {
    for (const std::string_view scheme : {"amqp:", "amqps:"}) {
        if (!address.starts_with(scheme)) {
            continue;
        }
        address.remove_prefix(scheme.size());
        if (address.starts_with("//")) {
            const auto slash = address.find('/', 2);
            address =
                slash == std::string_view::npos ? std::string_view{} : address.substr(slash + 1);
        }
        break;
    }
    return address;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == '/') {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == '/' || text.back() == '.')) {
        text.remove_suffix(1);
    }
    return text;
}

/// The part up to the next '/', which is taken off `rest` too.
std::string_view take_token(std::string_view& rest) {
    const auto slash = rest.find('/');
    const auto token = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    return token;
}

std::uint64_t mixed(std::uint64_t value) {
    value ^= value >> 32U;
    value *= 0xd6e8feb86659fd93ULL;
    value ^= value >> 32U;
    value *= 0xd6e8feb86659fd93ULL;
    value ^= value >> 32U;
    return value;
}

}  // namespace

std::string AddressKey::key() const {
    switch (kind) {
        case AddressClass::kMobile:
            return "M0" + text;
        case AddressClass::kLocal:
        case AddressClass::kTopological:
            return "L" + text;
        case AddressClass::kAllRouters:
            return "T" + text;
    }
    return {};
}

std::optional<AddressKey> parse_address(std::string_view address, std::string_view self) {
    const auto text = trimmed(without_scheme(address));
    if (text.empty()) {
        return std::nullopt;
    }
    AddressKey result;
    if (text.starts_with(kLocalPrefix)) {
        result.kind = AddressClass::kLocal;
        result.text = text.substr(kLocalPrefix.size());
    } else if (text.starts_with(kTopologicalPrefix)) {
        auto rest = text.substr(kTopologicalPrefix.size());
        const auto area = take_token(rest);
        const auto router = take_token(rest);
        if (area != kArea || router.empty() || rest.empty()) {
            return std::nullopt;
        }
        result.text = rest;
        if (router == "all") {
            result.kind = AddressClass::kAllRouters;
        } else if (router == self) {
            result.kind = AddressClass::kLocal;
        } else {
            result.kind = AddressClass::kTopological;
            result.router = router;
        }
    } else {
        result.text = text;
    }
    if (result.text.empty()) {
        return std::nullopt;
    }
    return result;
}

AddressHash hash_key(std::string_view key) {
    // FNV-1a, then a finalizer for the low bits that index shards. Every router computes the same.
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char byte : key) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 0x100000001b3ULL;
    }
    hash = mixed(hash);
    return hash == 0 ? 1 : hash;
}

}  // namespace amqmesh::routing
