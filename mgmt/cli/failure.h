// How the tool ends: exit codes, and the one exception that carries a failure to main().
//
// A command line does one thing; whatever stops it ends the program with a sentence. So a failure
// is an exception here, thrown on the main thread only, never inside a Proton callback.
#pragma once

#include <stdexcept>
#include <string>

namespace amqmesh::cli {

/// Exit codes of amqmesh, the same for every command.
enum class Exit : int {
    kOk = 0,
    kFailed = 1,         ///< the node or a peer said no, or too little happened in time
    kUsage = 2,          ///< the command line is wrong; nothing was attempted
    kCannotConnect = 3,  ///< no AMQP connection to the node
};

class Failure : public std::runtime_error {
  public:
    Failure(Exit code, const std::string& text) : std::runtime_error(text), code_(code) {}

    [[nodiscard]] Exit code() const { return code_; }

  private:
    Exit code_;
};

}  // namespace amqmesh::cli
