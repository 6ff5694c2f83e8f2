#include "mgmt/cli/table.h"

#include "mgmt/utf8.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string_view>

namespace amqmesh::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // a column is not squeezed below this
constexpr std::string_view kEllipsis = "…";

bool starts_code_point(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

std::size_t length(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_code_point));
}

std::string_view prefix(std::string_view text, std::size_t code_points) {
    std::size_t bytes = 0;
    while (bytes < text.size()) {
        if (starts_code_point(text[bytes]) && code_points-- == 0) {
            break;
        }
        ++bytes;
    }
    return text.substr(0, bytes);
}

// The code point of a well-formed sequence.
std::uint32_t code_point(std::string_view sequence) {
    constexpr std::array<std::uint32_t, 5> kFirstByteMask{0, 0x7f, 0x1f, 0x0f, 0x07};
    std::uint32_t code = static_cast<unsigned char>(sequence[0]) & kFirstByteMask[sequence.size()];
    for (const char byte : sequence.substr(1)) {
        code = code << 6U | (static_cast<unsigned char>(byte) & 0x3fU);
    }
    return code;
}

bool steers(std::uint32_t code) {
    const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const bool separator = code == 0x2028 || code == 0x2029;
    const bool direction = code == 0x061c || code == 0x200e || code == 0x200f ||
                           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return control || separator || direction;
}

std::string padded(std::string_view given, std::size_t width, Align align) {
    const std::string text = printable(given);
    const std::size_t own = length(text);
    if (own > width) {
        return std::string(prefix(text, width - 1)) + std::string(kEllipsis);
    }
    std::string cell = text;
    cell.insert(align == Align::kLeft ? cell.size() : 0, width - own, ' ');
    return cell;
}

std::string csv_cell(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
        return text;
    }
    std::string quoted = "\"";
    for (char byte : text) {
        quoted.append(byte == '"' ? 2 : 1, byte);
    }
    return quoted + '"';
}

std::string csv_line(const std::vector<std::string>& cells) {
    std::string line;
    for (const std::string& cell : cells) {
        line += csv_cell(cell);
        line += ',';
    }
    line.replace(line.empty() ? 0 : line.size() - 1, 1, "\r\n");
    return line;
}

std::size_t total_of(const std::vector<std::size_t>& widths) {
    return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
}

std::string without_trailing_blanks(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

}  // namespace

std::string printable(std::string_view text) {
    const std::string whole = mgmt::to_utf8(text);
    std::string out;
    for (std::string_view rest = whole; !rest.empty();) {
        const std::string_view next = rest.substr(0, mgmt::utf8_length(rest));
        out += steers(code_point(next)) ? std::string_view{"?"} : next;
        rest.remove_prefix(next.size());
    }
    return out;
}

void Table::add(std::vector<std::string> cells) {
    assert(cells.size() == columns_.size());
    rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::column_widths(std::size_t width) const {
    std::vector<std::size_t> widths = widths_of(columns_.size());
    if (width == 0 || widths.empty()) {
        return widths;
    }
    squeeze(widths, width);
    // What does not fit even so is left out from the right; numbers that are cut would be wrong.
    constexpr std::size_t kColumnsMin = 2;
    while (widths.size() > kColumnsMin && total_of(widths) > width) {
        widths.pop_back();
        widths = widths_of(widths.size());
        squeeze(widths, width);
    }
    return widths;
}

std::vector<std::size_t> Table::widths_of(std::size_t columns) const {
    std::vector<std::size_t> widths;
    for (std::size_t column = 0; column < columns; ++column) {
        std::size_t widest = length(columns_[column].heading);
        for (const auto& row : rows_) {
            widest = std::max(widest, length(row[column]));
        }
        widths.push_back(widest);
    }
    return widths;
}

// The widest column of words gives way first.
void Table::squeeze(std::vector<std::size_t>& widths, std::size_t width) const {
    for (std::size_t total = total_of(widths); total > width; --total) {
        std::size_t* widest = nullptr;
        for (std::size_t column = 0; column < widths.size(); ++column) {
            const bool words = columns_[column].align == Align::kLeft;
            if (words && widths[column] > kNarrowest &&
                (widest == nullptr || widths[column] > *widest)) {
                widest = &widths[column];
            }
        }
        if (widest == nullptr) {
            return;
        }
        --*widest;
    }
}

std::size_t Table::width_with(std::size_t column) const {
    const std::vector<std::size_t> widths = column_widths(0);
    return std::accumulate(
        widths.begin(), widths.end(), std::size_t{0}, [column](std::size_t sum, std::size_t width) {
            return sum + std::min(width, column) + (sum == 0 ? 0 : kGap);
        });
}

void Table::append_line(const std::vector<std::string>& cells,
                        const std::vector<std::size_t>& widths,
                        std::string& out) const {
    std::string line;
    for (std::size_t column = 0; column < widths.size(); ++column) {
        if (column != 0) {
            line.append(kGap, ' ');
        }
        line += padded(cells[column], widths[column], columns_[column].align);
    }
    out += without_trailing_blanks(std::move(line));
    out += '\n';
}

std::vector<std::string> Table::headings() const {
    std::vector<std::string> names;
    for (const Column& column : columns_) {
        names.push_back(column.heading);
    }
    return names;
}

std::string Table::text(std::size_t width) const {
    const std::vector<std::size_t> widths = column_widths(width);
    std::string out;
    append_line(headings(), widths, out);
    for (const auto& row : rows_) {
        append_line(row, widths, out);
    }
    if (widths.size() < columns_.size()) {
        out += "not shown for want of width:";
        for (std::size_t column = widths.size(); column < columns_.size(); ++column) {
            out += ' ' + columns_[column].heading;
        }
        out += '\n';
    }
    return out;
}

std::string Table::csv() const {
    std::string out = csv_line(headings());
    for (const auto& row : rows_) {
        out += csv_line(row);
    }
    return out;
}

std::string shown(const Table& table) {
    const std::size_t width = terminal_width();
    std::string text = table.text(width);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes the environment
    if (width != 0 && std::getenv("NO_COLOR") == nullptr) {
        text.insert(text.find('\n'), "\x1b[0m");
        text.insert(0, "\x1b[1m");
    }
    return text;
}

std::size_t terminal_width() {
    winsize size{};
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return 0;
    }
    return size.ws_col;
}

}  // namespace amqmesh::cli
