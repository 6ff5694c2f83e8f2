#include "router/management_source.h"

#include "router/log.h"
#include "router/log_settings.h"
#include "router/routing_rows.h"
#include "router/secret.h"

#include <algorithm>
#include <utility>

namespace amqmesh::router {

namespace {

mgmt::Result failed(mgmt::Code code, std::string text) {
    return {code, std::move(text), std::nullopt};
}

// Configured entities are known by their name: all have one, given or made of what they are. A
// place in the list would be another entity's as soon as one before it goes.
void identify(mgmt::Row& row) {
    row.set("identity", std::string{row.type().config_name} + '/' + std::string{row.text("name")});
}

std::vector<mgmt::Row> identified(std::vector<mgmt::Row> rows) {
    for (mgmt::Row& row : rows) {
        identify(row);
    }
    return rows;
}

// Who may ask management may not read this machine's files and environment by it: what they hold
// would go to whatever host the entity names.
bool names_secret(const mgmt::Row& given, std::string& why) {
    const std::string_view attribute =
        given.type().name == "listener" ? "httpPassword" : "saslPassword";
    if (!given.has(attribute) || !is_indirect(given.text(attribute))) {
        return false;
    }
    why = std::string{attribute} + ": env: and file: are for the configuration file only";
    return true;
}

void merge(const mgmt::Row& changes, mgmt::Row& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (!changes[i].is_null()) {
            row[i] = changes[i];
        }
    }
}

// One line for each change that was made.
mgmt::ResultDone logged(const char* code, const mgmt::Row& row, mgmt::ResultDone done) {
    return [code,
            type = row.type().name,
            name = std::string{row.text("name")},
            done = std::move(done)](mgmt::Result&& result) {
        if (result.code < mgmt::Code::kBadRequest) {
            const std::string made{result.row ? result.row->text("name") : ""};
            log::emit(log::Module::kAgent,
                      log::Level::kNotice,
                      code,
                      "type={} name={}",
                      type,
                      log::value(name.empty() ? made : name));
        }
        done(std::move(result));
    };
}

RowPagesPtr pages_of(std::size_t count,
                     std::function<std::vector<mgmt::Row>(const mgmt::Page&)> rows) {
    return std::make_shared<const RowPages>(RowPages{count, std::move(rows)});
}

}  // namespace

void ManagementSource::query(const mgmt::EntityType& type, mgmt::RowsDone done) {
    const RowTimes times{now_, parts_.started, parts_.wall_clock_ms};
    const Configuration& configuration = *parts_.configuration;
    const auto table = *parts_.table;
    if (take_pages(type,
                   [this, done](RowPagesPtr pages) { answer_page(std::move(pages), {}, done); })) {
        return;
    }
    if (type.name == "router") {
        query_router(std::move(done));
    } else if (type.name == "policy") {
        parts_.snapshots->take({.connections = true},
                               [this, done = std::move(done)](const Snapshots::Parts& parts) {
                                   done({policy_row(parts, parts_.endpoints->connections_ever())});
                               });
    } else if (type.name == "router.node") {
        done(*parts_.node ? node_rows((*parts_.node)->view(now_), *table, times)
                          : std::vector<mgmt::Row>{});
    } else if (type.name == "router.adjacency" && *parts_.node) {
        parts_.snapshots->take(
            {.connections = true},
            [this, times, done = std::move(done)](const Snapshots::Parts& parts) {
                done(adjacency_rows(**parts_.node, parts, times));
            });
    } else if (type.name == "router.routing" && *parts_.node) {
        done({routing_row((*parts_.node)->summary(), (*parts_.node)->spf_times(), times)});
    } else if (type.name == "listener") {
        done(identified(parts_.endpoints->listener_rows()));
    } else if (type.name == "connector") {
        done(identified(parts_.endpoints->connector_rows()));
    } else if (type.name == "router.config.address") {
        done(identified(configuration.address_rows));
    } else if (type.name == "log") {
        done(log_rows(configuration));
    } else if (type.name == "logStats") {
        done(log_stats_rows());
    } else {
        done({});
    }
}

void ManagementSource::query_router(mgmt::RowsDone done) {
    const std::size_t others = std::max<std::size_t>(mesh_routers().size(), 1) - 1;
    parts_.snapshots->take({.connections = true, .deliveries = true},
                           [this, others, table = *parts_.table, done = std::move(done)](
                               const Snapshots::Parts& parts) {
                               const RowTimes times{now_, parts_.started, parts_.wall_clock_ms};
                               mgmt::Row row =
                                   router_row(parts, *table, *parts_.configuration, others, times);
                               const std::string_view state = parts_.on_load(parts);
                               row.set("adminState", state == "running" ? "running" : "draining");
                               row.set("operState", std::string{state});
                               done({std::move(row)});
                           });
}

// There can be very many rows: workers are asked once per query, not once per page.
void ManagementSource::query_page(const mgmt::EntityType& type,
                                  mgmt::Page page,
                                  mgmt::RowsDone done) {
    const auto answer = [this, &type, page, done](RowPagesPtr pages, bool fresh) {
        // A page that is not full is the last one; after a full one, clients ask again.
        const bool last = page.offset > pages->count || page.count > pages->count - page.offset;
        if (last) {
            pages_.drop(type.name, page.asker);
        } else if (fresh) {
            pages_.keep(type.name, page.asker, pages, now_);
        }
        answer_page(std::move(pages), page, done);
    };
    RowPagesPtr known = page.offset > 0 ? pages_.find(type.name, page.asker, now_) : RowPagesPtr{};
    if (known) {
        answer(std::move(known), false);
    } else if (!take_pages(type, [answer](RowPagesPtr pages) { answer(std::move(pages), true); })) {
        mgmt::Source::query_page(type, page, std::move(done));
    }
}

// To make many rows takes long, and so does freeing what they were made of.
void ManagementSource::answer_page(RowPagesPtr pages, const mgmt::Page& page, mgmt::RowsDone done) {
    offload(
        background(),
        [pages = std::move(pages), page]() mutable {
            const RowPagesPtr perhaps_last_holder = std::move(pages);
            return perhaps_last_holder->rows(page);
        },
        [done = std::move(done)](std::vector<mgmt::Row>&& rows) { done(std::move(rows)); });
}

void ManagementSource::forget_old_pages() {
    std::vector<RowPagesPtr> old = pages_.take_old(now_);
    if (!old.empty()) {
        background().run([old = std::move(old)]() mutable { old.clear(); }, [] {});
    }
}

bool ManagementSource::take_pages(const mgmt::EntityType& type, PagesDone done) {
    if (type.name == "router.link") {
        take_links(std::move(done));
    } else if (type.name == "connection") {
        take_connections(std::move(done));
    } else if (type.name == "router.address") {
        take_addresses(std::move(done));
    } else {
        return false;
    }
    return true;
}

void ManagementSource::take_links(PagesDone done) {
    parts_.snapshots->take(
        {.links = true}, [this, done = std::move(done)](Snapshots::Parts& parts) {
            std::size_t count = 0;
            for (const auto& part : parts) {
                count += part->links.size();
            }
            done(pages_of(count,
                          [taken = std::make_shared<const Snapshots::Parts>(std::move(parts)),
                           routers = router_numbers()](const mgmt::Page& page) {
                              return link_rows(*taken, routers, page);
                          }));
        });
}

void ManagementSource::take_connections(PagesDone done) {
    parts_.snapshots->take(
        {.connections = true}, [this, done = std::move(done)](Snapshots::Parts& parts) {
            std::size_t count = 0;
            for (const auto& part : parts) {
                count += part->connections.size();
            }
            const RowTimes times{now_, parts_.started, parts_.wall_clock_ms};
            done(pages_of(
                count,
                [taken = std::make_shared<const Snapshots::Parts>(std::move(parts)),
                 times](const mgmt::Page& page) { return connection_rows(*taken, times, page); }));
        });
}

void ManagementSource::take_addresses(PagesDone done) {
    parts_.snapshots->take(
        {.addresses = true}, [this, done = std::move(done)](Snapshots::Parts& parts) {
            offload(
                background(),
                [shared = std::make_shared<Snapshots::Parts>(std::move(parts)),
                 routers = router_numbers(),
                 table = *parts_.table] {
                    const Snapshots::Parts taken = std::move(*shared);
                    auto addresses = std::make_shared<const AddressesTaken>(taken, routers, table);
                    return pages_of(addresses->count(), [addresses](const mgmt::Page& page) {
                        return addresses->rows(page);
                    });
                },
                [done](RowPagesPtr&& pages) { done(std::move(pages)); });
        });
}

void ManagementSource::create(const mgmt::EntityType& type, mgmt::Row row, mgmt::ResultDone done) {
    done = logged("ENTITY_CREATED", row, std::move(done));
    if (type.name == "router.config.address") {
        done(create_address(std::move(row)));
        return;
    }
    if (type.name != "listener" && type.name != "connector") {
        done(failed(mgmt::Code::kNotImplemented,
                    std::string{type.name} + " cannot be made at run time"));
        return;
    }
    std::string why;
    if (names_secret(row, why) || !parts_.endpoints->create(row, why)) {
        done(failed(mgmt::Code::kBadRequest, std::move(why)));
        return;
    }
    // Its name may have been made of its place, its port be the system's choice.
    std::vector<mgmt::Row> rows = type.name == "listener" ? parts_.endpoints->listener_rows()
                                                          : parts_.endpoints->connector_rows();
    identify(rows.back());
    done({mgmt::Code::kCreated, "", std::move(rows.back())});
}

void ManagementSource::update(const mgmt::EntityType& type,
                              mgmt::Row current,
                              mgmt::Row changes,
                              mgmt::ResultDone done) {
    done = logged("ENTITY_UPDATED", current, std::move(done));
    if (type.name == "log") {
        done(update_log(*parts_.configuration, current, changes));
        return;
    }
    if (type.name == "connection") {
        update_connection(std::move(current), changes, std::move(done));
        return;
    }
    if (type.name == "router") {
        update_router(std::move(current), changes, done);
        return;
    }
    if (type.name == "router.config.address") {
        done(update_address(current, changes));
        return;
    }
    if (type.name == "listener" || type.name == "connector") {
        done(update_endpoint(std::move(current), changes));
        return;
    }
    done(failed(mgmt::Code::kNotImplemented, std::string{type.name} + " cannot be changed"));
}

void ManagementSource::update_router(mgmt::Row current,
                                     const mgmt::Row& changes,
                                     const mgmt::ResultDone& done) {
    if (changes.has("adminState")) {
        if (!*parts_.node) {
            done(failed(mgmt::Code::kBadRequest, "a standalone router has nothing to drain"));
            return;
        }
        const bool on = changes.text("adminState") == "draining";
        parts_.drain(on);
        current.set("adminState", on ? "draining" : "running")
            .set("operState", on ? "draining" : "running");
    }
    done({mgmt::Code::kOk, "", std::move(current)});
}

void ManagementSource::remove(const mgmt::EntityType& type,
                              mgmt::Row current,
                              mgmt::ResultDone done) {
    done = logged("ENTITY_DELETED", current, std::move(done));
    if (type.name == "router.config.address") {
        done(remove_address(current));
        return;
    }
    if (type.name == "connection") {
        close_connection(std::move(current), mgmt::Code::kNoContent, std::move(done));
        return;
    }
    std::string why = std::string{type.name} + " cannot be deleted";
    const bool endpoint = type.name == "listener" || type.name == "connector";
    if (!endpoint || !parts_.endpoints->remove(current, why)) {
        done(
            failed(endpoint ? mgmt::Code::kNotFound : mgmt::Code::kNotImplemented, std::move(why)));
        return;
    }
    done({mgmt::Code::kNoContent, "", std::nullopt});
}

mgmt::Result ManagementSource::create_address(mgmt::Row&& row) {
    Configuration& configuration = *parts_.configuration;
    routing::AddressRule rule = to_address_rule(row);
    const bool taken =
        std::any_of(configuration.addresses.begin(),
                    configuration.addresses.end(),
                    [range = same_range(rule.pattern)](const routing::AddressRule& known) {
                        return same_range(known.pattern) == range;
                    });
    if (taken) {
        return failed(mgmt::Code::kBadRequest, "there is an address for " + rule.pattern);
    }
    if (!row.has("name")) {
        row.set("name", free_name(rule.pattern, names_of(configuration.address_rows)));
    }
    configuration.addresses.push_back(std::move(rule));
    configuration.address_rows.push_back(row);
    parts_.addresses_changed();
    identify(row);
    return {mgmt::Code::kCreated, "", std::move(row)};
}

// Where the rule of that row is: no two are for one pattern, and a pattern never changes.
std::optional<std::ptrdiff_t> ManagementSource::place_of_address(const mgmt::Row& row) const {
    const std::vector<routing::AddressRule>& rules = parts_.configuration->addresses;
    const auto found =
        std::ranges::find(rules, to_address_rule(row).pattern, &routing::AddressRule::pattern);
    return found == rules.end() ? std::nullopt : std::optional{found - rules.begin()};
}

mgmt::Result ManagementSource::remove_address(const mgmt::Row& row) {
    Configuration& configuration = *parts_.configuration;
    const auto place = place_of_address(row);
    if (!place) {
        return failed(mgmt::Code::kNotFound, "it is gone already");
    }
    configuration.addresses.erase(configuration.addresses.begin() + *place);
    configuration.address_rows.erase(configuration.address_rows.begin() + *place);
    parts_.addresses_changed();
    return {mgmt::Code::kNoContent, "", std::nullopt};
}

mgmt::Result ManagementSource::update_address(const mgmt::Row& current, const mgmt::Row& changes) {
    Configuration& configuration = *parts_.configuration;
    const auto place = place_of_address(current);
    if (!place) {
        return failed(mgmt::Code::kNotFound, "it is gone already");
    }
    mgmt::Row& row = *(configuration.address_rows.begin() + *place);
    merge(changes, row);
    *(configuration.addresses.begin() + *place) = to_address_rule(row);
    parts_.addresses_changed();
    mgmt::Row answered = row;
    identify(answered);
    return {mgmt::Code::kOk, "", std::move(answered)};
}

mgmt::Result ManagementSource::update_endpoint(mgmt::Row current, const mgmt::Row& changes) {
    std::string note;
    if (names_secret(changes, note)) {
        return failed(mgmt::Code::kBadRequest, std::move(note));
    }
    merge(changes, current);
    if (!parts_.endpoints->change(current, note)) {
        return failed(mgmt::Code::kBadRequest, std::move(note));
    }
    return {mgmt::Code::kOk, std::move(note), std::move(current)};
}

// Setting adminStatus to what it is changes nothing.
void ManagementSource::update_connection(mgmt::Row current,
                                         const mgmt::Row& changes,
                                         mgmt::ResultDone done) {
    if (changes.text("adminStatus") == "deleted") {
        close_connection(std::move(current), mgmt::Code::kOk, std::move(done));
        return;
    }
    if (!changes.has("enableProtocolTrace")) {
        done({mgmt::Code::kOk, "", std::move(current)});
        return;
    }
    const bool on = changes.boolean("enableProtocolTrace");
    with_connection(std::move(current),
                    mgmt::Code::kOk,
                    std::move(done),
                    [this, on](link::ConnectionId id, mgmt::Row& row) {
                        parts_.trace_connection(id, on);
                        row.set("enableProtocolTrace", on);
                    });
}

void ManagementSource::close_connection(mgmt::Row current,
                                        mgmt::Code success,
                                        mgmt::ResultDone done) {
    if (current.text("role") == link::to_string(link::ConnectionRole::kInterRouter)) {
        done(failed(mgmt::Code::kForbidden,
                    "it belongs to the mesh: delete its connector or listener instead"));
        return;
    }
    with_connection(std::move(current),
                    success,
                    std::move(done),
                    [this](link::ConnectionId id, mgmt::Row& row) {
                        parts_.close_connection(id);
                        row.set("adminStatus", "deleted").set("operStatus", "closing");
                    });
}

// Rows do not tell which worker has the connection.
void ManagementSource::with_connection(mgmt::Row current,
                                       mgmt::Code success,
                                       mgmt::ResultDone done,
                                       std::function<void(link::ConnectionId, mgmt::Row&)> next) {
    parts_.snapshots->take(
        {.connections = true},
        [success, next = std::move(next), row = std::move(current), done = std::move(done)](
            const Snapshots::Parts& parts) mutable {
            for (const auto& part : parts) {
                for (const link::ConnectionRow& connection : part->connections) {
                    if (std::to_string(connection.number) == row.text("identity")) {
                        next(connection.id, row);
                        done({success, "", std::move(row)});
                        return;
                    }
                }
            }
            done(failed(mgmt::Code::kNotFound, "it is gone already"));
        });
}

RouterNumbers ManagementSource::router_numbers() const {
    return *parts_.node ? RouterNumbers{(*parts_.node)->view(now_)} : RouterNumbers{};
}

std::vector<std::string> ManagementSource::mesh_routers() {
    std::vector<std::string> names;
    if (*parts_.node) {
        const routing::NodeView view = (*parts_.node)->view(now_);
        for (const routing::LinkStateView& router : view.routers) {
            if (router.reachable || router.router == view.id) {
                names.push_back(router.name);
            }
        }
    }
    return names;
}

// Nobody can tell from the entities who looks at them how often.
void ManagementSource::asked(std::string_view operation,
                             std::string_view type,
                             std::string_view which) {
    constexpr std::size_t kShownMax = 200;
    log::emit(log::Module::kAgent,
              log::Level::kDebug,
              "REQUEST",
              "operation={} type={} name={}",
              operation,
              log::value(type.substr(0, kShownMax)),
              log::value(which.substr(0, kShownMax)));
}

std::vector<mgmt::LogLine> ManagementSource::log_lines(std::size_t limit) {
    std::vector<mgmt::LogLine> lines;
    for (const log::Line& line : log::latest(limit)) {
        lines.push_back({.module = std::string{to_string(line.module)},
                         .level = std::string{to_string(line.level)},
                         .text = line.text,
                         .file = {},
                         .line = 0,
                         .time = line.time});
    }
    return lines;
}

}  // namespace amqmesh::router
