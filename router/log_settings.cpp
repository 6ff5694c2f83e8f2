#include "router/log_settings.h"

#include "router/log.h"

#include <algorithm>
#include <string>
#include <utility>

namespace amqmesh::router {

namespace {

void identify(mgmt::Row& row) {
    const std::string identity = "log/" + std::string{row.text("module")};
    if (!row.has("name")) {
        row.set("name", identity);
    }
    row.set("identity", identity);
}

std::size_t place_of(const Configuration& configuration, std::string_view module) {
    const auto found = std::ranges::find_if(
        configuration.log_rows, [&](const mgmt::Row& row) { return row.text("module") == module; });
    return static_cast<std::size_t>(found - configuration.log_rows.begin());
}

mgmt::Row follower(std::string_view module) {
    mgmt::Row row(mgmt::type_of("log"));
    row.set("module", module).set("enable", module == "DEFAULT" ? "info+" : "default");
    return row;
}

void apply(const mgmt::Row& changes, log::Setting& setting) {
    if (changes.has("enable")) {
        setting.enable = changes.text("enable");
    }
    if (changes.has("outputFile")) {
        setting.output = changes.text("outputFile");
    }
    if (changes.has("includeTimestamp")) {
        setting.timestamps = changes.boolean("includeTimestamp");
    }
    if (changes.has("format")) {
        setting.json = changes.text("format") == "json";
    }
}

}  // namespace

std::vector<mgmt::Row> log_rows(const Configuration& configuration) {
    std::vector<mgmt::Row> rows = configuration.log_rows;
    const auto add = [&](std::string_view module) {
        if (place_of(configuration, module) == configuration.log_rows.size()) {
            rows.push_back(follower(module));
        }
    };
    add("DEFAULT");
    for (const std::string_view module : log::module_names()) {
        add(module);
    }
    for (mgmt::Row& row : rows) {
        identify(row);
    }
    return rows;
}

mgmt::Result update_log(Configuration& configuration,
                        const mgmt::Row& current,
                        const mgmt::Row& changes) {
    const std::string module{current.text("module")};
    const std::size_t place = place_of(configuration, module);
    std::vector<log::Setting> settings = configuration.logs;
    if (place == settings.size()) {
        log::Setting follows;
        follows.module = module;
        follows.enable = module == "DEFAULT" ? "info+" : "default";
        settings.push_back(std::move(follows));
    }
    apply(changes, settings[place]);
    const std::string output{changes.text("outputFile")};
    if (!output.empty() && output != "stderr" && output != "stdout" &&
        !configuration.log_files.contains(output)) {
        return {mgmt::Code::kForbidden,
                "outputFile: through management only stderr, stdout and files that the "
                "configuration file names for some module",
                std::nullopt};
    }
    std::string why;
    if (!log::configure(settings, why)) {
        return {mgmt::Code::kBadRequest, std::move(why), std::nullopt};
    }
    configuration.logs = std::move(settings);
    if (place == configuration.log_rows.size()) {
        configuration.log_rows.push_back(follower(module));
    }
    mgmt::Row& row = configuration.log_rows[place];
    for (std::size_t a = 0; a < changes.size(); ++a) {
        if (!changes[a].is_null()) {
            row[a] = changes[a];
        }
    }
    mgmt::Row now_row = row;
    identify(now_row);
    return {mgmt::Code::kOk, "", std::move(now_row)};
}

}  // namespace amqmesh::router
