// The node as the management agent sees it: entities of configuration and of the running node as
// rows. Control thread only, but for rows that there may be very many of: those the background
// makes from snapshots. What workers know comes from snapshots, too, so that a query never waits
// for forwarding and forwarding never for a query.
#pragma once

#include "mgmt/agent.h"
#include "mgmt/schema.h"
#include "router/configuration.h"
#include "router/management_rows.h"
#include "router/node_driver.h"
#include "router/page_store.h"
#include "router/snapshots.h"
#include "routing/forwarding_table.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::router {

/// Listeners and connectors of the running node.
class EndpointAdmin {
  public:
    virtual ~EndpointAdmin() = default;
    /// Rows with the state they are in, in order of creation.
    virtual std::vector<mgmt::Row> listener_rows() = 0;
    virtual std::vector<mgmt::Row> connector_rows() = 0;
    /// By the row's type: opens, or closes by name. `why` is set when it fails.
    virtual bool create(const mgmt::Row& row, std::string& why) = 0;
    virtual bool remove(const mgmt::Row& row, std::string& why) = 0;
    /// The endpoint of the row's name is to be as the row says. `note`: why it cannot be, or what
    /// the change does not reach.
    virtual bool change(const mgmt::Row& row, std::string& note) = 0;
    /// Accepted and made since the start.
    [[nodiscard]] virtual std::uint64_t connections_ever() const = 0;
    /// Reads the configuration file again and applies what changed.
    virtual mgmt::Reloaded reload() = 0;
};

class ManagementSource : public mgmt::Source {
  public:
    /// None is owned; all outlive the source.
    struct Parts {
        Configuration* configuration = nullptr;
        const std::shared_ptr<const routing::ForwardingTable>* table = nullptr;
        const std::optional<NodeDriver>* node = nullptr;
        Snapshots* snapshots = nullptr;
        EndpointAdmin* endpoints = nullptr;
        mgmt::Background* background = nullptr;
        std::function<void()> addresses_changed;
        std::function<void(bool)> drain;
        /// Takes counts for a drain under way; the router's operState.
        std::function<const char*(const Snapshots::Parts&)> on_load;
        std::function<void(link::ConnectionId)> close_connection;
        std::function<void(link::ConnectionId, bool)> trace_connection;
        routing::Time started = 0;
        std::uint64_t wall_clock_ms = 0;  ///< at `started`
    };

    explicit ManagementSource(Parts parts) : parts_(std::move(parts)) {}

    /// Ages and uptimes in rows are counted up to here.
    void set_now(routing::Time now) {
        now_ = now;
        if (!pages_.empty()) {
            forget_old_pages();
        }
    }

    [[nodiscard]] routing::Time now() const { return now_; }

    void query(const mgmt::EntityType& type, mgmt::RowsDone done) override;
    void query_page(const mgmt::EntityType& type, mgmt::Page page, mgmt::RowsDone done) override;
    void create(const mgmt::EntityType& type, mgmt::Row row, mgmt::ResultDone done) override;
    void update(const mgmt::EntityType& type,
                mgmt::Row current,
                mgmt::Row changes,
                mgmt::ResultDone done) override;
    void remove(const mgmt::EntityType& type, mgmt::Row current, mgmt::ResultDone done) override;
    std::vector<std::string> mesh_routers() override;
    std::vector<mgmt::LogLine> log_lines(std::size_t limit) override;

    mgmt::Reloaded reload() override { return parts_.endpoints->reload(); }

    mgmt::Background& background() override { return *parts_.background; }

    void asked(std::string_view operation, std::string_view type, std::string_view which) override;

  private:
    using PagesDone = std::function<void(RowPagesPtr)>;
    void take_links(PagesDone done);
    void take_connections(PagesDone done);
    void take_addresses(PagesDone done);
    /// What a page may be cut from; false for types that are few.
    bool take_pages(const mgmt::EntityType& type, PagesDone done);
    void answer_page(RowPagesPtr pages, const mgmt::Page& page, mgmt::RowsDone done);
    void forget_old_pages();
    [[nodiscard]] RouterNumbers router_numbers() const;
    mgmt::Result create_address(mgmt::Row&& row);
    [[nodiscard]] std::optional<std::ptrdiff_t> place_of_address(const mgmt::Row& row) const;
    mgmt::Result remove_address(const mgmt::Row& row);
    mgmt::Result update_address(const mgmt::Row& current, const mgmt::Row& changes);
    mgmt::Result update_endpoint(mgmt::Row current, const mgmt::Row& changes);
    void query_router(mgmt::RowsDone done);
    void update_router(mgmt::Row current, const mgmt::Row& changes, const mgmt::ResultDone& done);
    void update_connection(mgmt::Row current, const mgmt::Row& changes, mgmt::ResultDone done);
    void close_connection(mgmt::Row current, mgmt::Code success, mgmt::ResultDone done);
    /// With the connection that the row is of and a row to answer with; or says that it is gone.
    void with_connection(mgmt::Row current,
                         mgmt::Code success,
                         mgmt::ResultDone done,
                         std::function<void(link::ConnectionId, mgmt::Row&)> next);

    Parts parts_;
    routing::Time now_ = 0;
    PageStore pages_;
};

}  // namespace amqmesh::router
