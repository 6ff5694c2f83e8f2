// The console's files (mgmt/console), built into the program.
#pragma once

#include <string_view>

namespace amqmesh::mgmt {

struct ConsoleFile {
    std::string_view path;  ///< "/" is the page itself
    std::string_view content_type;
    std::string_view text;
};

/// nullptr: there is no such file.
const ConsoleFile* find_console_file(std::string_view path);

}  // namespace amqmesh::mgmt
