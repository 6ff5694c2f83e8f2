# Writes the console's files as a C++ source: cmake -DFOLDER=… -DOUTPUT=… -P embed.cmake
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")
set(entries "")
foreach(name index.html console.css console.svg console_format.js console_gather.js
        console_mesh.js console_tables.js console.js)
    file(READ "${FOLDER}/${name}" text)
    string(REGEX REPLACE ".*\\." "" ending "${name}")
    if(name STREQUAL "index.html")
        set(name "")
    endif()
    string(APPEND entries "    {\"/${name}\", \"${type_${ending}}\", R\"amqmesh(${text})amqmesh\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Made from mgmt/console by embed.cmake.
#include \"mgmt/http_console.h\"

#include <array>

namespace amqmesh::mgmt {

namespace {

constexpr auto kFiles = std::to_array<ConsoleFile>({
${entries}});

}  // namespace

const ConsoleFile* find_console_file(std::string_view path) {
    for (const ConsoleFile& file : kFiles) {
        if (file.path == path) {
            return &file;
        }
    }
    return nullptr;
}

}  // namespace amqmesh::mgmt
")
