// What a changed configuration file means for a running node, and how it is carried out: everything
// that can fail first, so that a file that cannot be applied changes nothing. Control thread.
#pragma once

#include "mgmt/agent.h"
#include "router/configuration.h"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace amqmesh::router {

/// Differences between the file as it was loaded and as it is now, secrets that it points to
/// included; numbers are places in the new one's vectors. Entities that are the same in both are
/// left alone, whatever management did to them meanwhile.
struct ReloadPlan {
    struct Endpoints {
        std::vector<std::string> gone;  ///< names
        std::vector<std::size_t> fresh;
        std::vector<std::size_t> moved;    ///< listeners: the same name at another place
        std::vector<std::size_t> changed;  ///< the same name and place, other attributes
    };

    Endpoints listeners, connectors;
    std::vector<std::string> addresses_gone;  ///< patterns, of changed ones too
    std::vector<std::size_t> addresses_fresh;
    bool logs = false;
    bool distribution = false;  ///< the router's defaultDistribution

    [[nodiscard]] bool empty() const;
};

ReloadPlan plan_reload(const Configuration& loaded, const Configuration& next);

/// Attributes of the router that only a new start brings into force.
std::vector<std::string> needs_restart(const Configuration& running, const Configuration& next);

/// The running node, as far as a reload changes it. Endpoints are known by name; management may
/// have made, changed or deleted some meanwhile.
class ReloadTarget {
  public:
    virtual ~ReloadTarget() = default;
    [[nodiscard]] virtual bool has_listener(const std::string& name) = 0;
    /// If there is one of that name, it goes with commit_listeners(); connections that it accepted
    /// stay.
    virtual void retire_listener(const std::string& name) = 0;
    /// Binds, but accepts nothing before commit_listeners(). One of that name retires for it, and
    /// what retires makes room. False with `why`.
    virtual bool prepare_listener(const ListenerConfig& config,
                                  const mgmt::Row& row,
                                  std::string& why) = 0;
    /// Nothing is prepared or retires any more.
    virtual void abandon_listeners() = 0;
    virtual void commit_listeners() = 0;
    /// For connections that are accepted from now on.
    virtual void change_listener(const ListenerConfig& config, const mgmt::Row& row) = 0;
    /// There is such a connector from now on. The connection of one of that name goes on if it can
    /// (router/endpoint_change.h).
    virtual void put_connector(const ConnectorConfig& config, const mgmt::Row& row) = 0;
    /// Its connection is closed.
    virtual void remove_connector(const std::string& name) = 0;
    /// The address rules or the default distribution of the configuration in use have changed.
    virtual void addresses_changed() = 0;
};

class Reloader {
  public:
    /// None is owned; all outlive this. `configuration` is the one in use, as it was loaded.
    Reloader(Configuration& configuration, ReloadTarget& target);

    /// Reads the file again and applies what changed. Logs what it did.
    mgmt::Reloaded reload();

  private:
    bool prepare(const ReloadPlan& plan, const Configuration& next, std::string& why);
    void apply_addresses(const ReloadPlan& plan, const Configuration& next);
    void apply_endpoints(const ReloadPlan& plan, const Configuration& next);
    bool apply_logs(const ReloadPlan& plan, const Configuration& next, std::string& why);

    Configuration& configuration_;
    ReloadTarget& target_;
    Configuration loaded_;  ///< the file as it was applied last
};

}  // namespace amqmesh::router
