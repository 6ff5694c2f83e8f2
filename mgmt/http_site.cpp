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

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

struct Question {
    std::vector<std::size_t> columns;  // empty: all
    std::size_t offset = 0;
    std::size_t count = kRowsMax;
};

bool parse_number(std::string_view text, std::size_t& out) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
    return result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

// nullopt and `why` when there is something that the type or we do not know.
std::optional<Question> parse_question(const EntityType& type,
                                       std::string_view query,
                                       std::string& why) {
    Question question;
    for (const std::string_view part : split(query, '&')) {
        const std::size_t equals = std::min(part.find('='), part.size());
        const std::string_view key = part.substr(0, equals);
        const std::string_view value = part.substr(std::min(equals + 1, part.size()));
        if (key == "attributes") {
            for (const std::string_view name : split(value, ',')) {
                question.columns.push_back(type.index_of(name));
                if (question.columns.back() == EntityType::npos) {
                    why = std::string{type.name} + " has no attribute " + std::string{name};
                    return std::nullopt;
                }
            }
        } else if ((key != "offset" || !parse_number(value, question.offset)) &&
                   (key != "count" || !parse_number(value, question.count))) {
            why = "only attributes=NAME,… offset=NUMBER and count=NUMBER are understood";
            return std::nullopt;
        }
    }
    question.count = std::min(question.count, kRowsMax);
    return question;
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

HttpResponse rows_response(const std::vector<Row>& rows, const Question& question) {
    const std::size_t first = std::min(question.offset, rows.size());
    const std::size_t count = std::min(question.count, rows.size() - first);
    List results;
    for (std::size_t i = first; i < first + count; ++i) {
        results.push_back(row_value(rows[i], question.columns));
    }
    return json(Map{{"total", rows.size()}, {"offset", first}, {"results", std::move(results)}});
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
    : source_(source), readiness_(std::move(readiness)), metrics_(metrics) {}

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
        done({.body = "ok\n"});
    } else if (path == "/readyz") {
        const std::string missing = readiness_();
        done(missing.empty() ? HttpResponse{.body = "ok\n"}
                             : HttpResponse{.status = 503, .body = "not ready: " + missing + "\n"});
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
    const std::optional<Question> question = parse_question(*type, query, why);
    if (!question) {
        done(failure(400, why));
        return;
    }
    Directory{source_}.rows(
        *type, [done = std::move(done), question = *question](std::vector<Row>&& rows) {
            done(rows_response(rows, question));
        });
}

}  // namespace amqmesh::mgmt
