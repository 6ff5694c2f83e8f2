// Rules as a trie over tokens. At every token the exact child is tried before '*' before '#', so
// the first complete match is the best one. '#' may take any number of tokens, which makes the
// search branch; a budget of steps bounds what a hostile address and rule set can cost.
#include "routing/address_settings.h"

#include <algorithm>
#include <utility>

namespace amqmesh::routing {

namespace {

constexpr unsigned kStepBudget = 4096;

}  // namespace

std::vector<std::string_view> split_tokens(std::string_view text) {
    std::vector<std::string_view> tokens;
    while (true) {
        const auto separator = text.find_first_of("./");
        tokens.push_back(text.substr(0, separator));
        if (separator == std::string_view::npos) {
            return tokens;
        }
        text.remove_prefix(separator + 1);
    }
}

AddressSettings::AddressSettings(std::vector<AddressRule> rules, Treatment default_treatment)
    : rules_(std::move(rules)), default_(default_treatment) {
    for (std::size_t index = 0; index < rules_.size(); ++index) {
        std::uint32_t at = 0;
        for (const auto token : split_tokens(rules_[index].pattern)) {
            std::uint32_t next = 0;
            const auto fresh = static_cast<std::uint32_t>(nodes_.size());
            if (token == "*") {
                next = nodes_[at].star != 0 ? nodes_[at].star : (nodes_[at].star = fresh);
            } else if (token == "#") {
                next = nodes_[at].hash != 0 ? nodes_[at].hash : (nodes_[at].hash = fresh);
            } else {
                auto& exact = nodes_[at].exact;
                auto place = std::lower_bound(
                    exact.begin(), exact.end(), token, [](const auto& entry, std::string_view key) {
                        return entry.first < key;
                    });
                if (place == exact.end() || place->first != token) {
                    place = exact.emplace(place, std::string(token), fresh);
                }
                next = place->second;
            }
            if (next == fresh) {
                nodes_.emplace_back();
            }
            at = next;
        }
        if (nodes_[at].rule < 0) {
            nodes_[at].rule = static_cast<std::int32_t>(index);
        }
    }
}

std::int32_t AddressSettings::match_from(std::uint32_t node,
                                         const std::vector<std::string_view>& tokens,
                                         std::size_t index,
                                         unsigned& budget) const {
    if (budget == 0) {
        return -1;
    }
    --budget;
    const Node& at = nodes_[node];
    if (index == tokens.size()) {
        if (at.rule >= 0) {
            return at.rule;
        }
        return at.hash != 0 ? nodes_[at.hash].rule : -1;
    }
    const auto place =
        std::lower_bound(at.exact.begin(),
                         at.exact.end(),
                         tokens[index],
                         [](const auto& entry, std::string_view key) { return entry.first < key; });
    if (place != at.exact.end() && place->first == tokens[index]) {
        if (const auto found = match_from(place->second, tokens, index + 1, budget); found >= 0) {
            return found;
        }
    }
    if (at.star != 0) {
        if (const auto found = match_from(at.star, tokens, index + 1, budget); found >= 0) {
            return found;
        }
    }
    if (at.hash != 0) {
        for (std::size_t rest = index; rest <= tokens.size(); ++rest) {
            if (const auto found = match_from(at.hash, tokens, rest, budget); found >= 0) {
                return found;
            }
        }
    }
    return -1;
}

const AddressRule* AddressSettings::match(std::string_view text) const {
    if (rules_.empty()) {
        return nullptr;
    }
    unsigned budget = kStepBudget;
    const auto found = match_from(0, split_tokens(text), 0, budget);
    return found < 0 ? nullptr : &rules_[static_cast<std::size_t>(found)];
}

Treatment AddressSettings::treatment(std::string_view text) const {
    const auto* rule = match(text);
    return rule != nullptr ? rule->treatment : default_;
}

}  // namespace amqmesh::routing
