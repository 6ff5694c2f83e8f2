// What an HTTP listener shows: metrics, health and read-only JSON. Pure: no sockets here.
#pragma once

#include "mgmt/agent.h"
#include "mgmt/metrics.h"
#include "mgmt/remote_nodes.h"

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace amqmesh::mgmt {

struct HttpResponse {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body{};
};

using HttpDone = std::function<void(HttpResponse&&)>;

/// Lives on one thread, the source's.
///
///   /                 the console
///   /metrics          Prometheus text
///   /livez, /healthz  200 while the threads answer, 503 and which does not otherwise
///   /readyz           200 once the node serves, 503 and why before
///   /api              the entity types
///   /api/TYPE         all entities of a type: ?attributes=a,b ?offset=N ?count=N; of another node
///                     of the mesh: ?node=ID, at most RemoteNodes::kRowsMax at a time
///   /api/schema       the schema
class HttpSite {
  public:
    /// Empty text: ready. Otherwise what is missing.
    using Readiness = std::function<std::string()>;

    /// Where this node is, and how to ask others; not owned, outlives the site. None: it is alone.
    struct Mesh {
        std::string own_id{};
        RemoteNodes* nodes = nullptr;
    };

    /// `source` is not owned and outlives the site.
    HttpSite(Source& source, Readiness readiness, MetricsOptions metrics = {});
    HttpSite(Source& source, Readiness readiness, MetricsOptions metrics, Mesh mesh);

    /// Asked for /livez; empty text: nothing hangs. Without it an answer is sign of life enough.
    void set_liveness(Readiness liveness) { liveness_ = std::move(liveness); }

    /// `target` in origin form (RFC 9112, 3.2.1). `done` is called once, during the call or
    /// later.
    void get(std::string_view target, HttpDone done);

  private:
    void get_api(std::string_view path, std::string_view query, HttpDone done);
    void get_remote(const EntityType& type,
                    const std::string& node,
                    const std::vector<std::size_t>& columns,
                    Page page,
                    HttpDone done);

    Source& source_;
    Readiness readiness_;
    Readiness liveness_;
    MetricsOptions metrics_;
    Mesh mesh_;
};

}  // namespace amqmesh::mgmt
