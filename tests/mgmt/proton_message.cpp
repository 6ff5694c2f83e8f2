#include "tests/mgmt/proton_message.h"

#include <proton/codec.h>
#include <proton/message.h>

#include <algorithm>
#include <array>
#include <memory>

namespace amqmesh::mgmt::test {

namespace {

struct FreeMessage {
    void operator()(pn_message_t* message) const { pn_message_free(message); }
};

using MessagePtr = std::unique_ptr<pn_message_t, FreeMessage>;

pn_bytes_t bytes_of(const std::string& text) {
    return pn_bytes(text.size(), text.data());
}

std::string text_of(pn_bytes_t bytes) {
    return {bytes.start, bytes.size};
}

void put(pn_data_t* data, const Value& value) {
    if (const auto* text = value.as<std::string>()) {
        pn_data_put_string(data, bytes_of(*text));
    } else if (const auto* boolean = value.as<bool>()) {
        pn_data_put_bool(data, *boolean);
    } else if (const auto* integer = value.as<std::int64_t>()) {
        pn_data_put_int(data, static_cast<std::int32_t>(*integer));
    } else if (const auto* natural = value.as<std::uint64_t>()) {
        pn_data_put_ulong(data, *natural);
    } else if (const auto* number = value.as<double>()) {
        pn_data_put_double(data, *number);
    } else if (const auto* list = value.as<List>()) {
        pn_data_put_list(data);
        pn_data_enter(data);
        for (const Value& item : *list) {
            put(data, item);
        }
        pn_data_exit(data);
    } else if (const auto* map = value.as<Map>()) {
        pn_data_put_map(data);
        pn_data_enter(data);
        for (const auto& entry : *map) {
            pn_data_put_string(data, bytes_of(entry.first));
            put(data, entry.second);
        }
        pn_data_exit(data);
    } else {
        pn_data_put_null(data);
    }
}

void put_id(pn_data_t* data, const MessageId& id) {
    if (const auto* text = std::get_if<std::string>(&id)) {
        pn_data_put_string(data, bytes_of(*text));
    } else if (const auto* number = std::get_if<std::uint64_t>(&id)) {
        pn_data_put_ulong(data, *number);
    } else if (const auto* uuid = std::get_if<Uuid>(&id)) {
        pn_uuid_t raw{};
        std::copy_n(uuid->bytes.begin(), sizeof raw.bytes, std::begin(raw.bytes));
        pn_data_put_uuid(data, raw);
    } else if (const auto* binary = std::get_if<Binary>(&id)) {
        pn_data_put_binary(data, bytes_of(binary->bytes));
    }
}

Value get(pn_data_t* data);

Map get_map(pn_data_t* data) {
    Map map;
    pn_data_enter(data);
    while (pn_data_next(data)) {
        std::string key{get(data).text()};
        pn_data_next(data);
        map.emplace_back(std::move(key), get(data));
    }
    pn_data_exit(data);
    return map;
}

List get_list(pn_data_t* data) {
    List list;
    pn_data_enter(data);
    while (pn_data_next(data)) {
        list.push_back(get(data));
    }
    pn_data_exit(data);
    return list;
}

Value get(pn_data_t* data) {
    switch (pn_data_type(data)) {
        case PN_BOOL:
            return pn_data_get_bool(data);
        case PN_INT:
            return std::int64_t{pn_data_get_int(data)};
        case PN_LONG:
            return std::int64_t{pn_data_get_long(data)};
        case PN_ULONG:
            return std::uint64_t{pn_data_get_ulong(data)};
        case PN_DOUBLE:
            return pn_data_get_double(data);
        case PN_STRING:
            return text_of(pn_data_get_string(data));
        case PN_MAP:
            return get_map(data);
        case PN_LIST:
            return get_list(data);
        default:
            return {};
    }
}

MessageId get_id(pn_data_t* data) {
    pn_data_rewind(data);
    if (!pn_data_next(data)) {
        return {};
    }
    switch (pn_data_type(data)) {
        case PN_STRING:
            return text_of(pn_data_get_string(data));
        case PN_ULONG:
            return std::uint64_t{pn_data_get_ulong(data)};
        case PN_UUID: {
            const pn_uuid_t raw = pn_data_get_uuid(data);
            return Uuid{std::string{std::begin(raw.bytes), std::end(raw.bytes)}};
        }
        case PN_BINARY:
            return Binary{text_of(pn_data_get_binary(data))};
        default:
            return {};
    }
}

}  // namespace

std::string encode(const RequestSpec& spec) {
    const MessagePtr message{pn_message()};
    if (!spec.reply_to.empty()) {
        pn_message_set_reply_to(message.get(), spec.reply_to.c_str());
    }
    put_id(pn_message_correlation_id(message.get()), spec.correlation_id);
    put_id(pn_message_id(message.get()), spec.message_id);
    Map properties = spec.properties;
    if (!spec.operation.empty()) {
        properties.emplace_back("operation", spec.operation);
    }
    put(pn_message_properties(message.get()), Value{std::move(properties)});
    if (!spec.body.is_null()) {
        put(pn_message_body(message.get()), spec.body);
    }
    std::string out(1U << 20U, '\0');
    std::size_t size = out.size();
    if (pn_message_encode(message.get(), out.data(), &size) != 0) {
        return {};
    }
    out.resize(size);
    return out;
}

std::optional<Response> decode(const std::string& bytes) {
    const MessagePtr message{pn_message()};
    if (pn_message_decode(message.get(), bytes.data(), bytes.size()) != 0) {
        return std::nullopt;
    }
    Response response;
    response.durable = pn_message_is_durable(message.get());
    const char* address = pn_message_get_address(message.get());
    response.address = address != nullptr ? address : "";
    response.correlation_id = get_id(pn_message_correlation_id(message.get()));
    pn_data_t* properties = pn_message_properties(message.get());
    pn_data_rewind(properties);
    if (pn_data_next(properties)) {
        const Map map = get_map(properties);
        const Value* code = find(map, "statusCode");
        const Value* text = find(map, "statusDescription");
        response.code = code != nullptr ? code->integer() : 0;
        response.text = text != nullptr ? std::string{text->text()} : std::string{};
    }
    pn_data_t* body = pn_message_body(message.get());
    pn_data_rewind(body);
    if (pn_data_next(body)) {
        response.body = get(body);
    }
    return response;
}

}  // namespace amqmesh::mgmt::test
