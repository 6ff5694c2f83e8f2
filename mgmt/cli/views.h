// Management tables as people want to see them: chosen columns, short headings, filtered rows.
#pragma once

#include "mgmt/cli/management_client.h"
#include "mgmt/cli/table.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::cli {

/// One column of a view: the attribute(s) it is made from and how.
struct ViewColumn {
    std::string_view heading;
    std::string_view attribute;
    Align align = Align::kLeft;
    /// Text of the cell; null: to_text.
    std::string (*format)(const Json& cell) = nullptr;
    bool verbose = false;  ///< only with --verbose
};

struct View {
    std::string_view type;
    std::span<const ViewColumn> columns;
    std::string_view empty;      ///< what to say when there are no rows
    std::string_view sorted_by;  ///< attribute
};

const View& addresses_view();
const View& connections_view();
const View& links_view();

/// Attributes that `view` needs, for the QUERY.
std::vector<std::string> attributes_of(const View& view);

/// For whom a table is.
struct ViewForm {
    bool verbose = false;  ///< all columns
    bool csv = false;      ///< for programs: durations in seconds, nothing where there is no value
};

Table view_table(const View& view, const Rows& rows, ViewForm form);

/// One table of several nodes, the node's id first.
struct NodeRows {
    std::string node;
    Rows rows;
};

Table view_table(const View& view, const std::vector<NodeRows>& nodes, ViewForm form);

/// Rows as a list of objects, attribute names as in management.
Json rows_json(const Rows& rows);
/// Puts a column in front that is the same in every row.
void add_column(Rows& rows, const std::string& name, const std::string& value);
/// REQUIRES: the same columns, if there are any yet.
void append_rows(Rows& rows, Rows&& more);
/// Rows with every column they have.
Table rows_table(const Rows& rows, ViewForm form = {});
/// Rows one below the other, an attribute a line; what is null is left out.
std::string records_text(const Rows& rows);
/// For standard output: a table, or records where its columns do not fit the terminal.
std::string shown(const Rows& rows);

/// Counters of one node in groups, from its router row.
std::string stats_text(const Rows& router);

/// "M0queue" -> "queue", "Lx" -> "_local/x" …: how a client writes the address of a key.
std::string address_text(const Json& key);

/// 3725 -> "1h 2m", 59 -> "59s".
std::string duration_text(const Json& seconds);

/// Seconds since the epoch -> "2026-11-22 10:51:37.548", local time.
std::string time_text(double seconds);

}  // namespace amqmesh::cli
