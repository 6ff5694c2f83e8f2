// The running node: the control thread's event loop with its workers, listeners and connectors.
#pragma once

#include "router/configuration.h"

#include <memory>
#include <string>

namespace amqmesh::router {

class Daemon {
  public:
    explicit Daemon(Configuration configuration);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Binds all listeners. False with `why`: one of them cannot be bound.
    bool open(std::string& why);

    /// Runs on the calling thread, which becomes the control thread, until SIGTERM or SIGINT and
    /// then until everything is closed, at most about two seconds. SIGHUP reads the configuration
    /// file again. REQUIRES: open() was true.
    void run();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace amqmesh::router
