#include "router/config_reader.h"

#include "mgmt/utf8.h"

#include <algorithm>
#include <cctype>

namespace amqmesh::router {

namespace {

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

// A file is in the brace dialect when its first line that says something is `word {`.
bool looks_like_braces(std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        const std::size_t begin = line.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos || line[begin] == '#') {
            continue;
        }
        line.remove_prefix(begin);
        std::size_t word = 0;
        while (word < line.size() && is_word(line[word])) {
            ++word;
        }
        const std::size_t brace = line.find_first_not_of(" \t", word);
        return word > 0 && brace != std::string_view::npos && line[brace] == '{';
    }
    return false;
}

// 0: all are.
unsigned line_that_is_no_utf8(std::string_view text) {
    unsigned line = 1;
    while (!text.empty()) {
        const std::string_view one = text.substr(0, text.find('\n'));
        if (!mgmt::is_utf8(one)) {
            return line;
        }
        text.remove_prefix(std::min(one.size() + 1, text.size()));
        ++line;
    }
    return 0;
}

}  // namespace

std::string to_string(const ConfigProblem& problem, std::string_view file) {
    std::string text{file};
    if (problem.line != 0) {
        text += ':' + std::to_string(problem.line);
    }
    text += problem.warning ? ": warning: " : ": ";
    text += problem.message;
    if (!problem.hint.empty()) {
        text += " (" + problem.hint + ')';
    }
    return text;
}

RawConfig read_config(std::string_view text) {
    if (text.size() > kConfigBytesMax) {
        RawConfig result;
        result.problems.push_back({0, false, "larger than 4 MiB", "is this a configuration?"});
        return result;
    }
    if (const unsigned line = line_that_is_no_utf8(text); line != 0) {
        RawConfig result;
        result.problems.push_back({line, false, "is not UTF-8", "save the file as UTF-8"});
        return result;
    }
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) {
        text.remove_prefix(kByteOrderMark.size());
    }
    return looks_like_braces(text) ? read_brace_config(text) : read_yaml_config(text);
}

}  // namespace amqmesh::router
