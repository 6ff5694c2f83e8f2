#include "mgmt/remote_nodes.h"

#include "mgmt/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace amqmesh::mgmt {

namespace {

// Sebastiano Vigna's splitmix64, public domain: every state gives another number.
std::uint64_t next_random(std::uint64_t& state) {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
}

std::string management_of(std::string_view node) {
    return fmt::format("amqp:/_topo/0/{}/$management", node);
}

// A number and a secret: "12-3f…".
std::optional<std::uint64_t> number_of(std::string_view correlation) {
    std::uint64_t number = 0;
    const char* end = correlation.data() + correlation.size();
    const auto parsed = std::from_chars(correlation.data(), end, number);
    const bool valid = parsed.ec == std::errc{} && parsed.ptr != end && *parsed.ptr == '-';
    return valid ? std::optional<std::uint64_t>{number} : std::nullopt;
}

RemoteRows failed(int status, std::string text) {
    return {.status = status, .text = std::move(text)};
}

RemoteRows rows_of(Answer&& answer, const std::string& node) {
    if (answer.code != static_cast<std::int64_t>(Code::kOk)) {
        constexpr std::int64_t kFirst = 400;
        constexpr std::int64_t kLast = 599;
        const bool sensible = answer.code >= kFirst && answer.code <= kLast;
        return failed(sensible ? static_cast<int>(answer.code) : 502,
                      fmt::format("{} says: {}", node, answer.text));
    }
    RemoteRows out;
    auto* body = answer.body.as<Map>();
    for (std::size_t i = 0; body != nullptr && i < body->size(); ++i) {
        auto& [key, value] = (*body)[i];
        auto* list = value.as<List>();
        if (list == nullptr) {
            continue;
        }
        if (key == "attributeNames") {
            for (const Value& name : *list) {
                out.columns.emplace_back(name.text());
            }
        } else if (key == "results") {
            out.rows = std::move(*list);
        }
    }
    const bool table = std::ranges::all_of(out.rows, [&out](const Value& row) {
        const auto* cells = row.as<List>();
        return cells != nullptr && cells->size() == out.columns.size();
    });
    return table ? out : failed(502, node + " answered with something that is no table");
}

}  // namespace

RemoteNodes::RemoteNodes(std::string own_id, std::uint64_t seed, Send send)
    : reply_to_(management_of(own_id)), random_(seed), send_(std::move(send)) {}

void RemoteNodes::set_now(std::uint64_t now_us) {
    now_us_ = std::max(now_us, now_us_);
    // All wait equally long: the oldest come first.
    while (!pending_.empty() && pending_.begin()->second.until_us <= now_us_) {
        Pending late = std::move(pending_.begin()->second);
        pending_.erase(pending_.begin());
        late.done(failed(504, late.node + " does not answer"));
    }
}

std::optional<std::uint64_t> RemoteNodes::next_deadline() const {
    return pending_.empty() ? std::nullopt : std::optional{pending_.begin()->second.until_us};
}

void RemoteNodes::query(const RemoteQuestion& question, RemoteDone done) {
    if (pending_.size() >= kPendingMax) {
        done(failed(503, "too many questions to other nodes are under way"));
        return;
    }
    const std::uint64_t number = ++last_;
    std::string secret = fmt::format("{}-{:016x}", number, next_random(random_));
    List columns;
    for (const std::string& name : question.columns) {
        columns.emplace_back(name);
    }
    Question request{.to = management_of(question.node),
                     .reply_to = reply_to_,
                     .correlation = secret,
                     .properties = {{"operation", "QUERY"},
                                    {"type", "org.amqp.management"},
                                    {"name", "self"},
                                    {"entityType", question.type->long_name()},
                                    {"offset", question.page.offset},
                                    {"count", std::min(question.page.count, kRowsMax)}},
                     .body = Map{{"attributeNames", std::move(columns)}}};
    pending_.emplace(number,
                     Pending{.secret = std::move(secret),
                             .node = question.node,
                             .until_us = now_us_ + kPatienceUs,
                             .done = std::move(done)});
    std::string message = encode_request(request);
    send_(std::move(request.to), std::move(message));
}

bool RemoteNodes::on_message(std::string_view message) {
    if (pending_.empty()) {
        return false;
    }
    std::optional<Answer> answer = decode_response(message);
    const auto number = answer ? number_of(answer->correlation) : std::nullopt;
    const auto found = number ? pending_.find(*number) : pending_.end();
    if (found == pending_.end() || found->second.secret != answer->correlation) {
        return false;
    }
    const Pending asked = std::move(found->second);
    pending_.erase(found);
    asked.done(rows_of(std::move(*answer), asked.node));
    return true;
}

}  // namespace amqmesh::mgmt
