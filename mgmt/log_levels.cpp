#include "mgmt/log_levels.h"

#include <algorithm>
#include <cctype>

namespace amqmesh::mgmt {

namespace {

// The next word in lower case, taken from the text; empty: there is none.
std::string take_word(std::string_view& text) {
    constexpr std::string_view kBetween = ", \t";
    text.remove_prefix(std::min(text.find_first_not_of(kBetween), text.size()));
    std::string word{text.substr(0, text.find_first_of(kBetween))};
    text.remove_prefix(word.size());
    std::ranges::transform(
        word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return word;
}

}  // namespace

std::optional<LogLevels> parse_log_levels(std::string_view enable, std::string& why) {
    LogLevels levels;
    std::size_t words = 0;
    for (std::string word = take_word(enable); !word.empty(); word = take_word(enable)) {
        ++words;
        if (word == "default") {
            levels.by_default = true;
            continue;
        }
        const bool above = word.back() == '+';
        const std::string_view name =
            std::string_view{word}.substr(0, word.size() - (above ? 1 : 0));
        const auto* const found = std::ranges::find(kLogLevelNames, name);
        if (found != kLogLevelNames.end()) {
            const auto level = static_cast<unsigned>(found - kLogLevelNames.begin());
            const unsigned named = above ? (0x7fU << level) & 0x7fU : 1U << level;
            levels.mask = static_cast<std::uint8_t>(levels.mask | named);
        } else if (word != "none") {
            why = '"' + word + "\" is no level";
            return std::nullopt;
        }
    }
    if (levels.by_default && words > 1) {
        why = "default cannot be combined with levels";
        return std::nullopt;
    }
    levels.by_default = levels.by_default || words == 0;
    return levels;
}

}  // namespace amqmesh::mgmt
