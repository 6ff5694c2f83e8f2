#include "mgmt/agent_exchange.h"

#include "mgmt/schema_convert.h"

#include <utility>

namespace amqmesh::mgmt {

namespace {

std::string_view default_text(Code code) {
    switch (code) {
        case Code::kOk:
            return "OK";
        case Code::kCreated:
            return "Created";
        case Code::kNoContent:
            return "No Content";
        case Code::kBadRequest:
            return "Bad Request";
        case Code::kForbidden:
            return "Forbidden";
        case Code::kNotFound:
            return "Not Found";
        case Code::kInternal:
            return "Internal Error";
        case Code::kNotImplemented:
            return "Not Implemented";
    }
    return "";
}

}  // namespace

Exchange::Exchange(Request&& request, SendReply&& send, std::shared_ptr<std::size_t> pending)
    : request_(std::move(request)), send_(std::move(send)), pending_(std::move(pending)) {
    ++*pending_;
}

Exchange::~Exchange() {
    --*pending_;
}

std::string_view Exchange::property(std::string_view key) const {
    const Value* value = find(request_.properties, key);
    return value != nullptr ? value->text() : std::string_view{};
}

std::optional<std::size_t> Exchange::number(std::string_view key, std::size_t fallback) const {
    const Value* value = find(request_.properties, key);
    if (value == nullptr || value->is_null()) {
        return fallback;
    }
    // Command lines that do not know the type of a property send it as text.
    std::int64_t number = -1;
    const bool valid = parse_integer(*value, number);
    return valid && number >= 0 ? std::optional<std::size_t>{static_cast<std::size_t>(number)}
                                : std::nullopt;
}

Dialect Exchange::dialect() const {
    const std::string_view of = property("entityType");
    return dialect_of(of.empty() ? property("type") : of);
}

void Exchange::send(std::string&& message) {
    if (SendReply send = std::exchange(send_, nullptr)) {
        send({.to = request_.reply_to, .message = std::move(message)});
    }
}

void Exchange::reply(Code code, std::string_view description, const Value& body) {
    std::string message =
        encode_response(request_, code, description.empty() ? default_text(code) : description);
    ValueWriter{message}.value(body);
    send(std::move(message));
}

void Exchange::fail(Code code, std::string_view text) {
    reply(code, text, Value{Map{}});
}

}  // namespace amqmesh::mgmt
