// Prints the configuration reference, or compares (--check FILE) or replaces (--write FILE) what
// stands between the markers of a Markdown file.
#include "mgmt/schema_export.h"

#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view kBegin = "<!-- schema:begin -->\n";
constexpr std::string_view kEnd = "<!-- schema:end -->";

struct Section {
    std::string before, inside, after;
};

std::optional<Section> read_section(const std::string& path) {
    std::ifstream file{path};
    std::ostringstream content;
    content << file.rdbuf();
    const std::string text = content.str();
    const std::size_t begin = text.find(kBegin);
    const std::size_t end = text.find(kEnd);
    if (!file || begin == std::string::npos || end == std::string::npos || end < begin) {
        std::cerr << path << ": cannot be read, or lacks the lines <!-- schema:begin --> and "
                  << kEnd << '\n';
        return std::nullopt;
    }
    const std::size_t inside = begin + kBegin.size();
    return Section{.before = text.substr(0, inside),
                   .inside = text.substr(inside, end - inside),
                   .after = text.substr(end)};
}

int check(const std::string& path, const std::string& wanted) {
    const auto section = read_section(path);
    if (!section) {
        return 1;
    }
    if (section->inside != wanted) {
        std::cerr << path << ": the configuration reference is out of date; run "
                  << "amqmesh-schema-doc --write " << path << '\n';
        return 1;
    }
    return 0;
}

int write(const std::string& path, const std::string& wanted) {
    const auto section = read_section(path);
    if (!section) {
        return 1;
    }
    std::ofstream file{path, std::ios::trunc};
    file << section->before << wanted << section->after;
    file.flush();
    return file ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view option = argc > 1 ? argv[1] : "";
    const std::string text = "\n" + amqmesh::mgmt::schema_markdown() + "\n";
    if (argc == 1) {
        std::cout << text;
        return 0;
    }
    if (argc == 3 && option == "--check") {
        return check(argv[2], text);
    }
    if (argc == 3 && option == "--write") {
        return write(argv[2], text);
    }
    std::cerr << "usage: amqmesh-schema-doc [--check FILE | --write FILE]\n";
    return 2;
}
