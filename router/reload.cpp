#include "router/reload.h"

#include "router/log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace amqmesh::router {

namespace {

bool same(const mgmt::Row& a, const mgmt::Row& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (!(a[i] == b[i])) {
            return false;
        }
    }
    return true;
}

bool same_place(const EndpointConfig& a, const EndpointConfig& b) {
    return a.host == b.host && a.port == b.port && a.family == b.family;
}

// A row has the place of a secret, which may hold another one now.
bool same_secrets(const EndpointConfig& a, const EndpointConfig& b) {
    return a.sasl_password == b.sasl_password;
}

bool same_secrets(const ListenerConfig& a, const ListenerConfig& b) {
    return a.sasl_password == b.sasl_password && a.http_access.password == b.http_access.password;
}

template <typename Endpoint>
ReloadPlan::Endpoints diff(const std::vector<Endpoint>& old_ones,
                           const std::vector<mgmt::Row>& old_rows,
                           const std::vector<Endpoint>& new_ones,
                           const std::vector<mgmt::Row>& new_rows) {
    ReloadPlan::Endpoints plan;
    const auto find = [](const std::vector<Endpoint>& among, const std::string& name) {
        const auto found = std::ranges::find(among, name, &Endpoint::name);
        return static_cast<std::size_t>(found - among.begin());
    };
    for (const Endpoint& old_one : old_ones) {
        if (find(new_ones, old_one.name) == new_ones.size()) {
            plan.gone.push_back(old_one.name);
        }
    }
    for (std::size_t i = 0; i < new_ones.size(); ++i) {
        const std::size_t old_place = find(old_ones, new_ones[i].name);
        if (old_place == old_ones.size()) {
            plan.fresh.push_back(i);
        } else if (!same_place(old_ones[old_place], new_ones[i])) {
            plan.moved.push_back(i);
        } else if (!same(old_rows[old_place], new_rows[i]) ||
                   !same_secrets(old_ones[old_place], new_ones[i])) {
            plan.changed.push_back(i);
        }
    }
    return plan;
}

void diff_addresses(const Configuration& loaded, const Configuration& next, ReloadPlan& plan) {
    const auto kept = [](const Configuration& among, const Configuration& by, std::size_t i) {
        const std::string& pattern = by.addresses[i].pattern;
        const auto found =
            std::ranges::find(among.addresses, pattern, &routing::AddressRule::pattern);
        const auto place = static_cast<std::size_t>(found - among.addresses.begin());
        return found != among.addresses.end() &&
               same(among.address_rows[place], by.address_rows[i]);
    };
    for (std::size_t i = 0; i < loaded.addresses.size(); ++i) {
        if (!kept(next, loaded, i)) {
            plan.addresses_gone.push_back(loaded.addresses[i].pattern);
        }
    }
    for (std::size_t i = 0; i < next.addresses.size(); ++i) {
        if (!kept(loaded, next, i)) {
            plan.addresses_fresh.push_back(i);
        }
    }
}

std::string counted(std::size_t count, std::string_view what) {
    return fmt::format("{} {}", count, what);
}

void describe(const ReloadPlan::Endpoints& plan,
              std::string_view kind,
              std::vector<std::string>& out) {
    const auto say = [&](std::size_t count, std::string_view verb) {
        if (count != 0) {
            out.push_back(counted(count, kind) + (count == 1 ? " " : "s ") + std::string{verb});
        }
    };
    say(plan.fresh.size(), "added");
    say(plan.moved.size() + plan.changed.size(), "changed");
    say(plan.gone.size(), "removed");
}

std::vector<std::string> describe(const ReloadPlan& plan) {
    std::vector<std::string> out;
    describe(plan.listeners, "listener", out);
    describe(plan.connectors, "connector", out);
    if (!plan.addresses_fresh.empty() || !plan.addresses_gone.empty()) {
        out.push_back(fmt::format("addresses: {} rules new, {} rules gone",
                                  plan.addresses_fresh.size(),
                                  plan.addresses_gone.size()));
    }
    if (plan.distribution) {
        out.emplace_back("default distribution changed");
    }
    if (plan.logs) {
        out.emplace_back("log settings changed");
    }
    return out;
}

mgmt::Reloaded refused(const Configuration& configuration, std::string why) {
    log::emit(log::Module::kRouter,
              log::Level::kError,
              "RELOAD_REFUSED",
              "file={} nothing changed: {}",
              configuration.file,
              why);
    return {.code = mgmt::Code::kBadRequest, .text = "nothing changed: " + std::move(why)};
}

}  // namespace

bool ReloadPlan::empty() const {
    const auto none = [](const Endpoints& one) {
        return one.gone.empty() && one.fresh.empty() && one.moved.empty() && one.changed.empty();
    };
    return none(listeners) && none(connectors) && addresses_gone.empty() &&
           addresses_fresh.empty() && !logs && !distribution;
}

ReloadPlan plan_reload(const Configuration& loaded, const Configuration& next) {
    ReloadPlan plan;
    plan.listeners =
        diff(loaded.listeners, loaded.listener_rows, next.listeners, next.listener_rows);
    plan.connectors =
        diff(loaded.connectors, loaded.connector_rows, next.connectors, next.connector_rows);
    diff_addresses(loaded, next, plan);
    plan.distribution = loaded.default_treatment != next.default_treatment;
    plan.logs = loaded.log_rows.size() != next.log_rows.size() ||
                !std::equal(loaded.log_rows.begin(),
                            loaded.log_rows.end(),
                            next.log_rows.begin(),
                            [](const auto& a, const auto& b) { return same(a, b); });
    return plan;
}

std::vector<std::string> needs_restart(const Configuration& running, const Configuration& next) {
    std::vector<std::string> names;
    const mgmt::Row none(mgmt::type_of("router"));
    const mgmt::Row& old_row = running.router_row.empty() ? none : running.router_row.front();
    const mgmt::Row& new_row = next.router_row.empty() ? none : next.router_row.front();
    for (std::size_t i = 0; i < new_row.size(); ++i) {
        const mgmt::Attribute& attribute = new_row.type().attributes[i];
        if (attribute.access != mgmt::Access::kReadOnly &&
            attribute.name != "defaultDistribution" && !(old_row[i] == new_row[i])) {
            names.emplace_back(attribute.name);
        }
    }
    return names;
}

Reloader::Reloader(Configuration& configuration, ReloadTarget& target)
    : configuration_(configuration), target_(target), loaded_(configuration) {}

mgmt::Reloaded Reloader::reload() {
    if (configuration_.file.empty()) {
        return refused(configuration_, "the router was started without a file");
    }
    LoadedConfiguration found =
        load_configuration_file(configuration_.file, configuration_.workers);
    if (!found.ok()) {
        const auto first = std::ranges::find(found.problems, false, &ConfigProblem::warning);
        return refused(configuration_, to_string(*first, configuration_.file));
    }
    Configuration& next = found.configuration;
    if (next.router_row.empty() || !next.router_row.front().has("id")) {
        next.id = configuration_.id;  // random, made once
    }
    if (next.mode != configuration_.mode) {
        return refused(configuration_, "the router's mode cannot change while it runs");
    }
    const ReloadPlan plan = plan_reload(loaded_, next);
    std::string why;
    if (!prepare(plan, next, why)) {
        target_.abandon_listeners();
        return refused(configuration_, std::move(why));
    }
    apply_addresses(plan, next);
    apply_endpoints(plan, next);
    loaded_ = std::move(next);
    mgmt::Reloaded done{.changes = describe(plan),
                        .needs_restart = needs_restart(configuration_, loaded_)};
    log::emit(log::Module::kRouter,
              done.needs_restart.empty() ? log::Level::kNotice : log::Level::kWarning,
              "RELOADED",
              "file={} changes=[{}] needs_restart=[{}]",
              configuration_.file,
              fmt::join(done.changes, ", "),
              fmt::join(done.needs_restart, ", "));
    return done;
}

// All that can go wrong.
bool Reloader::prepare(const ReloadPlan& plan, const Configuration& next, std::string& why) {
    for (const std::string& name : plan.listeners.gone) {
        target_.retire_listener(name);
    }
    for (const std::size_t place : plan.listeners.moved) {
        target_.retire_listener(next.listeners[place].name);
    }
    std::vector<std::size_t> wanted = plan.listeners.moved;
    wanted.insert(wanted.end(), plan.listeners.fresh.begin(), plan.listeners.fresh.end());
    for (const std::size_t place : plan.listeners.changed) {
        if (!target_.has_listener(next.listeners[place].name)) {
            wanted.push_back(place);  // management had deleted it
        }
    }
    for (const std::size_t place : wanted) {
        const ListenerConfig& config = next.listeners[place];
        std::string reason;
        if (!target_.prepare_listener(config, next.listener_rows[place], reason)) {
            why = fmt::format("listener {}: cannot listen on {}:{}: {}",
                              config.name,
                              config.host,
                              config.port,
                              reason);
            return false;
        }
    }
    return apply_logs(plan, next, why);
}

// Files are opened anew each time: somebody may have moved them away.
bool Reloader::apply_logs(const ReloadPlan& plan, const Configuration& next, std::string& why) {
    if (!log::configure(plan.logs ? next.logs : configuration_.logs, why)) {
        return false;
    }
    if (plan.logs) {
        configuration_.logs = next.logs;
        configuration_.log_rows = next.log_rows;
        configuration_.log_files = next.log_files;
    }
    return true;
}

void Reloader::apply_addresses(const ReloadPlan& plan, const Configuration& next) {
    const auto erase = [this](std::size_t place) {
        const auto at = static_cast<std::ptrdiff_t>(place);
        configuration_.addresses.erase(configuration_.addresses.begin() + at);
        configuration_.address_rows.erase(configuration_.address_rows.begin() + at);
    };
    const auto drop = [&](const std::string& pattern) {
        const auto found =
            std::ranges::find(configuration_.addresses, pattern, &routing::AddressRule::pattern);
        if (found != configuration_.addresses.end()) {
            erase(static_cast<std::size_t>(found - configuration_.addresses.begin()));
        }
    };
    const auto drop_named = [&](const mgmt::Row& row) {
        const auto& rows = configuration_.address_rows;
        const auto found = std::ranges::find_if(rows, [&row](const mgmt::Row& one) {
            return row.has("name") && one.has("name") && one.text("name") == row.text("name");
        });
        if (found != rows.end()) {
            erase(static_cast<std::size_t>(found - rows.begin()));
        }
    };
    for (const std::string& pattern : plan.addresses_gone) {
        drop(pattern);
    }
    for (const std::size_t place : plan.addresses_fresh) {
        // Management may have made one for the same range or of the same name.
        drop(next.addresses[place].pattern);
        drop_named(next.address_rows[place]);
        configuration_.addresses.push_back(next.addresses[place]);
        configuration_.address_rows.push_back(next.address_rows[place]);
    }
    configuration_.default_treatment = next.default_treatment;
    if (!configuration_.router_row.empty() && !next.router_row.empty()) {
        configuration_.router_row.front().set("defaultDistribution",
                                              next.router_row.front().text("defaultDistribution"));
    }
    if (plan.distribution || !plan.addresses_gone.empty() || !plan.addresses_fresh.empty()) {
        target_.addresses_changed();
    }
}

void Reloader::apply_endpoints(const ReloadPlan& plan, const Configuration& next) {
    target_.commit_listeners();
    for (const std::size_t place : plan.listeners.changed) {
        target_.change_listener(next.listeners[place], next.listener_rows[place]);
    }
    for (const std::string& name : plan.connectors.gone) {
        target_.remove_connector(name);
    }
    for (const auto& places :
         {plan.connectors.moved, plan.connectors.changed, plan.connectors.fresh}) {
        for (const std::size_t place : places) {
            target_.put_connector(next.connectors[place], next.connector_rows[place]);
        }
    }
    configuration_.listeners = next.listeners;
    configuration_.listener_rows = next.listener_rows;
    configuration_.connectors = next.connectors;
    configuration_.connector_rows = next.connector_rows;
}

}  // namespace amqmesh::router
