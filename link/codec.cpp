#include "link/codec.h"

#include "link/assert.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

namespace amqmesh::link {

namespace {

std::string to_string(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// `value` is one whole value. What is no symbol is left out.
void append_symbols(Bytes value, std::vector<std::string>& symbols) {
    const auto code = std::to_integer<unsigned>(value[0]);
    if (code == 0xa3 || code == 0xb3) {
        symbols.push_back(to_string(value.subspan(code == 0xa3 ? 2 : 5)));
        return;
    }
    if (code != 0xe0 && code != 0xf0) {
        return;
    }
    const std::size_t width = code == 0xe0 ? 1 : 4;
    std::size_t at = 1 + width;
    if (value.size() < at + width + 1) {
        return;
    }
    at += width;
    const auto element = std::to_integer<unsigned>(value[at]);
    const std::size_t header = element == 0xa3 ? 1 : 4;
    for (++at; (element == 0xa3 || element == 0xb3) && value.size() - at >= header;) {
        const std::size_t bytes =
            header == 1 ? std::to_integer<std::size_t>(value[at]) : load_u32(&value[at]);
        at += header;
        if (bytes > value.size() - at) {
            return;
        }
        symbols.push_back(to_string(value.subspan(at, bytes)));
        at += bytes;
    }
}

/// Reads the fields of a performative in order. A wrong type or an overrun makes it fail for good;
/// an absent field (null, or past the end of the list) is no failure.
class FieldReader {
  public:
    explicit FieldReader(const Body& body)
        : at_(body.fields.data()), end_(at_ + body.fields.size()), left_(body.count) {}

    [[nodiscard]] bool ok() const { return ok_; }

    std::optional<std::uint32_t> read_uint() {
        if (!take()) {
            return std::nullopt;
        }
        const auto code = std::to_integer<unsigned>(*at_);
        if (code == 0x43) {
            ++at_;
            return 0;
        }
        if (code == 0x52 && remaining() >= 2) {
            const auto value = std::to_integer<std::uint32_t>(at_[1]);
            at_ += 2;
            return value;
        }
        if (code == 0x70 && remaining() >= 5) {
            const std::uint32_t value = load_u32(at_ + 1);
            at_ += 5;
            return value;
        }
        return fail<std::uint32_t>();
    }

    std::optional<std::uint16_t> read_ushort() {
        if (!take()) {
            return std::nullopt;
        }
        if (std::to_integer<unsigned>(*at_) == 0x60 && remaining() >= 3) {
            const std::uint16_t value = load_u16(at_ + 1);
            at_ += 3;
            return value;
        }
        return fail<std::uint16_t>();
    }

    std::optional<std::uint8_t> read_ubyte() {
        if (!take()) {
            return std::nullopt;
        }
        if (std::to_integer<unsigned>(*at_) == 0x50 && remaining() >= 2) {
            const auto value = std::to_integer<std::uint8_t>(at_[1]);
            at_ += 2;
            return value;
        }
        return fail<std::uint8_t>();
    }

    std::optional<bool> read_bool() {
        if (!take()) {
            return std::nullopt;
        }
        const auto code = std::to_integer<unsigned>(*at_);
        if (code == 0x41 || code == 0x42) {
            ++at_;
            return code == 0x41;
        }
        if (code == 0x56 && remaining() >= 2) {
            const bool value = at_[1] != std::byte{0};
            at_ += 2;
            return value;
        }
        return fail<bool>();
    }

    void read_binary(std::optional<Bytes>& value) { read_variable(0xa0, value); }

    std::optional<std::string_view> read_string() {
        std::optional<Bytes> bytes;
        read_variable(0xa1, bytes);
        if (!bytes) {
            return std::nullopt;
        }
        return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    }

    std::optional<ReceiverSettleMode> read_receiver_settle_mode() {
        const std::optional<std::uint8_t> mode = read_ubyte();
        if (!mode) {
            return std::nullopt;
        }
        if (*mode > 1) {
            return fail<ReceiverSettleMode>();
        }
        return static_cast<ReceiverSettleMode>(*mode);
    }

    /// One symbol, or an array of them.
    std::vector<std::string> read_symbols() {
        std::vector<std::string> symbols;
        if (!take()) {
            return symbols;
        }
        const std::size_t size = value_size({at_, end_});
        if (size == 0) {
            give_up();
            return symbols;
        }
        append_symbols({at_, size}, symbols);
        at_ += size;
        return symbols;
    }

    void read_state(DeliveryState& state) {
        if (!take()) {
            state.outcome = Outcome::kNone;
            state.raw = {};
            return;
        }
        const std::size_t size = value_size({at_, end_});
        if (size == 0) {
            give_up();
            return;
        }
        state = decode_state({at_, size});
        at_ += size;
    }

    void skip(unsigned count) {
        for (; count > 0; --count) {
            if (!take()) {
                continue;  // null
            }
            const std::size_t size = value_size({at_, end_});
            if (size == 0) {
                give_up();
            }
            at_ += size;
        }
    }

  private:
    [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

    /// A field is there and not null.
    bool take() {
        if (left_ == 0) {
            return false;
        }
        --left_;
        if (at_ == end_) {
            give_up();
            return false;
        }
        if (*at_ == std::byte{0x40}) {
            ++at_;
            return false;
        }
        return true;
    }

    void give_up() {
        ok_ = false;
        left_ = 0;  // nothing is read any more
    }

    template <typename T>
    std::optional<T> fail() {
        give_up();
        return std::nullopt;
    }

    void read_variable(unsigned small_code, std::optional<Bytes>& value) {
        value.reset();
        if (!take()) {
            return;
        }
        const auto code = std::to_integer<unsigned>(*at_);
        std::size_t header = 2;
        std::size_t size = 0;
        if (code == small_code && remaining() >= 2) {
            size = std::to_integer<std::size_t>(at_[1]);
        } else if (code == small_code + 0x10 && remaining() >= 5) {
            header = 5;
            size = load_u32(at_ + 1);
        } else {
            give_up();
            return;
        }
        if (size > remaining() - header) {
            give_up();
            return;
        }
        value.emplace(at_ + header, size);
        at_ += header + size;
    }

    const std::byte* at_;
    const std::byte* end_;
    std::uint32_t left_;
    bool ok_ = true;
};

/// Writes fields; trailing nulls are left out of the list (AMQP 1.4).
class FieldWriter {
  public:
    /// `small`: all fields together stay below 250 bytes, so that sizes take one octet.
    FieldWriter(std::byte* frame, std::uint16_t channel, Performative performative, bool small)
        : frame_(frame), at_(frame + (small ? kSmallListStart : kListStart)), small_(small) {
        frame[4] = std::byte{2};  // doff, in words
        frame[5] = std::byte{kFrameTypeAmqp};
        store_u16(frame + 6, channel);
        frame[8] = std::byte{0};
        frame[9] = std::byte{0x53};
        frame[10] = static_cast<std::byte>(performative);
        frame[11] = small ? std::byte{0xc0} : std::byte{0xd0};
    }

    void null() { ++nulls_; }

    void write(std::uint32_t value) {
        begin();
        if (value == 0) {
            put(0x43);
        } else if (value < 256) {
            put(0x52);
            put(value);
        } else {
            put(0x70);
            store_u32(at_, value);
            at_ += 4;
        }
    }

    void write(std::optional<std::uint32_t> value) { value ? write(*value) : null(); }

    void write(bool value) {
        begin();
        put(value ? 0x41 : 0x42);
    }

    /// For fields that default to false.
    void write_if(bool value) { value ? write(true) : null(); }

    void write(std::optional<ReceiverSettleMode> mode) {
        if (!mode) {
            null();
            return;
        }
        begin();
        put(0x50);
        put(static_cast<unsigned>(*mode));
    }

    void write_tag(std::optional<Bytes> tag) {
        if (!tag) {
            null();
            return;
        }
        AMQMESH_DEBUG_ASSERT(tag->size() < 256);
        begin();
        put(0xa0);
        put(static_cast<unsigned>(tag->size()));
        put(*tag);
    }

    void write(const DeliveryState& state) {
        if (state.outcome == Outcome::kNone && state.raw.empty()) {
            null();
            return;
        }
        begin();
        if (!state.raw.empty()) {
            put(state.raw);
            return;
        }
        static constexpr std::byte kCode[] = {std::byte{0},
                                              std::byte{0x23},
                                              std::byte{0x24},
                                              std::byte{0x25},
                                              std::byte{0x26},
                                              std::byte{0x27}};
        AMQMESH_DEBUG_ASSERT(state.outcome <= Outcome::kModified && "kOther needs raw bytes");
        put(0x00);
        put(0x53);
        *at_++ = kCode[static_cast<std::size_t>(state.outcome)];
        if (state.outcome == Outcome::kReceived) {  // both fields are mandatory (AMQP 3.4.1)
            put(0xc0);
            put(3);
            put(2);
            put(0x43);
            put(0x44);
        } else {
            put(0x45);
        }
    }

    std::size_t finish(std::size_t payload_bytes) {
        const auto frame_bytes = static_cast<std::size_t>(at_ - frame_);
        if (small_) {
            AMQMESH_DEBUG_ASSERT(frame_bytes - 13 < 256);
            frame_[12] = static_cast<std::byte>(frame_bytes - 13);
            frame_[13] = static_cast<std::byte>(count_);
        } else {
            store_u32(frame_ + 12, static_cast<std::uint32_t>(frame_bytes - 16));
            store_u32(frame_ + 16, count_);
        }
        store_u32(frame_, static_cast<std::uint32_t>(frame_bytes + payload_bytes));
        return frame_bytes;
    }

  private:
    static constexpr std::size_t kSmallListStart = 14;
    static constexpr std::size_t kListStart = 20;

    void begin() {
        for (; nulls_ > 0; --nulls_, ++count_) {
            put(0x40);
        }
        ++count_;
    }

    void put(unsigned octet) { *at_++ = static_cast<std::byte>(octet); }

    void put(Bytes bytes) {
        copy_short(at_, bytes);
        at_ += bytes.size();
    }

    std::byte* frame_;
    std::byte* at_;
    std::uint32_t count_ = 0;
    unsigned nulls_ = 0;
    bool small_;
};

/// With a state of this size the other fields still fit a small list.
constexpr std::size_t kSmallStateBytes = 128;

/// A uint in its usual encodings, at most five octets of which are read.
bool take_uint(const std::byte*& at, std::uint32_t& value) {
    switch (std::to_integer<unsigned>(*at)) {
        case 0x43:
            value = 0;
            at += 1;
            return true;
        case 0x52:
            value = std::to_integer<std::uint32_t>(at[1]);
            at += 2;
            return true;
        case 0x70:
            value = load_u32(at + 1);
            at += 5;
            return true;
        default:
            return false;
    }
}

/// A flag that may be null (then false).
bool take_flag(const std::byte*& at, bool& value) {
    const auto code = std::to_integer<unsigned>(*at++);
    value = code == 0x41;
    return code >= 0x40 && code <= 0x42;
}

/// What nearly every transfer looks like: everything up to message-format there, nothing of note
/// behind `more`, and the frame long enough that each field may be read before the end is checked,
/// once. False: something is unusual or wrong, which the careful reader finds out.
bool decode_plain_transfer(const Body& body, TransferFrame& frame) {
    constexpr std::size_t kReadBytesMax = 5 + 5 + 2 + kTagBytesMax + 5 + 2 + 5;
    constexpr std::uint32_t kFieldsMin = 4;
    constexpr std::uint32_t kFieldsMax = 11;
    if (body.count < kFieldsMin || body.count > kFieldsMax ||
        body.fields.size() + body.payload.size() < kReadBytesMax) {
        return false;
    }
    const std::byte* at = body.fields.data();
    std::uint32_t delivery_id = 0;
    std::uint32_t message_format = 0;
    if (!take_uint(at, frame.handle) || !take_uint(at, delivery_id) || *at != std::byte{0xa0}) {
        return false;
    }
    const auto tag_bytes = std::to_integer<std::size_t>(at[1]);
    if (tag_bytes > kTagBytesMax) {
        return false;
    }
    const Bytes tag{at + 2, tag_bytes};
    at += 2 + tag_bytes;
    frame.settled = false;
    frame.more = false;
    if (!take_uint(at, message_format) || (body.count > 4 && !take_flag(at, frame.settled)) ||
        (body.count > 5 && !take_flag(at, frame.more))) {
        return false;
    }
    for (std::uint32_t field = 6; field < body.count; ++field) {
        const bool flag_of_no_effect = field >= 8 && *at == std::byte{0x42};
        if (*at++ != std::byte{0x40} && !flag_of_no_effect) {
            return false;
        }
    }
    if (at != body.fields.data() + body.fields.size()) {
        return false;
    }
    frame.delivery_id = delivery_id;
    frame.tag = tag;
    frame.message_format = message_format;
    frame.receiver_settle_mode.reset();
    frame.state = {};
    frame.resume = false;
    frame.aborted = false;
    return true;
}

std::byte* put_uint(std::byte* at, std::uint32_t value) {
    if (value < 256) {
        at[0] = std::byte{0x52};
        at[1] = static_cast<std::byte>(value);
        return at + 2;
    }
    at[0] = std::byte{0x70};
    store_u32(at + 1, value);
    return at + 5;
}

}  // namespace

DeliveryState decode_state(Bytes raw) {
    DeliveryState state{.outcome = Outcome::kOther, .raw = raw};
    std::uint64_t code = 0;
    if (raw.size() >= 4 && raw[0] == std::byte{0} && raw[1] == std::byte{0x53}) {
        code = std::to_integer<std::uint64_t>(raw[2]);
    } else if (raw.size() >= 11 && raw[0] == std::byte{0} && raw[1] == std::byte{0x80}) {
        code = (static_cast<std::uint64_t>(load_u32(&raw[2])) << 32U) | load_u32(&raw[6]);
    }
    switch (code) {
        case 0x23:
            state.outcome = Outcome::kReceived;
            break;
        case 0x24:
            state.outcome = Outcome::kAccepted;
            break;
        case 0x25:
            state.outcome = Outcome::kRejected;
            break;
        case 0x26:
            state.outcome = Outcome::kReleased;
            break;
        case 0x27:
            state.outcome = Outcome::kModified;
            break;
        default:
            break;
    }
    return state;
}

std::size_t state_size(const DeliveryState& state) {
    return state.raw.empty() ? 8 : state.raw.size();
}

bool decode_transfer(const Body& body, TransferFrame& frame) {
    if (decode_plain_transfer(body, frame)) {
        return true;
    }
    FieldReader reader(body);
    const std::optional<std::uint32_t> handle = reader.read_uint();
    frame.handle = handle.value_or(0);
    frame.delivery_id = reader.read_uint();
    reader.read_binary(frame.tag);
    frame.message_format = reader.read_uint();
    frame.settled = reader.read_bool().value_or(false);
    frame.more = reader.read_bool().value_or(false);
    frame.receiver_settle_mode = reader.read_receiver_settle_mode();
    reader.read_state(frame.state);
    frame.resume = reader.read_bool().value_or(false);
    frame.aborted = reader.read_bool().value_or(false);
    return reader.ok() && handle && (!frame.tag || frame.tag->size() <= kTagBytesMax);
}

std::optional<TransferFrame> decode_transfer(const Body& body) {
    std::optional<TransferFrame> decoded(std::in_place);
    if (!decode_transfer(body, *decoded)) {
        decoded.reset();
    }
    return decoded;
}

std::optional<FlowFrame> decode_flow(const Body& body) {
    FieldReader reader(body);
    std::optional<FlowFrame> decoded(std::in_place);  // made in place, returned without a copy
    FlowFrame& frame = *decoded;
    frame.next_incoming_id = reader.read_uint();
    const auto incoming_window = reader.read_uint();
    const auto next_outgoing_id = reader.read_uint();
    const auto outgoing_window = reader.read_uint();
    frame.handle = reader.read_uint();
    frame.delivery_count = reader.read_uint();
    frame.link_credit = reader.read_uint();
    frame.available = reader.read_uint();
    frame.drain = reader.read_bool().value_or(false);
    frame.echo = reader.read_bool().value_or(false);
    if (!reader.ok() || !incoming_window || !next_outgoing_id || !outgoing_window) {
        decoded.reset();
        return decoded;
    }
    frame.incoming_window = *incoming_window;
    frame.next_outgoing_id = *next_outgoing_id;
    frame.outgoing_window = *outgoing_window;
    return decoded;
}

std::optional<DispositionFrame> decode_disposition(const Body& body) {
    FieldReader reader(body);
    std::optional<DispositionFrame> decoded(
        std::in_place);  // made in place, returned without a copy
    DispositionFrame& frame = *decoded;
    const auto role = reader.read_bool();
    const auto first = reader.read_uint();
    const auto last = reader.read_uint();
    frame.settled = reader.read_bool().value_or(false);
    reader.read_state(frame.state);
    if (!reader.ok() || !role || !first) {
        decoded.reset();
        return decoded;
    }
    frame.role = *role ? Role::kReceiver : Role::kSender;
    frame.first = *first;
    frame.last = last.value_or(*first);
    return decoded;
}

std::optional<BeginFrame> decode_begin(const Body& body) {
    FieldReader reader(body);
    BeginFrame frame;
    frame.remote_channel = reader.read_ushort();
    const auto next_outgoing_id = reader.read_uint();
    const auto incoming_window = reader.read_uint();
    const auto outgoing_window = reader.read_uint();
    frame.handle_max = reader.read_uint().value_or(0xffffffffU);
    if (!reader.ok() || !next_outgoing_id || !incoming_window || !outgoing_window) {
        return std::nullopt;
    }
    frame.next_outgoing_id = *next_outgoing_id;
    frame.incoming_window = *incoming_window;
    frame.outgoing_window = *outgoing_window;
    return frame;
}

std::optional<AttachFrame> decode_attach(const Body& body) {
    FieldReader reader(body);
    AttachFrame frame;
    const auto name = reader.read_string();
    const auto handle = reader.read_uint();
    const auto role = reader.read_bool();
    const auto sender_settle_mode = reader.read_ubyte();
    reader.read_receiver_settle_mode();
    reader.skip(4);  // source, target, unsettled, incomplete-unsettled
    frame.initial_delivery_count = reader.read_uint();
    reader.skip(1);  // max-message-size
    frame.offered_capabilities = reader.read_symbols();
    frame.desired_capabilities = reader.read_symbols();
    if (!reader.ok() || !name || !handle || !role || sender_settle_mode.value_or(0) > 2) {
        return std::nullopt;
    }
    frame.name = *name;
    frame.handle = *handle;
    frame.role = *role ? Role::kReceiver : Role::kSender;
    return frame;
}

std::optional<DetachFrame> decode_detach(const Body& body) {
    FieldReader reader(body);
    DetachFrame frame;
    const auto handle = reader.read_uint();
    frame.closed = reader.read_bool().value_or(false);
    if (!reader.ok() || !handle) {
        return std::nullopt;
    }
    frame.handle = *handle;
    return frame;
}

std::size_t encode(std::byte* out,
                   std::uint16_t channel,
                   const TransferFrame& transfer,
                   std::size_t payload_bytes) {
    FieldWriter writer(
        out, channel, Performative::kTransfer, transfer.state.raw.size() <= kSmallStateBytes);
    writer.write(transfer.handle);
    writer.write(transfer.delivery_id);
    writer.write_tag(transfer.tag);
    writer.write(transfer.message_format);
    writer.write_if(transfer.settled);
    writer.write_if(transfer.more);
    writer.write(transfer.receiver_settle_mode);
    writer.write(transfer.state);
    writer.write_if(transfer.resume);
    writer.write_if(transfer.aborted);
    return writer.finish(payload_bytes);
}

std::size_t encode(std::byte* out, std::uint16_t channel, const WholeTransfer& transfer) {
    std::byte* at = put_uint(out + 14, transfer.handle);
    at = put_uint(at, transfer.delivery_id);
    at[0] = std::byte{0xa0};
    at[1] = static_cast<std::byte>(transfer.tag.size());
    copy_short(at + 2, transfer.tag);
    at = put_uint(at + 2 + transfer.tag.size(), transfer.message_format);
    std::uint32_t count = 4;
    if (transfer.settled) {
        *at++ = std::byte{0x41};
        ++count;
    }
    const auto head = static_cast<std::size_t>(at - out);
    store_u32(out, static_cast<std::uint32_t>(head + transfer.payload.size()));
    store_u32(out + 4, 0x02000000U | channel);  // doff 2, type AMQP
    store_u32(out + 8, 0x005314c0U);  // descriptor of a transfer, list with one octet of size
    out[12] = static_cast<std::byte>(head - 13);
    out[13] = static_cast<std::byte>(count);
    if (!transfer.payload.empty()) {
        std::memcpy(at, transfer.payload.data(), transfer.payload.size());
    }
    return head + transfer.payload.size();
}

std::size_t encode(std::byte* out, std::uint16_t channel, const FlowFrame& flow) {
    FieldWriter writer(out, channel, Performative::kFlow, true);
    writer.write(flow.next_incoming_id);
    writer.write(flow.incoming_window);
    writer.write(flow.next_outgoing_id);
    writer.write(flow.outgoing_window);
    writer.write(flow.handle);
    writer.write(flow.delivery_count);
    writer.write(flow.link_credit);
    writer.write(flow.available);
    writer.write_if(flow.drain);
    writer.write_if(flow.echo);
    return writer.finish(0);
}

std::size_t encode(std::byte* out, std::uint16_t channel, const DispositionFrame& disposition) {
    FieldWriter writer(
        out, channel, Performative::kDisposition, disposition.state.raw.size() <= kSmallStateBytes);
    writer.write(disposition.role == Role::kReceiver);
    writer.write(disposition.first);
    if (disposition.last != disposition.first) {
        writer.write(disposition.last);
    } else {
        writer.null();
    }
    writer.write_if(disposition.settled);
    writer.write(disposition.state);
    return writer.finish(0);
}

std::vector<std::byte> encode_close(const Condition& condition) {
    const auto name = std::as_bytes(std::span(condition.name))
                          .first(std::min<std::size_t>(condition.name.size(), 64));
    const auto text = std::as_bytes(std::span(condition.description))
                          .first(std::min<std::size_t>(condition.description.size(), 128));
    // close(error(condition, description)), each list with one octet of size (AMQP 2.7.9, 2.8.14).
    const auto error_bytes = static_cast<unsigned>(1 + 2 + name.size() + 2 + text.size());
    const unsigned close_bytes = 1 + 3 + 2 + error_bytes;
    std::vector<std::byte> frame(kFrameHeaderBytes);
    const auto put = [&frame](std::initializer_list<unsigned> octets) {
        for (const unsigned octet : octets) {
            frame.push_back(static_cast<std::byte>(octet));
        }
    };
    put({0x00, 0x53, 0x18, 0xc0, close_bytes, 1, 0x00, 0x53, 0x1d, 0xc0, error_bytes, 2});
    put({0xa3, static_cast<unsigned>(name.size())});
    frame.insert(frame.end(), name.begin(), name.end());
    put({0xa1, static_cast<unsigned>(text.size())});
    frame.insert(frame.end(), text.begin(), text.end());
    encode_empty(frame.data());
    store_u32(frame.data(), static_cast<std::uint32_t>(frame.size()));
    return frame;
}

std::size_t encode_empty(std::byte* out) {
    store_u32(out, kFrameHeaderBytes);
    out[4] = std::byte{2};
    out[5] = std::byte{kFrameTypeAmqp};
    store_u16(out + 6, 0);
    return kFrameHeaderBytes;
}

}  // namespace amqmesh::link
