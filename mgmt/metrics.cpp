// Names follow Prometheus' conventions: base units, _total for what only grows. A series that goes
// away and comes back (a neighbour's connection) starts at 0 again, which Prometheus allows for.
#include "mgmt/metrics.h"

#include "mgmt/utf8.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

namespace amqmesh::mgmt {

namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;
using Families = std::vector<prometheus::MetricFamily>;

// Labels have to be UTF-8, and different texts have to stay different: a series that there is twice
// makes Prometheus refuse the whole answer. Bytes that are no UTF-8 become \xHH, and so does a
// backslash that would look like the begin of one.
std::string label_value(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0 || text.starts_with("\\x")) {
            constexpr std::string_view kDigits = "0123456789abcdef";
            const auto byte = static_cast<unsigned char>(text[0]);
            out += "\\x";
            out += kDigits[byte >> 4U];
            out += kDigits[byte & 0xfU];
            text.remove_prefix(1);
        } else {
            out += text.substr(0, length);
            text.remove_prefix(length);
        }
    }
    return out;
}

prometheus::MetricFamily family(std::string name, std::string help, prometheus::MetricType type) {
    prometheus::MetricFamily out;
    out.name = std::move(name);
    out.help = std::move(help);
    out.type = type;
    return out;
}

prometheus::MetricFamily gauge(std::string name, std::string help) {
    return family(std::move(name), std::move(help), prometheus::MetricType::Gauge);
}

prometheus::MetricFamily counter(std::string name, std::string help) {
    return family(std::move(name), std::move(help), prometheus::MetricType::Counter);
}

void add(prometheus::MetricFamily& to, Labels labels, double value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (to.type == prometheus::MetricType::Counter) {
        metric.counter.value = value;
    } else {
        metric.gauge.value = value;
    }
    to.metric.push_back(std::move(metric));
}

void take(Families& out, prometheus::MetricFamily&& one) {
    if (!one.metric.empty()) {
        out.push_back(std::move(one));
    }
}

// One series per attribute; null ("not counted") makes none.
struct Column {
    const char* attribute;
    const char* label;
};

void add_columns(prometheus::MetricFamily& to,
                 const Row& row,
                 const Labels& labels,
                 const char* label_name,
                 std::initializer_list<Column> columns) {
    for (const Column& column : columns) {
        const Value& value = row.at(column.attribute);
        if (!value.is_null()) {
            Labels all = labels;
            all.push_back({label_name, column.label});
            add(to, std::move(all), value.number());
        }
    }
}

// Counts of a `settleAges` attribute: bucket i ends at 64 us * ratio^i, the last one has no end.
void add_ages(prometheus::MetricFamily& to, Labels labels, const Row& row, double ratio) {
    const List* counts = row.at("settleAges").as<List>();
    if (counts == nullptr || counts->empty()) {
        return;
    }
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    double bound = 64e-6;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i + 1 < counts->size(); ++i, bound *= ratio) {
        sum += (*counts)[i].unsigned_integer();
        metric.histogram.bucket.push_back({sum, bound});
    }
    metric.histogram.sample_count = sum + counts->back().unsigned_integer();
    metric.histogram.sample_sum = row.at("settleAgesSum").number() / 1e6;
    to.metric.push_back(std::move(metric));
}

prometheus::MetricFamily histogram(std::string name, std::string help) {
    return family(std::move(name), std::move(help), prometheus::MetricType::Histogram);
}

void add_one(Families& out, prometheus::MetricFamily&& to, const Value& value) {
    if (!value.is_null()) {
        add(to, {}, value.number());
        take(out, std::move(to));
    }
}

void describe_router(Families& out, const Row& router) {
    auto info = gauge("amqmesh_info", "The node: always 1.");
    add(info,
        {{"id", label_value(router.text("id"))},
         {"mode", label_value(router.text("mode"))},
         {"version", label_value(router.text("version"))}},
        1);
    take(out, std::move(info));
    add_one(out,
            gauge("amqmesh_uptime_seconds", "Time since the process started."),
            router.at("uptimeSeconds"));
    add_one(out,
            gauge("process_resident_memory_bytes", "Resident memory of the process."),
            router.at("memoryUsage"));
    add_one(out, gauge("amqmesh_addresses", "Addresses known."), router.at("addrCount"));
    add_one(out,
            gauge("amqmesh_reachable_routers", "Other routers reachable."),
            router.at("nodeCount"));
}

void describe_deliveries(Families& out, const Row& router) {
    auto deliveries = counter("amqmesh_deliveries_total",
                              "Deliveries by their way through this node: ingress from a client, "
                              "egress to a client, transit between routers.");
    add_columns(deliveries,
                router,
                {},
                "direction",
                {{"deliveriesIngress", "ingress"},
                 {"deliveriesEgress", "egress"},
                 {"deliveriesTransit", "transit"}});
    take(out, std::move(deliveries));
    auto settled = counter("amqmesh_settled_deliveries_total", "Unsettled deliveries by outcome.");
    add_columns(settled,
                router,
                {},
                "outcome",
                {{"acceptedDeliveries", "accepted"},
                 {"rejectedDeliveries", "rejected"},
                 {"releasedDeliveries", "released"},
                 {"modifiedDeliveries", "modified"}});
    take(out, std::move(settled));
    add_one(out,
            counter("amqmesh_presettled_deliveries_total", "Deliveries that came in settled."),
            router.at("presettledDeliveries"));
    add_one(out,
            counter("amqmesh_dropped_presettled_deliveries_total",
                    "Settled deliveries that nobody could receive."),
            router.at("droppedPresettledDeliveries"));
    add_one(out,
            counter("amqmesh_expired_deliveries_total", "Deliveries whose time to live ran out."),
            router.at("expiredDeliveries"));
    add_one(out,
            counter("amqmesh_stalled_deliveries_total",
                    "Copies of multicast messages that a consumer missed: it took nothing."),
            router.at("stalledDeliveries"));
    add_one(out,
            counter("amqmesh_hop_limit_deliveries_total",
                    "Times that a delivery had crossed as many routers as it may."),
            router.at("hopLimitDeliveries"));
    add_one(out,
            counter("amqmesh_redelivered_deliveries_total",
                    "Deliveries that a consumer released and another one was offered."),
            router.at("redeliveredDeliveries"));
    auto delayed = counter("amqmesh_delayed_deliveries_total",
                           "Deliveries settled late: more than 1 s or more than 10 s after they "
                           "came in.");
    add_columns(delayed,
                router,
                {},
                "longer_than",
                {{"deliveriesDelayed1Sec", "1s"}, {"deliveriesDelayed10Sec", "10s"}});
    take(out, std::move(delayed));
    add_one(out,
            gauge("amqmesh_stuck_deliveries", "Deliveries unsettled for more than 10 s now."),
            router.at("deliveriesStuck"));
    add_one(out,
            gauge("amqmesh_blocked_links", "Links without credit for more than 10 s."),
            router.at("linksBlocked"));
    auto ages = histogram("amqmesh_settle_seconds",
                          "Time until deliveries that entered the mesh here were settled.");
    add_ages(ages, {}, router, 2);
    take(out, std::move(ages));
}

void describe_connections(Families& out, const std::vector<Row>& connections, std::size_t most) {
    std::map<std::pair<std::string, std::string>, double> by_role;
    std::map<std::string, double> links;
    auto received = counter("amqmesh_neighbour_received_bytes_total",
                            "Bytes from a neighbour over its present connection.");
    auto sent = counter("amqmesh_neighbour_sent_bytes_total",
                        "Bytes to a neighbour over its present connection.");
    for (const Row& row : connections) {
        const std::string role = label_value(row.text("role"));
        by_role[{role, label_value(row.text("dir"))}] += 1;
        links[role] += row.at("links").number();
        if (role != "inter-router" || received.metric.size() >= most) {
            continue;
        }
        const Labels labels{{"router", label_value(row.text("container"))},
                            {"connection", label_value(row.text("identity"))}};
        add(received, labels, row.at("bytesIn").number());
        add(sent, labels, row.at("bytesOut").number());
    }
    auto open = gauge("amqmesh_connections", "Connections open, by role and who opened them.");
    for (const auto& entry : by_role) {
        add(open, {{"role", entry.first.first}, {"direction", entry.first.second}}, entry.second);
    }
    auto attached = gauge("amqmesh_links", "Links attached, by the role of their connection.");
    for (const auto& entry : links) {
        add(attached, {{"role", entry.first}}, entry.second);
    }
    take(out, std::move(open));
    take(out, std::move(attached));
    take(out, std::move(received));
    take(out, std::move(sent));
}

double traffic(const Row& address) {
    return address.at("deliveriesIngress").number() + address.at("deliveriesEgress").number() +
           address.at("deliveriesTransit").number();
}

// Mobile addresses only: the others are the mesh's own and temporary ones.
std::vector<const Row*> busiest(const std::vector<Row>& addresses, std::size_t most) {
    std::vector<const Row*> rows;
    for (const Row& row : addresses) {
        if (row.text("key").starts_with('M')) {
            rows.push_back(&row);
        }
    }
    std::ranges::sort(rows, [](const Row* a, const Row* b) {
        const double left = traffic(*a);
        const double right = traffic(*b);
        return left != right ? left > right : a->text("key") < b->text("key");
    });
    rows.resize(std::min(rows.size(), most));
    return rows;
}

void describe_addresses(Families& out,
                        const std::vector<Row>& addresses,
                        const MetricsOptions& options) {
    auto ages = histogram("amqmesh_address_settle_seconds",
                          "Time until deliveries to an address that entered the mesh here were "
                          "settled; the busiest addresses only.");
    auto deliveries = counter("amqmesh_address_deliveries_total",
                              "Deliveries to an address by their way through this node.");
    auto consumers = gauge("amqmesh_address_consumers",
                           "Consumers of an address here (local), and routers that have some "
                           "(remote).");
    auto unsettled =
        gauge("amqmesh_address_unsettled_deliveries", "Deliveries to an address not yet settled.");
    const std::vector<const Row*> shown = busiest(addresses, options.addresses_max);
    for (const Row* row : shown) {
        // The key is the class letter, a phase digit and the text.
        const std::string_view key = row->text("key");
        const Labels labels{
            {"address", label_value(key.substr(std::min<std::size_t>(2, key.size())))}};
        add_columns(deliveries,
                    *row,
                    labels,
                    "direction",
                    {{"deliveriesIngress", "ingress"},
                     {"deliveriesEgress", "egress"},
                     {"deliveriesTransit", "transit"}});
        add_columns(consumers,
                    *row,
                    labels,
                    "place",
                    {{"subscriberCount", "local"}, {"remoteCount", "remote"}});
        if (row->has("trackedDeliveries")) {
            add(unsettled, labels, row->at("trackedDeliveries").number());
        }
        if (ages.metric.size() < options.histograms_max && row->at("settleAgesSum").number() > 0) {
            add_ages(ages, labels, *row, 4);
        }
    }
    take(out, std::move(deliveries));
    take(out, std::move(consumers));
    take(out, std::move(unsettled));
    take(out, std::move(ages));
    auto hidden = gauge("amqmesh_addresses_without_series",
                        "Addresses that have no series of their own here.");
    add(hidden, {}, static_cast<double>(addresses.size() - shown.size()));
    take(out, std::move(hidden));
}

void describe_routes(Families& out, const std::vector<Row>& nodes, std::size_t most) {
    auto cost = gauge("amqmesh_route_cost", "Cost of the way to a router.");
    for (const Row& row : nodes) {
        const bool itself = row.text("nextHop") == "(self)";
        if (!itself && row.has("cost") && cost.metric.size() < most) {
            add(cost, {{"router", label_value(row.text("id"))}}, row.at("cost").number());
        }
    }
    take(out, std::move(cost));
}

// A scrape under way: one query after the other.
struct Scrape {
    Source& source;
    MetricsOptions options;
    std::function<void(std::string&&)> done;
    MetricsRows rows{};
};

void ask(const std::shared_ptr<Scrape>& scrape, std::size_t step) {  // NOLINT(misc-no-recursion)

    struct Step {
        const char* type;
        std::vector<Row> MetricsRows::*rows;
    };

    static constexpr std::array<Step, 4> kSteps{{{"router", &MetricsRows::router},
                                                 {"connection", &MetricsRows::connections},
                                                 {"router.address", &MetricsRows::addresses},
                                                 {"router.node", &MetricsRows::nodes}}};
    if (step == kSteps.size()) {
        offload(
            scrape->source.background(),
            [scrape] {
                const MetricsRows rows =
                    std::move(scrape->rows);  // freed before the answer is read
                return metrics_text(rows, scrape->options);
            },
            [scrape](std::string&& text) { scrape->done(std::move(text)); });
        return;
    }
    scrape->source.query(type_of(kSteps[step].type), [scrape, step](std::vector<Row>&& rows) {
        scrape->rows.*kSteps[step].rows = std::move(rows);
        ask(scrape, step + 1);
    });
}

}  // namespace

std::string metrics_text(const MetricsRows& rows, const MetricsOptions& options) {
    Families families;
    for (const Row& router : rows.router) {
        describe_router(families, router);
        describe_deliveries(families, router);
    }
    describe_connections(families, rows.connections, options.neighbours_max);
    describe_addresses(families, rows.addresses, options);
    describe_routes(families, rows.nodes, options.routers_max);
    return prometheus::TextSerializer{}.Serialize(families);
}

void gather_metrics(Source& source,
                    const MetricsOptions& options,
                    std::function<void(std::string&&)> done) {
    ask(std::make_shared<Scrape>(Scrape{source, options, std::move(done)}), 0);
}

}  // namespace amqmesh::mgmt
