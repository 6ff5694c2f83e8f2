#include "mgmt/message.h"

#include "mgmt/amqp_value.h"

namespace amqmesh::mgmt {

namespace {

// Descriptors of sections, AMQP 3.2.
enum Section : std::uint8_t {
    kHeader = 0x70,
    kDeliveryAnnotations = 0x71,
    kMessageAnnotations = 0x72,
    kProperties = 0x73,
    kApplicationProperties = 0x74,
    kData = 0x75,
    kSequence = 0x76,
    kValue = 0x77,
    kFooter = 0x78
};

// An identifier is a simple value: ulong, uuid, binary or string (AMQP 3.2.11); other simple ones
// do no harm when they are sent back.
bool is_identifier(std::string_view encoded) {
    constexpr unsigned char kNull = 0x40;
    constexpr unsigned char kFirstCompound = 0xc0;
    if (encoded.empty()) {
        return false;
    }
    const auto constructor = static_cast<unsigned char>(encoded[0]);
    ValueReader reader{encoded};
    reader.read();
    return reader.ok() && constructor > kNull && constructor < kFirstCompound;
}

// message-id, user-id, to, subject, reply-to, correlation-id, … (AMQP 3.2.4)
void read_properties(std::string_view section, Request& request) {
    ValueReader reader{section};
    const std::uint32_t count = reader.open_list();
    for (std::uint32_t field = 0; field < count && field < 6 && reader.ok(); ++field) {
        if (field == 4) {
            request.reply_to = reader.read().text();
            continue;
        }
        const std::string_view encoded = reader.skip();
        // Without a correlation-id the message-id is what the requester knows the request by.
        if ((field == 0 || field == 5) && is_identifier(encoded)) {
            request.correlation = encoded;
        }
    }
    if (!reader.ok()) {
        request.error = "the properties section is malformed";
    }
}

void read_section(Section section, ValueReader& reader, Request& request) {
    switch (section) {
        case kProperties:
            read_properties(reader.skip(), request);
            return;
        case kApplicationProperties: {
            Value value = reader.read();
            if (auto* map = value.as<Map>()) {
                request.properties = std::move(*map);
            } else if (request.error.empty()) {
                request.error = "application-properties are no map with text as keys";
            }
            return;
        }
        case kValue:
            request.body = reader.read();
            if (!reader.ok() && request.error.empty()) {
                request.error = "the body has a value that is malformed or of no use here";
            }
            return;
        case kData:
        case kSequence:
            request.error = "the body must be an AMQP value";
            reader.skip();
            return;
        case kHeader:
        case kDeliveryAnnotations:
        case kMessageAnnotations:
        case kFooter:
            reader.skip();
            return;
    }
    reader.skip();
    request.error = "the message has an unknown section";
}

}  // namespace

namespace {

Request decode_sections(std::string_view message) {
    Request request;
    ValueReader reader{message};
    while (reader.ok() && !reader.at_end()) {
        const std::uint64_t descriptor = reader.read_descriptor();
        if (!reader.ok()) {
            break;
        }
        if (descriptor < kHeader || descriptor > kFooter) {
            request.error = "the message has an unknown section";
            break;
        }
        read_section(static_cast<Section>(descriptor), reader, request);
    }
    if (!reader.ok() && request.error.empty()) {
        request.error = "the message is malformed";
    }
    return request;
}

}  // namespace

std::optional<Request> decode_request(std::string_view message) {
    if (message.size() > Agent::kRequestBytesMax) {
        return std::nullopt;
    }
    Request request = decode_sections(message);
    return request.reply_to.empty() ? std::nullopt : std::optional<Request>{std::move(request)};
}

std::optional<Answer> decode_response(std::string_view message) {
    if (message.size() > Agent::kRequestBytesMax) {
        return std::nullopt;
    }
    Request read = decode_sections(message);
    const Value* code = find(read.properties, "statusCode");
    if (!read.error.empty() || code == nullptr || read.correlation.empty()) {
        return std::nullopt;
    }
    Answer answer{.code = code->integer(), .body = std::move(read.body)};
    answer.correlation = ValueReader{read.correlation}.read().text();
    if (const Value* text = find(read.properties, "statusDescription")) {
        answer.text = text->text();
    }
    return answer.correlation.empty() ? std::nullopt : std::optional<Answer>{std::move(answer)};
}

std::string encode_request(const Question& question) {
    std::string out;
    ValueWriter writer{out};
    writer.descriptor(kProperties);
    const std::size_t properties = writer.open_list(6);
    writer.null();  // message-id
    writer.null();  // user-id
    writer.string(question.to);
    writer.null();  // subject
    writer.string(question.reply_to);
    writer.string(question.correlation);
    writer.close(properties);
    writer.descriptor(kApplicationProperties);
    writer.value(question.properties);
    writer.descriptor(kValue);
    writer.value(question.body);
    return out;
}

std::string encode_response(const Request& request, Code code, std::string_view description) {
    std::string out;
    ValueWriter writer{out};
    writer.descriptor(kHeader);
    const std::size_t header = writer.open_list(1);
    writer.boolean(false);  // durable
    writer.close(header);
    writer.descriptor(kProperties);
    const std::size_t properties = writer.open_list(6);
    writer.null();  // message-id
    writer.null();  // user-id
    writer.string(request.reply_to);
    writer.null();  // subject
    writer.null();  // reply-to
    if (request.correlation.empty()) {
        writer.null();
    } else {
        out += request.correlation;
    }
    writer.close(properties);
    writer.descriptor(kApplicationProperties);
    const std::size_t status = writer.open_map(4);
    writer.string("statusCode");
    writer.integer32(static_cast<std::int32_t>(code));
    writer.string("statusDescription");
    writer.string(description);
    writer.close(status);
    writer.descriptor(kValue);
    return out;
}

}  // namespace amqmesh::mgmt
