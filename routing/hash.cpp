#include "routing/hash.h"

#include <bit>
#include <cstddef>

namespace amqmesh::routing {

namespace {

// Any constant will do as long as all routers use the same one (these are digits of pi and e).
constexpr std::uint64_t kKey0 = 0x243f6a8885a308d3ULL;
constexpr std::uint64_t kKey1 = 0xb7e151628aed2a6aULL;

class Sip {
  public:
    void word(std::uint64_t m) {
        v3_ ^= m;
        round();
        round();
        v0_ ^= m;
    }

    std::uint64_t finish() {
        v2_ ^= 0xff;
        for (int i = 0; i < 4; ++i) {
            round();
        }
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

  private:
    void round() {
        v0_ += v1_;
        v2_ += v3_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v1_;
        v0_ += v3_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ = std::rotl(v2_, 32);
    }

    std::uint64_t v0_ = kKey0 ^ 0x736f6d6570736575ULL;
    std::uint64_t v1_ = kKey1 ^ 0x646f72616e646f6dULL;
    std::uint64_t v2_ = kKey0 ^ 0x6c7967656e657261ULL;
    std::uint64_t v3_ = kKey1 ^ 0x7465646279746573ULL;
};

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = bytes.size(); i > 0; --i) {
        word = (word << 8U) | static_cast<std::uint8_t>(bytes[i - 1]);
    }
    return word;
}

}  // namespace

std::uint64_t hash_bytes(std::string_view bytes) {
    Sip sip;
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        sip.word(little_endian(bytes.substr(at, 8)));
    }
    sip.word(little_endian(bytes.substr(at)) | (std::uint64_t{bytes.size()} << 56U));
    return sip.finish();
}

std::uint64_t hash_words(std::initializer_list<std::uint64_t> words) {
    Sip sip;
    for (const std::uint64_t word : words) {
        sip.word(word);
    }
    sip.word(std::uint64_t{words.size() * 8} << 56U);
    return sip.finish();
}

Hasher& Hasher::add(std::uint64_t value) {
    std::uint64_t x = state_ ^ value;
    x = (x ^ (x >> 32U)) * 0xd6e8feb86659fd93ULL;
    x = (x ^ (x >> 29U)) * 0xbf58476d1ce4e5b9ULL;
    state_ = std::rotl(x ^ (x >> 32U), 23) + 0x9e3779b97f4a7c15ULL;
    return *this;
}

}  // namespace amqmesh::routing
