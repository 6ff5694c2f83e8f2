#include "tests/sim/graph.h"

#include "tests/sim/random.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <queue>
#include <sstream>
#include <tuple>

namespace amqmesh::sim {

namespace {

std::vector<std::string> numbered(std::size_t n) {
    std::vector<std::string> names;
    names.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        names.push_back("r" + std::to_string(i));
    }
    return names;
}

std::optional<std::size_t> number(std::string_view text) {
    std::size_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
    return whole && value > 0 && value <= 20'000 ? std::optional(value) : std::nullopt;
}

std::optional<Graph> read_edges(const std::string& path, std::string& error) {
    std::ifstream in(path);
    if (!in) {
        error = "cannot open " + path;
        return std::nullopt;
    }
    Graph graph;
    graph.name = path.substr(path.find_last_of('/') + 1);
    std::map<std::string, std::size_t> index;
    const auto index_of = [&](const std::string& name) {
        const auto [it, added] = index.emplace(name, graph.nodes.size());
        if (added) {
            graph.nodes.push_back(name);
        }
        return it->second;
    };
    std::string text;
    for (std::size_t line_number = 1; std::getline(in, text); ++line_number) {
        if (text.empty() || text.front() == '#') {
            continue;
        }
        std::istringstream fields(text);
        std::string a;
        std::string b;
        GraphEdge edge;
        if (!(fields >> a >> b >> edge.cost >> edge.delay) || edge.cost == 0) {
            error = path + ":" + std::to_string(line_number) + ": want `u v cost delay_us`";
            return std::nullopt;
        }
        edge.a = index_of(a);
        edge.b = index_of(b);
        edge.delay = std::max<routing::Time>(edge.delay, 1);
        if (edge.a != edge.b) {
            graph.edges.push_back(edge);
        }
    }
    return graph;
}

// Disjoint sets, for keeping generated graphs connected.
class Components {
  public:
    explicit Components(std::size_t n) : parent_(n), count_(n) {
        std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    }

    bool join(std::size_t a, std::size_t b) {
        a = root(a);
        b = root(b);
        if (a == b) {
            return false;
        }
        parent_[a] = b;
        --count_;
        return true;
    }

    [[nodiscard]] std::size_t count() const { return count_; }

  private:
    std::size_t root(std::size_t a) {
        while (parent_[a] != a) {
            a = parent_[a] = parent_[parent_[a]];
        }
        return a;
    }

    std::vector<std::size_t> parent_;
    std::size_t count_;
};

}  // namespace

Graph line(std::size_t n, routing::Time delay) {
    Graph graph = {"line:" + std::to_string(n), numbered(n), {}};
    for (std::size_t i = 0; i + 1 < n; ++i) {
        graph.edges.push_back({i, i + 1, 1, delay});
    }
    return graph;
}

Graph ring(std::size_t n, routing::Time delay) {
    Graph graph = line(n, delay);
    graph.name = "ring:" + std::to_string(n);
    if (n > 2) {
        graph.edges.push_back({n - 1, 0, 1, delay});
    }
    return graph;
}

Graph mesh(std::size_t n, routing::Time delay) {
    Graph graph = {"mesh:" + std::to_string(n), numbered(n), {}};
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = i + 1; k < n; ++k) {
            graph.edges.push_back({i, k, 1, delay});
        }
    }
    return graph;
}

Graph star(std::size_t n, routing::Time delay) {
    Graph graph = {"star:" + std::to_string(n), numbered(n), {}};
    for (std::size_t i = 1; i < n; ++i) {
        graph.edges.push_back({0, i, 1, delay});
    }
    return graph;
}

Graph grid(std::size_t rows, std::size_t columns, routing::Time delay) {
    Graph graph = {"grid:" + std::to_string(rows) + "x" + std::to_string(columns),
                   numbered(rows * columns),
                   {}};
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            const std::size_t at = r * columns + c;
            if (c + 1 < columns) {
                graph.edges.push_back({at, at + 1, 1, delay});
            }
            if (r + 1 < rows) {
                graph.edges.push_back({at, at + columns, 1, delay});
            }
        }
    }
    return graph;
}

Graph geometric(std::size_t n, std::uint64_t seed) {
    Random random(seed);
    Graph graph = {"geo:" + std::to_string(n), numbered(n), {}};
    std::vector<std::pair<double, double>> points;
    for (std::size_t i = 0; i < n; ++i) {
        const double x = random.unit();
        points.emplace_back(x, random.unit());
    }

    struct Candidate {
        double distance;
        std::size_t a;
        std::size_t b;
    };

    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = i + 1; k < n; ++k) {
            const double dx = points[i].first - points[k].first;
            const double dy = points[i].second - points[k].second;
            candidates.push_back({std::sqrt(dx * dx + dy * dy), i, k});
        }
    }
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& x, const Candidate& y) {
        return x.distance < y.distance;
    });
    Components components(n);
    std::vector<std::size_t> degree(n, 0);
    for (const Candidate& candidate : candidates) {
        const bool joins = components.join(candidate.a, candidate.b);
        if (joins || (degree[candidate.a] < 4 && degree[candidate.b] < 4)) {
            ++degree[candidate.a];
            ++degree[candidate.b];
            const auto delay = static_cast<routing::Time>(candidate.distance * 20'000) + 100;
            graph.edges.push_back({candidate.a, candidate.b, 1, delay});
        }
    }
    return graph;
}

Graph random_graph(std::size_t n, std::size_t extra, std::uint64_t seed) {
    Random random(seed);
    Graph graph = {"random:" + std::to_string(n), numbered(n), {}};
    const auto add = [&](std::size_t a, std::size_t b) {
        graph.edges.push_back(
            {a, b, static_cast<routing::Cost>(random.between(1, 10)), random.between(50, 5'000)});
    };
    for (std::size_t i = 1; i < n; ++i) {
        add(i, random.below(i));
    }
    for (std::size_t i = 0; i < extra && n > 1; ++i) {
        const std::size_t a = random.below(n);
        add(a, (a + 1 + random.below(n - 1)) % n);
    }
    return graph;
}

std::optional<Graph> parse_topology(std::string_view spec, std::string& error) {
    const std::size_t colon = spec.find(':');
    if (colon == std::string_view::npos || spec.ends_with(".edges")) {
        return read_edges(std::string(spec), error);
    }
    const std::string_view kind = spec.substr(0, colon);
    const std::string_view size = spec.substr(colon + 1);
    error = "want FILE.edges, ring:N, line:N, mesh:N, star:N, grid:RxC or geo:N, not " +
            std::string(spec);
    if (kind == "grid") {
        const std::size_t x = size.find('x');
        const auto rows = number(size.substr(0, x));
        const auto columns =
            x == std::string_view::npos ? std::nullopt : number(size.substr(x + 1));
        return rows && columns ? std::optional(grid(*rows, *columns)) : std::nullopt;
    }
    const auto n = number(size);
    if (!n) {
        return std::nullopt;
    }
    if (kind == "geo") {
        return geometric(*n, 1);
    }
    const std::map<std::string_view, Graph (*)(std::size_t, routing::Time)> makers = {
        {"ring", ring}, {"line", line}, {"mesh", mesh}, {"star", star}};
    const auto maker = makers.find(kind);
    return maker == makers.end() ? std::nullopt
                                 : std::optional(maker->second(*n, routing::kMillisecond));
}

routing::Time diameter(const Graph& graph) {
    using Item = std::pair<routing::Time, std::size_t>;
    std::vector<std::vector<Item>> near(graph.nodes.size());
    for (const GraphEdge& edge : graph.edges) {
        near[edge.a].emplace_back(edge.delay, edge.b);
        near[edge.b].emplace_back(edge.delay, edge.a);
    }
    routing::Time longest = 0;
    for (std::size_t source = 0; source < graph.nodes.size(); ++source) {
        std::vector<routing::Time> distance(graph.nodes.size(), ~routing::Time{0});
        std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
        distance[source] = 0;
        queue.emplace(0, source);
        while (!queue.empty()) {
            const Item top = queue.top();
            queue.pop();
            if (top.first != distance[top.second]) {
                continue;
            }
            longest = std::max(longest, top.first);
            for (const auto& [delay, to] : near[top.second]) {
                if (top.first + delay < distance[to]) {
                    distance[to] = top.first + delay;
                    queue.emplace(distance[to], to);
                }
            }
        }
    }
    return longest;
}

routing::Topology as_topology(const Graph& graph) {
    using Edge = routing::Topology::Edge;
    std::vector<std::vector<Edge>> out(graph.nodes.size());
    routing::AdjacencyId last = 0;
    for (const GraphEdge& edge : graph.edges) {
        out[edge.a].push_back({static_cast<std::uint32_t>(edge.b), edge.cost, ++last});
        out[edge.b].push_back({static_cast<std::uint32_t>(edge.a), edge.cost, ++last});
    }
    routing::Topology topology;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        topology.ids.push_back(i + 1);
        topology.names.push_back(graph.nodes[i]);
        topology.incarnations.push_back(1);
        topology.no_transit.push_back(false);
        topology.first.push_back(static_cast<std::uint32_t>(topology.edges.size()));
        std::sort(out[i].begin(), out[i].end(), [](const Edge& x, const Edge& y) {
            return std::tie(x.to, x.cost, x.adjacency) < std::tie(y.to, y.cost, y.adjacency);
        });
        topology.edges.insert(topology.edges.end(), out[i].begin(), out[i].end());
    }
    topology.first.push_back(static_cast<std::uint32_t>(topology.edges.size()));
    return topology;
}

}  // namespace amqmesh::sim
