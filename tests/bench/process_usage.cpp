#include "tests/bench/process_usage.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace amqmesh::bench {

namespace {

/// utime + stime of a stat file, in nanoseconds of clock ticks (10 ms as a rule).
std::uint64_t ticks_ns(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    // The name in parentheses may hold anything; 11 fields follow it before utime.
    const std::size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) {
        return 0;
    }
    std::size_t at = name_end;
    for (int field = 0; field < 12 && at != std::string::npos; ++field) {
        at = line.find(' ', at + 1);
    }
    if (at == std::string::npos) {
        return 0;
    }
    char* rest = nullptr;
    const std::uint64_t user = std::strtoull(line.c_str() + at, &rest, 10);
    const std::uint64_t system = std::strtoull(rest, nullptr, 10);
    return (user + system) * 1'000'000'000U / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
}

/// The scheduler's own count is the same time without the rounding to ticks.
std::uint64_t thread_ns(const std::filesystem::path& thread) {
    std::ifstream in(thread / "schedstat");
    std::uint64_t nanoseconds = 0;
    return in >> nanoseconds ? nanoseconds : ticks_ns(thread / "stat");
}

}  // namespace

ProcessUsage process_usage(pid_t pid) {
    const std::filesystem::path process = "/proc/" + std::to_string(pid);
    ProcessUsage usage;
    std::error_code error;
    for (const auto& thread : std::filesystem::directory_iterator(process / "task", error)) {
        usage.cpu_ns += thread_ns(thread.path());
    }
    std::ifstream statm(process / "statm");
    std::uint64_t total_pages = 0;
    std::uint64_t resident_pages = 0;
    if (statm >> total_pages >> resident_pages) {
        usage.rss_bytes = resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    }
    return usage;
}

}  // namespace amqmesh::bench
