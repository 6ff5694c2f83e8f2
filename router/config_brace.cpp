// The reference's own configuration form:
//
//   listener {
//       host: 0.0.0.0          # comment
//       openProperties: {      JSON, over several lines if need be
//           "a": 1
//       }
//   }
//
// `#` begins a comment anywhere but in values that may contain it (patterns and the like), which
// are one word long.
#include "mgmt/schema.h"
#include "router/config_reader.h"

#include <algorithm>
#include <array>

namespace amqmesh::router {

namespace {

constexpr std::array<std::string_view, 3> kMayHoldHash{"pattern", "bindingKey", "hostname"};

std::string_view trim(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string_view without_comment(std::string_view text) {
    return trim(text.substr(0, text.find('#')));
}

class BraceReader {
  public:
    explicit BraceReader(std::string_view text) : rest_(text) {}

    RawConfig read() {
        while (next_line() && result_.problems.size() < kConfigProblemsMax) {
            const std::string_view line = without_comment(line_);
            if (line.empty()) {
                continue;
            }
            if (in_entity_) {
                read_inside(line);
            } else {
                read_outside(line);
            }
        }
        if (in_entity_) {
            problem(result_.entities.back().type + ": \"}\" is missing",
                    "opened in line " + std::to_string(result_.entities.back().line));
        }
        return std::move(result_);
    }

  private:
    bool next_line() {
        if (rest_.empty()) {
            return false;
        }
        const std::size_t end = rest_.find('\n');
        line_ = rest_.substr(0, end);
        rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
        ++number_;
        return true;
    }

    void problem(std::string message, std::string hint) {
        if (result_.problems.size() < kConfigProblemsMax) {
            result_.problems.push_back({number_, false, std::move(message), std::move(hint)});
        }
    }

    void read_outside(std::string_view line) {
        const std::size_t brace = line.find('{');
        if (line == "}") {
            problem("\"}\" without an open entity", "");
            return;
        }
        const std::string_view type = trim(line.substr(0, brace));
        if (brace == std::string_view::npos || type.empty()) {
            problem("expected \"entity {\"", "for example \"listener {\"");
            return;
        }
        in_entity_ = true;
        const mgmt::EntityType* known = mgmt::find_type(mgmt::canonical_name(type));
        supported_ = known == nullptr || known->support == mgmt::Support::kSupported;
        result_.entities.push_back({std::string{type}, number_, number_, {}});
        const std::string_view behind = trim(line.substr(brace + 1));
        if (behind == "}") {
            in_entity_ = false;
        } else if (!behind.empty()) {
            problem(std::string{type} + ": text behind \"{\"",
                    "write one attribute a line, below it");
        }
    }

    void read_inside(std::string_view line) {
        if (line == "}") {
            in_entity_ = false;
            return;
        }
        const std::size_t colon = line.find(':');
        const std::string_view name = trim(line.substr(0, colon));
        RawEntity& entity = result_.entities.back();
        if (colon == std::string_view::npos || name.empty()) {
            problem(entity.type + ": expected \"attribute: value\"", "");
            return;
        }
        RawConfigAttribute attribute{std::string{name}, {}, number_};
        std::string_view value = trim(line.substr(colon + 1));
        const std::string canonical = mgmt::canonical_name(name);
        if (std::find(kMayHoldHash.begin(), kMayHoldHash.end(), canonical) != kMayHoldHash.end()) {
            const std::string_view whole = trim(line_.substr(line_.find(':') + 1));
            value = whole.substr(0, whole.find_first_of(" \t"));
        }
        if (!value.empty() && (value.front() == '{' || value.front() == '[')) {
            attribute.value = read_nested(value);
            if (!supported_) {
                return;
            }
        } else if (!value.empty()) {
            attribute.value = value;
        }
        entity.attributes.push_back(std::move(attribute));
    }

    // JSON that begins in this line and ends where its brackets close. Of an entity that is not
    // supported it is passed over: the reference allows maps there that are no JSON.
    mgmt::Value read_nested(std::string_view first) {
        const unsigned begin = number_;
        std::string text{first};
        int depth = 0;
        bool quoted = false;
        std::size_t scanned = 0;
        while (!closes(text, scanned, depth, quoted)) {
            if (!next_line()) {
                problem("a bracket is not closed", "opened in line " + std::to_string(begin));
                return {};
            }
            text += '\n';
            text += line_;
        }
        if (!supported_) {
            return {};
        }
        std::vector<ConfigProblem> problems;
        mgmt::Value value = read_flow_value(text, problems);
        for (ConfigProblem& found : problems) {
            found.line += begin - 1;
            result_.problems.push_back(std::move(found));
        }
        return value;
    }

    static bool closes(std::string_view text, std::size_t& scanned, int& depth, bool& quoted) {
        for (; scanned < text.size(); ++scanned) {
            const char c = text[scanned];
            if (c == '"' && (scanned == 0 || text[scanned - 1] != '\\')) {
                quoted = !quoted;
            } else if (!quoted && (c == '{' || c == '[')) {
                ++depth;
            } else if (!quoted && (c == '}' || c == ']') && --depth <= 0) {
                return true;
            }
        }
        return false;
    }

    std::string_view rest_;
    std::string_view line_;
    unsigned number_ = 0;
    bool in_entity_ = false;
    bool supported_ = true;  // the entity that is open
    RawConfig result_;
};

}  // namespace

RawConfig read_brace_config(std::string_view text) {
    return BraceReader(text).read();
}

}  // namespace amqmesh::router
