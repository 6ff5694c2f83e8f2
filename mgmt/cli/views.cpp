#include "mgmt/cli/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <iterator>
#include <numeric>
#include <utility>

namespace amqmesh::cli {

namespace {

constexpr Align kRight = Align::kRight;

std::string class_text(const Json& key) {
    static constexpr std::array<std::pair<char, const char*>, 6> kClasses = {{{'M', "mobile"},
                                                                              {'L', "local"},
                                                                              {'T', "topo"},
                                                                              {'R', "router"},
                                                                              {'F', "fallback"},
                                                                              {'H', "edge"}}};
    const std::string text = to_text(key);
    for (const auto& entry : kClasses) {
        if (!text.empty() && text[0] == entry.first) {
            return entry.second;
        }
    }
    return "-";
}

/// Text as people sort it: numbers in it by their value, so that 9.1 comes before 10.0.
bool natural_less(std::string_view a, std::string_view b) {
    const auto digits = [](std::string_view text) {
        const std::size_t end = text.find_first_not_of("0123456789");
        return text.substr(0, end);
    };
    while (!a.empty() && !b.empty()) {
        std::string_view left = digits(a);
        std::string_view right = digits(b);
        if (left.empty() || right.empty()) {
            left = a.substr(0, 1);
            right = b.substr(0, 1);
        } else if (left.size() != right.size()) {
            return left.size() < right.size();
        }
        if (left != right) {
            return left < right;
        }
        a.remove_prefix(left.size());
        b.remove_prefix(right.size());
    }
    return a.size() < b.size();
}

std::string owner_text(const Json& key) {
    return key.is_null() ? "-" : address_text(key);
}

std::string properties_product(const Json& properties) {
    return properties.is_object() ? to_text(properties.value("product", Json())) : "-";
}

constexpr auto kAddresses = std::to_array<ViewColumn>({
    {"ADDRESS", "name", Align::kLeft, address_text},
    {"CLASS", "name", Align::kLeft, class_text},
    {"DISTRIBUTION", "distribution"},
    {"LOCAL", "subscriberCount", kRight},
    {"REMOTE", "remoteCount", kRight},
    {"IN-PROC", "inProcess", kRight},
    {"IN", "deliveriesIngress", kRight},
    {"OUT", "deliveriesEgress", kRight},
    {"THROUGH", "deliveriesTransit", kRight},
    {"PRIO", "priority", kRight, nullptr, true},
});

constexpr auto kConnections = std::to_array<ViewColumn>({
    {"ID", "identity", kRight},
    {"HOST", "host"},
    {"CONTAINER", "container"},
    {"ROLE", "role"},
    {"DIR", "dir"},
    {"UP", "uptimeSeconds", kRight, duration_text},
    {"LAST DELIVERY", "lastDlvSeconds", kRight, duration_text},
    {"SASL", "sasl", Align::kLeft, nullptr, true},
    {"ENCRYPTED", "isEncrypted", Align::kLeft, nullptr, true},
    {"USER", "user", Align::kLeft, nullptr, true},
    {"TENANT", "tenant", Align::kLeft, nullptr, true},
    {"PRODUCT", "properties", Align::kLeft, properties_product, true},
});

constexpr auto kLinks = std::to_array<ViewColumn>({
    {"TYPE", "linkType"},
    {"DIR", "linkDir"},
    {"CONN", "connectionId", kRight},
    {"ID", "identity", kRight},
    {"ADDRESS", "owningAddr", Align::kLeft, owner_text},
    {"CAPACITY", "capacity", kRight},
    {"CREDIT", "creditAvailable", kRight},
    {"WAITING", "undeliveredCount", kRight},
    {"UNSETTLED", "unsettledCount", kRight},
    {"TOTAL", "deliveryCount", kRight},
    {"ACCEPTED", "acceptedCount", kRight},
    {"REJECTED", "rejectedCount", kRight},
    {"RELEASED", "releasedCount", kRight},
    {"MODIFIED", "modifiedCount", kRight},
    {"PRESETTLED", "presettledCount", kRight, nullptr, true},
    {"DROPPED", "droppedPresettledCount", kRight, nullptr, true},
    {"STUCK", "deliveriesStuck", kRight, nullptr, true},
    {"RATE", "settleRate", kRight, nullptr, true},
    {"NO CREDIT FOR", "zeroCreditSeconds", kRight, duration_text, true},
    {"STATE", "operStatus", Align::kLeft, nullptr, true},
    {"NAME", "linkName", Align::kLeft, nullptr, true},
});

}  // namespace

const View& addresses_view() {
    static const View kView{"router.address", kAddresses, "no addresses", "name"};
    return kView;
}

const View& connections_view() {
    static const View kView{"connection", kConnections, "no connections", "identity"};
    return kView;
}

const View& links_view() {
    static const View kView{"router.link", kLinks, "no links", "identity"};
    return kView;
}

std::vector<std::string> attributes_of(const View& view) {
    std::vector<std::string> names;
    for (const ViewColumn& column : view.columns) {
        if (std::find(names.begin(), names.end(), column.attribute) == names.end()) {
            names.emplace_back(column.attribute);
        }
    }
    return names;
}

namespace {

std::vector<Table::Column> view_headings(const View& view, bool verbose) {
    std::vector<Table::Column> headings;
    for (const ViewColumn& column : view.columns) {
        if (verbose || !column.verbose) {
            headings.push_back({std::string(column.heading), column.align});
        }
    }
    return headings;
}

std::vector<std::string> view_cells(const View& view,
                                    const Rows& rows,
                                    std::size_t row,
                                    ViewForm form) {
    std::vector<std::string> cells;
    for (const ViewColumn& column : view.columns) {
        if (!form.verbose && column.verbose) {
            continue;
        }
        const Json& cell = rows.at(row, column.attribute);
        const bool as_it_is = column.format == nullptr || (form.csv && cell.is_number());
        if (form.csv && cell.is_null()) {
            cells.emplace_back();
        } else {
            cells.push_back(as_it_is ? to_text(cell) : column.format(cell));
        }
    }
    return cells;
}

/// A node answers in the order of its workers, which says nothing.
std::vector<std::size_t> sorted_rows(const View& view, const Rows& rows) {
    std::vector<std::string> keys;
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
        const Json& key = rows.at(row, view.sorted_by);
        keys.push_back(view.sorted_by == "name" ? address_text(key) : to_text(key));
    }
    std::vector<std::size_t> order(keys.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&keys](std::size_t a, std::size_t b) {
        return natural_less(keys[a], keys[b]);
    });
    return order;
}

}  // namespace

Table view_table(const View& view, const Rows& rows, ViewForm form) {
    Table table(view_headings(view, form.verbose));
    for (const std::size_t row : sorted_rows(view, rows)) {
        table.add(view_cells(view, rows, row, form));
    }
    return table;
}

Table view_table(const View& view, const std::vector<NodeRows>& nodes, ViewForm form) {
    std::vector<Table::Column> headings = view_headings(view, form.verbose);
    headings.insert(headings.begin(), {"NODE", Align::kLeft});
    Table table(std::move(headings));
    for (const NodeRows& node : nodes) {
        for (const std::size_t row : sorted_rows(view, node.rows)) {
            std::vector<std::string> cells = view_cells(view, node.rows, row, form);
            cells.insert(cells.begin(), node.node);
            table.add(std::move(cells));
        }
    }
    return table;
}

Json rows_json(const Rows& rows) {
    Json list = Json::array();
    for (const auto& row : rows.rows) {
        Json object = Json::object();
        for (std::size_t column = 0; column < rows.columns.size(); ++column) {
            object[rows.columns[column]] = row[column];
        }
        list.push_back(std::move(object));
    }
    return list;
}

void add_column(Rows& rows, const std::string& name, const std::string& value) {
    rows.columns.insert(rows.columns.begin(), name);
    for (auto& row : rows.rows) {
        row.emplace(row.begin(), value);
    }
}

void append_rows(Rows& rows, Rows&& more) {
    if (rows.columns.empty()) {
        rows = std::move(more);
        return;
    }
    std::move(more.rows.begin(), more.rows.end(), std::back_inserter(rows.rows));
}

Table rows_table(const Rows& rows, ViewForm form) {
    std::vector<Table::Column> headings;
    for (std::size_t column = 0; column < rows.columns.size(); ++column) {
        const bool numbers =
            !rows.rows.empty() &&
            std::all_of(rows.rows.begin(), rows.rows.end(), [column](const auto& row) {
                return row[column].is_number() || row[column].is_null();
            });
        headings.push_back({rows.columns[column], numbers ? Align::kRight : Align::kLeft});
    }
    Table table(std::move(headings));
    for (const auto& row : rows.rows) {
        std::vector<std::string> cells;
        for (const Json& cell : row) {
            cells.push_back(form.csv && cell.is_null() ? std::string{} : to_text(cell));
        }
        table.add(std::move(cells));
    }
    return table;
}

std::string records_text(const Rows& rows) {
    std::string out;
    for (std::size_t row = 0; row < rows.rows.size(); ++row) {
        out += row == 0 ? "" : "\n";
        for (std::size_t column = 0; column < rows.columns.size(); ++column) {
            const Json& cell = rows.rows[row][column];
            if (!cell.is_null()) {
                out += fmt::format(
                    "{:<28} {}\n", printable(rows.columns[column]), printable(to_text(cell)));
            }
        }
    }
    return out;
}

std::string shown(const Rows& rows) {
    constexpr std::size_t kReadable = 12;  // a column narrower than that tells too little
    const Table table = rows_table(rows);
    const std::size_t width = terminal_width();
    const bool fits = width == 0 || table.width_with(kReadable) <= width;
    return fits ? shown(table) : records_text(rows);
}

std::string stats_text(const Rows& router) {
    std::string out;
    for (std::size_t column = 0; column < router.columns.size(); ++column) {
        const std::string& name = router.columns[column];
        const Json& value = router.at(0, name);
        if (value.is_null() || name == "type" || name == "identity") {
            continue;
        }
        const std::string text = name == "uptimeSeconds" ? duration_text(value) : to_text(value);
        out += fmt::format("{:<36} {}\n", printable(name), printable(text));
    }
    return out;
}

std::string address_text(const Json& key) {
    const std::string text = to_text(key);
    if (text.size() < 2) {
        return text;
    }
    switch (text[0]) {
        case 'M':  // a phase digit, then the address
            return text.substr(2);
        case 'L':
            return "_local/" + text.substr(1);
        case 'T':
            return "_topo/0/all/" + text.substr(1);
        case 'R':
            return "_topo/0/" + text.substr(1);
        default:
            return text;
    }
}

std::string duration_text(const Json& seconds) {
    if (!seconds.is_number_integer()) {
        return to_text(seconds);
    }
    const auto total = seconds.get<std::int64_t>();
    if (total < 60) {
        return fmt::format("{}s", total);
    }
    if (total < 3600) {
        return fmt::format("{}m {}s", total / 60, total % 60);
    }
    if (total < 86'400) {
        return fmt::format("{}h {}m", total / 3600, total % 3600 / 60);
    }
    return fmt::format("{}d {}h", total / 86'400, total % 86'400 / 3600);
}

std::string time_text(double seconds) {
    const double whole = std::floor(seconds);
    const auto time = static_cast<std::time_t>(whole);
    std::tm parts{};
    std::array<char, 32> text{};
    if (localtime_r(&time, &parts) == nullptr ||
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        return fmt::format("{:.3f}", seconds);
    }
    return fmt::format("{}.{:03}", text.data(), static_cast<int>((seconds - whole) * 1000));
}

}  // namespace amqmesh::cli
