#include "link/delivery.h"

#include <array>
#include <cassert>
#include <string>

namespace amqmesh::link {

namespace {

void put_string(std::string& out, unsigned code, std::string_view text) {
    out.push_back(static_cast<char>(code));
    out.push_back(static_cast<char>(text.size()));
    out.append(text);
}

}  // namespace

DeliveryState modified_failed() {
    // described(0x27) list8, size 2, one field: true
    static constexpr std::array<std::byte, 7> kRaw{std::byte{0x00},
                                                   std::byte{0x53},
                                                   std::byte{0x27},
                                                   std::byte{0xc0},
                                                   std::byte{0x02},
                                                   std::byte{0x01},
                                                   std::byte{0x41}};
    return {Outcome::kModified, kRaw};
}

namespace {

// described(symbol "amqmesh:unreached") list0
constexpr std::string_view kUnreached(
    "\x00\xa3\x11"
    "amqmesh:unreached\x45",
    21);

}  // namespace

DeliveryState unreached() {
    return {Outcome::kOther, std::as_bytes(std::span(kUnreached))};
}

namespace {

// described(symbol "amqmesh:busy") list0
constexpr std::string_view kBusy(
    "\x00\xa3\x0c"
    "amqmesh:busy\x45",
    16);

}  // namespace

DeliveryState busy() {
    return {Outcome::kOther, std::as_bytes(std::span(kBusy))};
}

namespace {

// described(symbol "amqmesh:declined") list8 of one ubyte
constexpr std::string_view kDeclined(
    "\x00\xa3\x10"
    "amqmesh:declined\xc0\x03\x01\x50",
    23);

}  // namespace

DeliveryState declined(std::uint8_t left) {
    static const auto states = [] {
        std::array<std::string, MeshLabel::kOffersMax + 1> all;
        for (std::size_t i = 0; i < all.size(); ++i) {
            all.at(i) = std::string(kDeclined) + static_cast<char>(i);
        }
        return all;
    }();
    return {Outcome::kOther, std::as_bytes(std::span(states.at(left)))};
}

std::optional<std::uint8_t> declined_left(const DeliveryState& state) {
    const std::string_view raw(reinterpret_cast<const char*>(state.raw.data()), state.raw.size());
    if (state.outcome != Outcome::kOther || raw.size() != kDeclined.size() + 1 ||
        !raw.starts_with(kDeclined)) {
        return std::nullopt;
    }
    return static_cast<std::uint8_t>(raw.back());
}

bool is_busy(const DeliveryState& state) {
    return state.outcome == Outcome::kOther &&
           std::string_view(reinterpret_cast<const char*>(state.raw.data()), state.raw.size()) ==
               kBusy;
}

bool is_unreached(const DeliveryState& state) {
    return state.outcome == Outcome::kOther &&
           std::string_view(reinterpret_cast<const char*>(state.raw.data()), state.raw.size()) ==
               kUnreached;
}

std::string encode_rejected(std::string_view condition, std::string_view description) {
    assert(condition.size() < 50 && description.size() <= 200);
    std::string error;  // fields of the error: symbol8 condition, str8 description
    put_string(error, 0xa3, condition);
    put_string(error, 0xa1, description);
    std::string out;
    const auto list = [&out](unsigned descriptor, std::size_t body, unsigned count) {
        out.push_back('\x00');
        out.push_back('\x53');
        out.push_back(static_cast<char>(descriptor));
        out.push_back('\xd0');  // list32: the nested sizes may pass 255
        const auto size = static_cast<std::uint32_t>(body + 4);
        for (const std::uint32_t number : {size, count}) {
            for (int shift = 24; shift >= 0; shift -= 8) {
                out.push_back(static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xffU));
            }
        }
    };
    constexpr std::size_t kListHead = 3 + 1 + 4 + 4;
    list(0x25, kListHead + error.size(), 1);
    list(0x1d, error.size(), 2);
    return out + error;
}

}  // namespace amqmesh::link
