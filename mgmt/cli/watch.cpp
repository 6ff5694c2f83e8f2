#include "mgmt/cli/watch.h"

#include "mgmt/cli/table.h"
#include "mgmt/cli/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace amqmesh::cli {

namespace {

double number(const Rows& rows, std::size_t row, std::string_view column) {
    const Json& cell = rows.at(row, column);
    return cell.is_number() ? cell.get<double>() : 0;
}

std::string rate_text(double rate) {
    return rate > 0 && rate < 10 ? fmt::format("{:.1f}", rate) : fmt::format("{:.0f}", rate);
}

struct AddressLine {
    std::string name;
    double in = 0, out = 0, through = 0;
    double unsettled = 0, here = 0, routers = 0;

    [[nodiscard]] double traffic() const { return in + out + through; }
};

double per_second(double seconds, double now, double before) {
    return seconds > 0 && now >= before ? (now - before) / seconds : 0;
}

class Rates {
  public:
    Rates(const Look& before, const Look& now) : seconds_(now.at_s - before.at_s) {
        for (std::size_t row = 0; row < before.addresses.rows.size(); ++row) {
            rows_.emplace(to_text(before.addresses.at(row, "name")), row);
        }
    }

    [[nodiscard]] double of(double now, double before) const {
        return per_second(seconds_, now, before);
    }

    std::vector<AddressLine> addresses(const Look& before, const Look& now) const {
        std::vector<AddressLine> lines;
        for (std::size_t row = 0; row < now.addresses.rows.size(); ++row) {
            const auto known = rows_.find(to_text(now.addresses.at(row, "name")));
            const auto speed = [&](std::string_view column) {
                return known == rows_.end() ? 0
                                            : of(number(now.addresses, row, column),
                                                 number(before.addresses, known->second, column));
            };
            lines.push_back({.name = address_text(now.addresses.at(row, "name")),
                             .in = speed("deliveriesIngress"),
                             .out = speed("deliveriesEgress"),
                             .through = speed("deliveriesTransit"),
                             .unsettled = number(now.addresses, row, "trackedDeliveries"),
                             .here = number(now.addresses, row, "subscriberCount"),
                             .routers = number(now.addresses, row, "remoteCount")});
        }
        std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
            return a.traffic() != b.traffic() ? a.traffic() > b.traffic()
                                              : a.unsettled > b.unsettled;
        });
        return lines;
    }

  private:
    double seconds_ = 0;
    std::map<std::string, std::size_t> rows_;
};

std::string in_colour(bool colours, const char* code, const std::string& text) {
    return colours ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string headline(const Look& before, const Look& now, const Rates& rates, bool colours) {
    const auto speed = [&](std::string_view column) {
        return rate_text(rates.of(number(now.router, 0, column), number(before.router, 0, column)));
    };
    const auto trouble = [&](std::string_view column, std::string_view what) {
        const double count = number(now.router, 0, column);
        const std::string text = fmt::format("{} {:.0f}", what, count);
        return count > 0 ? in_colour(colours, "1;31", text) : text;
    };
    return fmt::format(
        "{}  up {}  {} connections  {} links  {} MiB\n"
        "in {}/s  out {}/s  through {}/s  {}  {}\n",
        in_colour(colours, "1", printable(to_text(now.router.at(0, "id")))),
        duration_text(now.router.at(0, "uptimeSeconds")),
        to_text(now.router.at(0, "connectionCount")),
        to_text(now.router.at(0, "linkCount")),
        static_cast<std::int64_t>(number(now.router, 0, "memoryUsage")) >> 20U,
        speed("deliveriesIngress"),
        speed("deliveriesEgress"),
        speed("deliveriesTransit"),
        trouble("deliveriesStuck", "stuck"),
        trouble("linksBlocked", "blocked links"));
}

}  // namespace

std::string watch_text(const Look& before, const Look& now, const WatchLayout& layout) {
    const Rates rates(before, now);
    std::string out = headline(before, now, rates, layout.colours);
    Table table({{"ADDRESS"},
                 {"IN/s", Align::kRight},
                 {"OUT/s", Align::kRight},
                 {"THROUGH/s", Align::kRight},
                 {"UNSETTLED", Align::kRight},
                 {"LOCAL", Align::kRight},
                 {"REMOTE", Align::kRight}});
    constexpr std::size_t kOtherLines = 5;  // headline, blank, headings, one for the cursor
    const std::size_t most =
        layout.height == 0 ? SIZE_MAX
                           : std::max<std::size_t>(layout.height, kOtherLines + 1) - kOtherLines;
    for (const AddressLine& line : rates.addresses(before, now)) {
        if (table.size() >= most) {
            break;
        }
        table.add({line.name,
                   rate_text(line.in),
                   rate_text(line.out),
                   rate_text(line.through),
                   fmt::format("{:.0f}", line.unsettled),
                   fmt::format("{:.0f}", line.here),
                   fmt::format("{:.0f}", line.routers)});
    }
    return out + '\n' + table.text(layout.width);
}

namespace {

constexpr auto kMeshColumns = std::to_array<std::string_view>({"NODE",
                                                               "STATE",
                                                               "IN/s",
                                                               "OUT/s",
                                                               "THROUGH/s",
                                                               "STUCK",
                                                               "BLOCKED",
                                                               "CONNECTIONS",
                                                               "LINKS",
                                                               "MIB",
                                                               "UP"});

Table mesh_table() {
    std::vector<Table::Column> columns;
    for (const std::string_view heading : kMeshColumns) {
        const bool words = columns.size() < 2;
        columns.push_back({std::string{heading}, words ? Align::kLeft : Align::kRight});
    }
    return Table{std::move(columns)};
}

std::vector<std::string> mesh_line(const Look* before, const Look& now) {
    const auto speed = [&](std::string_view column) {
        return before == nullptr ? "-"
                                 : rate_text(per_second(now.at_s - before->at_s,
                                                        number(now.router, 0, column),
                                                        number(before->router, 0, column)));
    };
    return {now.node,
            to_text(now.router.at(0, "operState")),
            speed("deliveriesIngress"),
            speed("deliveriesEgress"),
            speed("deliveriesTransit"),
            to_text(now.router.at(0, "deliveriesStuck")),
            to_text(now.router.at(0, "linksBlocked")),
            to_text(now.router.at(0, "connectionCount")),
            to_text(now.router.at(0, "linkCount")),
            std::to_string(static_cast<std::int64_t>(number(now.router, 0, "memoryUsage")) >> 20U),
            duration_text(now.router.at(0, "uptimeSeconds"))};
}

}  // namespace

std::string mesh_watch_text(const std::vector<Look>& before,
                            const std::vector<Look>& now,
                            const WatchLayout& layout) {
    Table table = mesh_table();
    constexpr std::size_t kOtherLines = 3;  // heading, one that is not shown, one for the cursor
    const std::size_t most =
        layout.height == 0 || now.size() + 2 <= layout.height
            ? now.size()
            : std::max<std::size_t>(layout.height, kOtherLines + 1) - kOtherLines;
    for (std::size_t i = 0; i < most; ++i) {
        const Look& look = now[i];
        if (!look.failure.empty()) {
            std::vector<std::string> cells(kMeshColumns.size());
            cells[0] = look.node;
            cells[1] = look.failure;
            table.add(std::move(cells));
            continue;
        }
        const auto known = std::find_if(before.begin(), before.end(), [&look](const Look& one) {
            return one.node == look.node && one.failure.empty();
        });
        table.add(mesh_line(known == before.end() ? nullptr : &*known, look));
    }
    return table.text(layout.width) +
           (most < now.size() ? fmt::format("and {} more\n", now.size() - most) : "");
}

}  // namespace amqmesh::cli
