// What the command line says about itself: shell completion and the man page, made from the same
// definitions that parse it.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace amqmesh::cli {

/// A script for bash: `source <(amqmesh completion bash)`.
std::string bash_completion(const CLI::App& app);

/// roff for man(1): `amqmesh man | man -l -`.
std::string man_page(const CLI::App& app);

}  // namespace amqmesh::cli
