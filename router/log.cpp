#include "router/log.h"

#include "mgmt/log_levels.h"
#include "mgmt/utf8.h"
#include "mgmt/value.h"

#include <fmt/chrono.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <ctime>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace amqmesh::router::log {

namespace {

static_assert(mgmt::kLogLevelNames.size() == kLevels);
constexpr std::array<std::string_view, kModules> kModuleNames{
    "ROUTER", "ROUTER_LS", "SERVER", "CONN_MGR", "AGENT", "MESSAGE", "PROTOCOL"};
constexpr std::size_t kLineBytesKept = 512;
constexpr std::uint8_t kInfoAndAbove = 0b1111100;

// Where one module's lines go.
struct Output {
    std::shared_ptr<spdlog::logger> logger;
    bool json = false;
};

// The process's log. Levels are read without the lock; outputs change only in configure().
struct State {
    std::array<std::atomic<std::uint8_t>, kModules> masks;
    std::array<std::array<std::atomic<std::uint64_t>, kLevels>, kModules> written{};
    std::mutex mutex;
    std::array<Output, kModules> outputs;
    std::deque<Line> lines;

    State() {
        for (auto& mask : masks) {
            mask.store(kInfoAndAbove, std::memory_order_relaxed);
        }
    }
};

State& state() {
    static State instance;
    return instance;
}

std::shared_ptr<spdlog::logger> open_logger(const std::string& output, bool timestamps) {
    spdlog::sink_ptr sink;
    if (output == "stdout") {
        sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
    } else if (output.empty() || output == "stderr") {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
        sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(output);
    }
    sink->set_pattern(timestamps ? "%Y-%m-%d %H:%M:%S.%f %v" : "%v");
    auto logger = std::make_shared<spdlog::logger>("amqmeshd", sink);
    logger->set_level(spdlog::level::trace);
    return logger;
}

std::optional<std::size_t> module_index(std::string_view name) {
    for (std::size_t i = 0; i < kModuleNames.size(); ++i) {
        if (kModuleNames[i] == name) {
            return i;
        }
    }
    return std::nullopt;
}

struct Style {
    std::string output;
    bool timestamps = true;
    bool json = false;

    auto operator<=>(const Style&) const = default;
};

struct Plan {
    std::array<std::uint8_t, kModules> masks{};
    std::array<Style, kModules> styles;
};

bool apply(const Setting& setting, Plan& plan, std::string& why) {
    const std::optional<mgmt::LogLevels> levels = mgmt::parse_log_levels(setting.enable, why);
    if (!levels) {
        why = "log " + setting.module + ": enable: " + why;
        return false;
    }
    const auto only = module_index(setting.module);
    for (std::size_t i = 0; i < kModules; ++i) {
        if (setting.module != "DEFAULT" && only != i) {
            continue;
        }
        if (!levels->by_default) {
            plan.masks.at(i) = levels->mask;
        }
        Style& style = plan.styles.at(i);
        style.output = setting.output.empty() ? style.output : setting.output;
        style.timestamps = setting.timestamps.value_or(style.timestamps);
        style.json = setting.json.value_or(style.json);
    }
    return true;
}

// Modules of the same style share a logger.
bool open_all(const Plan& plan, std::array<Output, kModules>& outputs, std::string& why) {
    std::map<Style, Output> opened;
    for (std::size_t i = 0; i < kModules; ++i) {
        const Style& style = plan.styles.at(i);
        const auto known = opened.find(style);
        if (known != opened.end()) {
            outputs.at(i) = known->second;
            continue;
        }
        try {
            outputs.at(i) = {open_logger(style.output, style.timestamps && !style.json),
                             style.json};
        } catch (const spdlog::spdlog_ex& error) {
            why = "log: " + std::string{error.what()};
            return false;
        }
        opened.emplace(style, outputs.at(i));
    }
    return true;
}

std::string json_line(
    double time, Level level, Module module, const char* code, std::string_view text) {
    const auto seconds = static_cast<std::time_t>(time);
    const auto microseconds =
        static_cast<long>((time - static_cast<double>(seconds)) * 1e6) % 1'000'000;
    return mgmt::to_json(mgmt::Map{
        {"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), microseconds)},
        {"level", to_string(level)},
        {"module", to_string(module)},
        {"code", code},
        {"text", text}});
}

}  // namespace

std::string_view to_string(Level level) {
    return mgmt::kLogLevelNames.at(static_cast<std::size_t>(level));
}

std::string_view to_string(Module module) {
    return kModuleNames.at(static_cast<std::size_t>(module));
}

std::span<const std::string_view> module_names() {
    return kModuleNames;
}

bool configure(const std::vector<Setting>& settings, std::string& why) {
    Plan plan;
    plan.masks.fill(kInfoAndAbove);
    for (const bool defaults : {true, false}) {
        for (const Setting& setting : settings) {
            if ((setting.module == "DEFAULT") == defaults && !apply(setting, plan, why)) {
                return false;
            }
        }
    }
    std::array<Output, kModules> outputs;
    if (!open_all(plan, outputs, why)) {
        return false;
    }
    State& log = state();
    const std::lock_guard lock(log.mutex);
    log.outputs = std::move(outputs);
    for (std::size_t i = 0; i < kModules; ++i) {
        log.masks.at(i).store(plan.masks.at(i), std::memory_order_relaxed);
    }
    return true;
}

std::string value(std::string_view text) {
    if (!text.empty() && text.find_first_of(" \"") == std::string_view::npos) {
        return std::string{text};
    }
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    return quoted + '"';
}

bool enabled(Module module, Level level) {
    const auto mask =
        state().masks.at(static_cast<std::size_t>(module)).load(std::memory_order_relaxed);
    return ((static_cast<unsigned>(mask) >> static_cast<unsigned>(level)) & 1U) != 0;
}

void write(Module module, Level level, const char* code, std::string_view given) {
    // Peers choose names that are logged: none of them begins a line of its own, or breaks the
    // encoding of the file.
    std::string text = mgmt::to_utf8(given);
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    State& log = state();
    log.written.at(static_cast<std::size_t>(module))
        .at(static_cast<std::size_t>(level))
        .fetch_add(1, std::memory_order_relaxed);
    const std::chrono::duration<double> time = std::chrono::system_clock::now().time_since_epoch();
    Output output;
    {
        const std::lock_guard lock(log.mutex);
        output = log.outputs.at(static_cast<std::size_t>(module));
        if (log.lines.size() >= kLinesKept) {
            log.lines.pop_front();
        }
        log.lines.push_back(
            {module,
             level,
             time.count(),
             fmt::format("{} {}", code, std::string_view{text}.substr(0, kLineBytesKept))});
    }
    if (output.logger) {
        output.logger->info(
            output.json
                ? json_line(time.count(), level, module, code, text)
                : fmt::format("{} {} {} {}", to_string(level), to_string(module), code, text));
        output.logger->flush();
    }
}

std::vector<Line> latest(std::size_t limit) {
    State& log = state();
    const std::lock_guard lock(log.mutex);
    const std::size_t count = std::min(limit, log.lines.size());
    return {log.lines.end() - static_cast<std::ptrdiff_t>(count), log.lines.end()};
}

std::uint64_t lines_written(Module module, Level level) {
    return state()
        .written.at(static_cast<std::size_t>(module))
        .at(static_cast<std::size_t>(level))
        .load(std::memory_order_relaxed);
}

void flush() {
    State& log = state();
    const std::lock_guard lock(log.mutex);
    for (const Output& output : log.outputs) {
        if (output.logger) {
            output.logger->flush();
        }
    }
}

}  // namespace amqmesh::router::log
