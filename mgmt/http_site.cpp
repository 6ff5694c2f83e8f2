#include "mgmt/http_site.h"

#include "mgmt/agent_directory.h"
#include "mgmt/http_console.h"
#include "mgmt/schema_export.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace amqmesh::mgmt {

namespace {

constexpr std::size_t kRowsMax = 10'000;  // per response, unless `count` asks for fewer

HttpResponse json(const Value& value) {
    return {.status = 200, .content_type = "application/json", .body = to_json(value) + "\n"};
}

HttpResponse failure(int status, std::string_view text) {
    return {.status = status,
            .content_type = "application/json",
            .body = to_json(Value{Map{{"error", text}}}) + "\n"};
}

HttpResponse health_response(std::string_view what, const std::string& why) {
    return why.empty() ? HttpResponse{.body = "ok\n"}
                       : HttpResponse{.status = 503, .body = std::string{what} + why + "\n"};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

struct Wish {
    std::vector<std::size_t> columns;  // empty: all
    Page page{.offset = 0, .count = kRowsMax};
    std::string node;  // empty: this one
};

/// RFC 3986, 2.1; what is no valid escape stands for itself.
std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned code = 0;
        const char* begin = text.data() + i + 1;
        const bool escape = text[i] == '%' && i + 2 < text.size() &&
                            std::from_chars(begin, begin + 2, code, 16).ptr == begin + 2;
        out += escape ? static_cast<char>(code) : text[i];
        i += escape ? 2 : 0;
    }
    return out;
}

bool parse_number(std::string_view text, std::size_t& out) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
    return result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

// nullopt and `why` when there is something that the type or we do not know.
std::optional<Wish> parse_wish(const EntityType& type, std::string_view query, std::string& why) {
    Wish wish;
    for (const std::string_view part : split(query, '&')) {
        const std::size_t equals = std::min(part.find('='), part.size());
        const std::string key = percent_decoded(part.substr(0, equals));
        const std::string value = percent_decoded(part.substr(std::min(equals + 1, part.size())));
        if (key == "attributes") {
            for (const std::string_view name : split(value, ',')) {
                wish.columns.push_back(type.index_of(name));
                if (wish.columns.back() == EntityType::npos) {
                    why = std::string{type.name} + " has no attribute " + std::string{name};
                    return std::nullopt;
                }
            }
        } else if (key == "node") {
            wish.node = value;
        } else if ((key != "offset" || !parse_number(value, wish.page.offset)) &&
                   (key != "count" || !parse_number(value, wish.page.count))) {
            why = "only attributes=NAME,… offset=NUMBER count=NUMBER and node=ID are understood";
            return std::nullopt;
        }
    }
    wish.page.count = std::min(wish.page.count, kRowsMax);
    return wish;
}

Value row_value(const Row& row, const std::vector<std::size_t>& columns) {
    Map out;
    const auto add = [&](std::size_t index) {
        const Attribute& attribute = row.type().attributes[index];
        if (attribute.name == "type") {
            out.emplace_back("type", row.type().long_name());
        } else if (!attribute.hidden) {
            out.emplace_back(attribute.name, row[index]);
        }
    };
    if (columns.empty()) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            add(i);
        }
    } else {
        for (const std::size_t index : columns) {
            add(index);
        }
    }
    return out;
}

HttpResponse rows_response(const std::vector<Row>& rows, const Wish& wish) {
    const std::size_t first = std::min(wish.page.offset, rows.size());
    const std::size_t count = std::min(wish.page.count, rows.size() - first);
    List results;
    for (std::size_t i = first; i < first + count; ++i) {
        results.push_back(row_value(rows[i], wish.columns));
    }
    return json(Map{{"total", rows.size()}, {"offset", first}, {"results", std::move(results)}});
}

void answer_rows(Source& source, const EntityType& type, const Wish& wish, HttpDone done) {
    Directory{source}.rows(
        type, [&source, wish, done = std::move(done)](std::vector<Row>&& rows) mutable {
            offload(
                source.background(),
                [wish, rows = std::move(rows)]() mutable {
                    const std::vector<Row> once = std::move(rows);
                    return rows_response(once, wish);
                },
                [done = std::move(done)](HttpResponse&& response) { done(std::move(response)); });
        });
}

// Of a full page one does not know how many more there are.
HttpResponse remote_response(RemoteRows&& rows, const Page& page) {
    if (rows.status != 200) {
        return failure(rows.status, rows.text);
    }
    const bool last = rows.rows.size() < page.count;
    Value total = last ? Value{page.offset + rows.rows.size()} : Value{};
    List results;
    for (Value& row : rows.rows) {
        auto* cells = row.as<List>();
        Map out;
        for (std::size_t i = 0; cells != nullptr && i < rows.columns.size(); ++i) {
            out.emplace_back(rows.columns[i], std::move((*cells)[i]));
        }
        results.emplace_back(std::move(out));
    }
    return json(
        Map{{"total", std::move(total)}, {"offset", page.offset}, {"results", std::move(results)}});
}

HttpResponse types_response() {
    List types;
    for (const EntityType& type : all_types()) {
        types.push_back(Map{{"type", type.name}, {"description", type.description}});
    }
    return json(types);
}

}  // namespace

HttpSite::HttpSite(Source& source, Readiness readiness, MetricsOptions metrics)
    : HttpSite(source, std::move(readiness), metrics, Mesh{}) {}

HttpSite::HttpSite(Source& source, Readiness readiness, MetricsOptions metrics, Mesh mesh)
    : source_(source),
      readiness_(std::move(readiness)),
      metrics_(metrics),
      mesh_(std::move(mesh)) {}

void HttpSite::get(std::string_view target, HttpDone done) {
    const std::size_t mark = std::min(target.find('?'), target.size());
    const std::string_view path = target.substr(0, mark);
    const std::string_view query = target.substr(std::min(mark + 1, target.size()));
    if (path == "/metrics") {
        gather_metrics(source_, metrics_, [done = std::move(done)](std::string&& text) {
            done({.status = 200,
                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                  .body = std::move(text)});
        });
    } else if (path == "/livez" || path == "/healthz") {
        done(health_response("not live: ", liveness_ ? liveness_() : std::string{}));
    } else if (path == "/readyz") {
        done(health_response("not ready: ", readiness_()));
    } else if (const ConsoleFile* file = find_console_file(path)) {
        done({.status = 200,
              .content_type = std::string{file->content_type},
              .body = std::string{file->text}});
    } else if (path == "/api" || path.starts_with("/api/")) {
        get_api(path.substr(4), query, std::move(done));
    } else {
        done(failure(404, "there are / (the console), /metrics, /livez, /readyz and /api"));
    }
}

void HttpSite::get_api(std::string_view path, std::string_view query, HttpDone done) {
    while (path.starts_with('/')) {
        path.remove_prefix(1);
    }
    if (path.empty()) {
        done(types_response());
        return;
    }
    if (path == "schema") {
        done(json(schema_value()));
        return;
    }
    const EntityType* type = find_type(path);
    if (type == nullptr) {
        done(failure(404, "there is no such entity type; /api lists them"));
        return;
    }
    std::string why;
    const std::optional<Wish> wish = parse_wish(*type, query, why);
    if (!wish) {
        done(failure(400, why));
    } else if (!wish->node.empty() && wish->node != mesh_.own_id) {
        get_remote(*type, wish->node, wish->columns, wish->page, std::move(done));
    } else {
        answer_rows(source_, *type, *wish, std::move(done));
    }
}

void HttpSite::get_remote(const EntityType& type,
                          const std::string& node,
                          const std::vector<std::size_t>& columns,
                          Page page,
                          HttpDone done) {
    const std::vector<std::string> known = source_.mesh_routers();
    if (mesh_.nodes == nullptr || std::ranges::find(known, node) == known.end()) {
        done(failure(404, "there is no such node; /api/router.node lists them"));
        return;
    }
    page.count = std::min(page.count, RemoteNodes::kRowsMax);
    RemoteQuestion question{.node = node, .type = &type, .page = page};
    for (const std::size_t index : columns) {
        question.columns.emplace_back(type.attributes[index].name);
    }
    mesh_.nodes->query(question, [page, done = std::move(done)](RemoteRows&& rows) {
        done(remote_response(std::move(rows), page));
    });
}

}  // namespace amqmesh::mgmt
