// What the configuration says about addresses: `address { prefix|pattern, distribution, priority,
// maxDeliveryAttempts, multicastPatienceSeconds }`.
#pragma once

#include "routing/types.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::routing {

struct AddressRule {
    std::string name;     ///< entity name, for management
    std::string pattern;  ///< tokens split at '.' or '/'; '*' one token, '#' zero or more; a prefix
                          ///< `p` is the pattern `p/#`
    Treatment treatment = Treatment::kBalanced;
    std::optional<std::uint8_t> priority;  ///< 0..9, overrides the message header's
    std::uint8_t delivery_attempts = 1;    ///< consumers that an anycast message is offered to
    /// How long a multicast consumer may take nothing before its copies are given up; 0: for ever.
    std::uint16_t multicast_patience_s = 10;
};

/// Immutable rule set. Exact token > '*' > '#', decided token by token from the left.
class AddressSettings {
  public:
    AddressSettings() = default;
    AddressSettings(std::vector<AddressRule> rules, Treatment default_treatment);

    /// The best rule for an address text (no class prefix), or nullptr.
    [[nodiscard]] const AddressRule* match(std::string_view text) const;
    [[nodiscard]] Treatment treatment(std::string_view text) const;

    [[nodiscard]] const std::vector<AddressRule>& rules() const { return rules_; }

  private:
    struct Node {
        std::vector<std::pair<std::string, std::uint32_t>> exact;  // ascending by token
        std::uint32_t star = 0, hash = 0;                          // 0: none
        std::int32_t rule = -1;
    };

    [[nodiscard]] std::int32_t match_from(std::uint32_t node,
                                          const std::vector<std::string_view>& tokens,
                                          std::size_t index,
                                          unsigned& budget) const;

    std::vector<AddressRule> rules_;
    std::vector<Node> nodes_{1};
    Treatment default_ = Treatment::kBalanced;
};

/// Tokens of an address or pattern, split at '.' and '/'.
std::vector<std::string_view> split_tokens(std::string_view text);

}  // namespace amqmesh::routing
