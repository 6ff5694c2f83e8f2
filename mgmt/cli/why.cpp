#include "mgmt/cli/why.h"

#include "mgmt/cli/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace amqmesh::cli {

namespace {

std::int64_t number(const Rows& rows, std::size_t row, std::string_view column) {
    const Json& cell = rows.at(row, column);
    return cell.is_number_integer() ? cell.get<std::int64_t>() : 0;
}

std::string text(const Rows& rows, std::size_t row, std::string_view column) {
    const Json& cell = rows.at(row, column);
    return cell.is_string() ? cell.get<std::string>() : std::string{};
}

std::string messages(std::int64_t count) {
    return fmt::format("{} message{}", count, count == 1 ? "" : "s");
}

/// "client-7 (connection 12)".
std::string peer_name(const NodeTables& node, std::size_t link) {
    const std::string connection = text(node.links, link, "connectionId");
    for (std::size_t row = 0; row < node.connections.rows.size(); ++row) {
        if (text(node.connections, row, "identity") == connection) {
            const std::string container = text(node.connections, row, "container");
            return fmt::format("{} (connection {})",
                               container.empty() ? text(node.connections, row, "host") : container,
                               connection);
        }
    }
    return "connection " + connection;
}

struct Consumers {
    std::int64_t here = 0, routers = 0, in_process = 0;

    [[nodiscard]] bool none() const { return here + routers + in_process == 0; }
};

Consumers consumers_of(const NodeTables& node, const std::string& key) {
    Consumers found;
    for (std::size_t row = 0; row < node.addresses.rows.size(); ++row) {
        if (text(node.addresses, row, "name") == key) {
            found.here = number(node.addresses, row, "subscriberCount");
            found.routers = number(node.addresses, row, "remoteCount");
            found.in_process = number(node.addresses, row, "inProcess");
        }
    }
    return found;
}

std::string no_credit_for(const NodeTables& node, std::size_t link) {
    const std::int64_t seconds = number(node.links, link, "zeroCreditSeconds");
    return seconds > 0 ? " for " + duration_text(Json(seconds)) : std::string{};
}

class Explainer {
  public:
    explicit Explainer(const NodeTables& node) : node_(node) {}

    void sender(std::size_t link, const Consumers& consumers) {
        const std::string peer = peer_name(node_, link);
        const std::int64_t unsettled = number(node_.links, link, "unsettledCount");
        const std::int64_t capacity = number(node_.links, link, "capacity");
        stuck(link, peer, "of sender");
        if (number(node_.links, link, "creditAvailable") > 0) {
            say(false,
                fmt::format("sender {} may send: credit {}, {} unsettled",
                            peer,
                            number(node_.links, link, "creditAvailable"),
                            unsettled));
        } else if (consumers.none()) {
            say(true,
                fmt::format("sender {} has no credit{}: nobody consumes the address",
                            peer,
                            no_credit_for(node_, link)));
        } else if (unsettled >= capacity && capacity > 0) {
            say(true,
                fmt::format("sender {} has used its window: all {} are unsettled, credit comes "
                            "back with their settlement",
                            peer,
                            messages(unsettled)));
        } else {
            say(true, fmt::format("sender {} has no credit{}", peer, no_credit_for(node_, link)));
        }
    }

    void consumer(std::size_t link) {
        const std::string peer = peer_name(node_, link);
        const std::int64_t waiting = number(node_.links, link, "undeliveredCount");
        const std::int64_t unsettled = number(node_.links, link, "unsettledCount");
        const std::int64_t credit = number(node_.links, link, "creditAvailable");
        stuck(link, peer, "at consumer");
        if (credit == 0 && waiting > 0) {
            say(true,
                fmt::format("consumer {} gives no credit{}: {} waiting for it",
                            peer,
                            no_credit_for(node_, link),
                            messages(waiting)));
        } else if (credit == 0) {
            say(unsettled == 0,
                fmt::format("consumer {} gives no credit{}", peer, no_credit_for(node_, link)));
        } else if (waiting > 0) {
            say(true,
                fmt::format("{} on the way to consumer {}, which has credit {}: its session or "
                            "connection does not take more",
                            messages(waiting),
                            peer,
                            credit));
        } else {
            say(false, fmt::format("consumer {} takes messages: credit {}", peer, credit));
        }
        if (unsettled > 0) {
            say(true,
                fmt::format(
                    "{} sent to consumer {} and not settled by it", messages(unsettled), peer));
        }
    }

    void lane(std::size_t link) {
        const std::string peer = peer_name(node_, link);
        const std::int64_t waiting = number(node_.links, link, "undeliveredCount");
        const std::int64_t unsettled = number(node_.links, link, "unsettledCount");
        if (text(node_.links, link, "linkDir") != "out" || (waiting == 0 && unsettled == 0)) {
            return;
        }
        if (waiting > 0) {
            say(true,
                fmt::format("neighbour {} is blocked{}: {} of all addresses waiting for it",
                            peer,
                            no_credit_for(node_, link),
                            messages(waiting)));
        }
        if (unsettled > 0) {
            say(false,
                fmt::format(
                    "{} of all addresses under way to neighbour {}", messages(unsettled), peer));
        }
    }

    std::vector<Finding> take() { return std::move(findings_); }

    void say(bool waits, std::string what) {
        findings_.push_back({node_.id, waits, std::move(what)});
    }

  private:
    void stuck(std::size_t link, const std::string& peer, std::string_view where) {
        const std::int64_t count = number(node_.links, link, "deliveriesStuck");
        if (count > 0) {
            say(true,
                fmt::format("{} {} {} unsettled for more than 10 s", messages(count), where, peer));
        }
    }

    const NodeTables& node_;
    std::vector<Finding> findings_;
};

bool is_lane(const NodeTables& node, std::size_t link) {
    return text(node.links, link, "linkType") == "inter-router";
}

void append(std::vector<Finding>& to, std::vector<Finding>&& more) {
    std::move(more.begin(), more.end(), std::back_inserter(to));
}

std::vector<Finding> in_the_mesh(const NodeTables& node,
                                 const std::string& key,
                                 const Consumers& consumers) {
    Explainer explain(node);
    if (consumers.routers > 0) {
        explain.say(false,
                    fmt::format("consumers at {}: {}",
                                consumers.routers == 1 ? "another router" : "other routers",
                                fmt::join(consuming_routers(node, key), " ")));
        for (std::size_t link = 0; link < node.links.rows.size(); ++link) {
            if (is_lane(node, link)) {
                explain.lane(link);
            }
        }
    }
    return explain.take();
}

}  // namespace

const std::vector<std::string>& why_address_columns() {
    static const std::vector<std::string> kColumns{
        "name", "subscriberCount", "remoteCount", "inProcess", "remoteHostRouters", "distribution"};
    return kColumns;
}

const std::vector<std::string>& why_link_columns() {
    static const std::vector<std::string> kColumns{"identity",
                                                   "linkType",
                                                   "linkDir",
                                                   "owningAddr",
                                                   "connectionId",
                                                   "capacity",
                                                   "creditAvailable",
                                                   "undeliveredCount",
                                                   "unsettledCount",
                                                   "deliveriesStuck",
                                                   "zeroCreditSeconds"};
    return kColumns;
}

const std::vector<std::string>& why_connection_columns() {
    static const std::vector<std::string> kColumns{"identity", "container", "host"};
    return kColumns;
}

std::string key_of_address(std::string_view address, const std::vector<NodeTables>& nodes) {
    for (const NodeTables& node : nodes) {
        for (std::size_t row = 0; row < node.addresses.rows.size(); ++row) {
            const Json& name = node.addresses.at(row, "name");
            if (address_text(name) == address || to_text(name) == address) {
                return to_text(name);
            }
        }
    }
    return "M0" + std::string(address);
}

std::vector<std::string> consuming_routers(const NodeTables& node, const std::string& key) {
    std::vector<std::string> ids;
    for (std::size_t row = 0; row < node.addresses.rows.size(); ++row) {
        const Json& routers = node.addresses.at(row, "remoteHostRouters");
        if (text(node.addresses, row, "name") == key && routers.is_array()) {
            std::transform(routers.begin(), routers.end(), std::back_inserter(ids), to_text);
        }
    }
    return ids;
}

std::vector<Finding> why_address(const std::string& key, const std::vector<NodeTables>& nodes) {
    std::vector<Finding> senders, between, receivers;
    bool any = false;
    bool consumed = false;
    for (const NodeTables& node : nodes) {
        const Consumers consumers = consumers_of(node, key);
        consumed = consumed || !consumers.none();
        Explainer in(node), out(node);
        for (std::size_t link = 0; link < node.links.rows.size(); ++link) {
            if (text(node.links, link, "owningAddr") != key) {
                continue;
            }
            any = true;
            if (text(node.links, link, "linkDir") == "in") {
                in.sender(link, consumers);
            } else {
                out.consumer(link);
            }
        }
        append(senders, in.take());
        append(between, in_the_mesh(node, key, consumers));
        append(receivers, out.take());
    }
    if (!consumed) {
        Explainer nobody(nodes.front());
        nobody.say(any,
                   fmt::format("no consumer of {} anywhere in the mesh: senders get no credit, "
                               "unsettled messages are released",
                               address_text(Json(key))));
        append(between, nobody.take());
    }
    append(senders, std::move(between));
    append(senders, std::move(receivers));
    return senders;
}

std::vector<Finding> why_link(const std::string& identity, const std::vector<NodeTables>& nodes) {
    const NodeTables& node = nodes.front();
    for (std::size_t link = 0; link < node.links.rows.size(); ++link) {
        if (text(node.links, link, "identity") != identity) {
            continue;
        }
        Explainer explain(node);
        const std::string key = text(node.links, link, "owningAddr");
        if (is_lane(node, link)) {
            explain.lane(link);
        } else if (text(node.links, link, "linkDir") == "in") {
            explain.sender(link, consumers_of(node, key));
        } else {
            explain.consumer(link);
        }
        std::vector<Finding> findings = explain.take();
        if (findings.empty()) {
            findings.push_back({node.id, false, "nothing waits on this link"});
        }
        return findings;
    }
    return {};
}

Json findings_json(const std::vector<Finding>& findings) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        list.push_back({{"node", finding.node}, {"waits", finding.waits}, {"text", finding.text}});
    }
    return list;
}

std::string findings_text(const std::vector<Finding>& findings) {
    std::string out;
    const bool waits =
        std::any_of(findings.begin(), findings.end(), [](const Finding& one) { return one.waits; });
    for (const Finding& finding : findings) {
        out += fmt::format("{} {}{}{}\n",
                           finding.waits ? "*" : "-",
                           printable(finding.node),
                           finding.node.empty() ? "" : ": ",
                           printable(finding.text));
    }
    return out + (waits ? "" : "Nothing waits.\n");
}

}  // namespace amqmesh::cli
