// Rows of text in aligned columns for people, or CSV for machines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::cli {

enum class Align : bool { kLeft, kRight };

class Table {
  public:
    struct Column {
        std::string heading;
        Align align = Align::kLeft;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// REQUIRES: one cell per column.
    void add(std::vector<std::string> cells);

    /// Lines no longer than `width` characters (0: any length); the widest columns of words give
    /// way first, what does not fit ends in an ellipsis. If that is not enough, columns on the
    /// right are left out, and named in a last line. Characters are UTF-8 code points; cells are
    /// made printable().
    [[nodiscard]] std::string text(std::size_t width) const;
    /// How wide the text would be if no column were wider than `column`.
    [[nodiscard]] std::size_t width_with(std::size_t column) const;
    /// RFC 4180, headings first.
    [[nodiscard]] std::string csv() const;

    [[nodiscard]] std::size_t size() const { return rows_.size(); }

  private:
    /// Of the columns that are shown.
    [[nodiscard]] std::vector<std::size_t> column_widths(std::size_t width) const;
    [[nodiscard]] std::vector<std::size_t> widths_of(std::size_t columns) const;
    void squeeze(std::vector<std::size_t>& widths, std::size_t width) const;
    [[nodiscard]] std::vector<std::string> headings() const;
    void append_line(const std::vector<std::string>& cells,
                     const std::vector<std::size_t>& widths,
                     std::string& out) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// For terminals: text of others must neither steer them nor look like more lines. Control
/// characters (C0, DEL, C1), line and paragraph separators and those that change the direction of
/// writing become '?', what is no UTF-8 U+FFFD.
std::string printable(std::string_view text);

/// Columns of the terminal on standard output, 0 when it is none.
std::size_t terminal_width();

/// The table for standard output: as wide as the terminal, its headings bold there (unless the
/// environment has NO_COLOR); plain and as wide as it is anywhere else.
std::string shown(const Table& table);

}  // namespace amqmesh::cli
