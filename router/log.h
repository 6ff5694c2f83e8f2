// The daemon's log: one line per change of state, `key=value`, with a stable code per kind of line.
// Any thread. Never called per message.
#pragma once

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amqmesh::router::log {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kNotice, kWarning, kError, kCritical };

/// The reference's module names that we use; other names of its configuration files set nothing.
enum class Module : std::uint8_t {
    kRouter,
    kRouterLs,
    kServer,
    kConnMgr,
    kAgent,
    kMessage,
    kProtocol
};
inline constexpr std::size_t kModules = 7;
inline constexpr std::size_t kLevels = 7;

std::string_view to_string(Level level);
std::string_view to_string(Module module);
std::span<const std::string_view> module_names();

/// One `log` entity.
struct Setting {
    std::string module = "DEFAULT";
    std::string enable = "info+";  ///< "trace+", "info", "warning,error", "none", "default", …
    std::string output;            ///< file, "stderr", "stdout"; empty: as DEFAULT
    // Not given: as DEFAULT, and there with time and as text.
    std::optional<bool> timestamps;
    std::optional<bool> json;  ///< an object per line
};

/// Applies settings, DEFAULT first. False with `why`: a level or file is wrong; nothing changed.
bool configure(const std::vector<Setting>& settings, std::string& why);

[[nodiscard]] bool enabled(Module module, Level level);
void write(Module module, Level level, const char* code, std::string_view text);

/// Formats only what will be written.
template <typename... Args>
void emit(Module module,
          Level level,
          const char* code,
          fmt::format_string<Args...> format,
          Args&&... args) {
    if (enabled(module, level)) {
        write(module, level, code, fmt::format(format, std::forward<Args>(args)...));
    }
}

/// A value that somebody else chose, for `key=value`: in quotes when it is empty or when blanks or
/// quotes in it could pass for more of the line.
std::string value(std::string_view text);

/// A line kept for management's GET-LOG.
struct Line {
    Module module = Module::kRouter;
    Level level = Level::kInfo;
    double time = 0;  ///< seconds since 1970
    std::string text;
};

/// The latest lines, oldest first; at most kLinesKept are kept.
std::vector<Line> latest(std::size_t limit);
inline constexpr std::size_t kLinesKept = 1000;

/// How many lines there were since the start.
std::uint64_t lines_written(Module module, Level level);

/// Everything written is on its way to the kernel.
void flush();

}  // namespace amqmesh::router::log
