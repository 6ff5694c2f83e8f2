// How many lines of a kind may be logged, so that what goes wrong ten thousand times does not hide
// everything else. Pure.
#pragma once

#include "routing/types.h"

#include <cstdint>
#include <optional>

namespace amqmesh::router {

class LineBudget {
  public:
    explicit LineBudget(std::uint32_t per_minute) : per_minute_(per_minute) {}

    /// Nothing: not now, and `others` more. Otherwise a line may be written, and so many were left
    /// out before it.
    std::optional<std::uint64_t> take(routing::Time now, std::uint64_t others = 0) {
        if (begun_ == 0 || now - begun_ >= kMinute) {
            begun_ = now;
            left_ = per_minute_;
        }
        left_out_ += others;
        if (left_ == 0) {
            ++left_out_;
            return std::nullopt;
        }
        --left_;
        const std::uint64_t told = left_out_;
        left_out_ = 0;
        return told;
    }

  private:
    static constexpr routing::Time kMinute = 60 * routing::kSecond;

    const std::uint32_t per_minute_;
    routing::Time begun_ = 0;
    std::uint32_t left_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace amqmesh::router
