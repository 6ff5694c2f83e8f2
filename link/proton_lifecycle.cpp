#include "link/proton_lifecycle.h"

#include "link/assert.h"
#include "link/proton_sasl.h"

#include <proton/codec.h>
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <string_view>

namespace amqmesh::link {

namespace {

std::string text(const char* value) {
    return value == nullptr ? std::string() : value;
}

pn_bytes_t to_bytes(std::string_view value) {
    return pn_bytes(value.size(), value.data());
}

std::string to_string(pn_bytes_t value) {
    return value.size == 0 ? std::string() : std::string(value.start, value.size);
}

Condition to_condition(pn_condition_t* condition) {
    if (!pn_condition_is_set(condition)) {
        return {};
    }
    return {.name = text(pn_condition_get_name(condition)),
            .description = text(pn_condition_get_description(condition))};
}

void set_condition(pn_condition_t* target, const Condition& condition) {
    if (condition.empty()) {
        return;
    }
    pn_condition_set_name(target, condition.name.c_str());
    pn_condition_set_description(target, condition.description.c_str());
}

/// The symbols of a capabilities field: one symbol or an array of them.
std::vector<std::string> to_symbols(pn_data_t* data) {
    std::vector<std::string> symbols;
    pn_data_rewind(data);
    if (!pn_data_next(data)) {
        return symbols;
    }
    if (pn_data_type(data) == PN_SYMBOL) {
        symbols.push_back(to_string(pn_data_get_symbol(data)));
    } else if (pn_data_type(data) == PN_ARRAY && pn_data_get_array_type(data) == PN_SYMBOL) {
        const std::size_t count = pn_data_get_array(data);
        pn_data_enter(data);
        for (std::size_t i = 0; i < count && pn_data_next(data); ++i) {
            symbols.push_back(to_string(pn_data_get_symbol(data)));
        }
        pn_data_exit(data);
    }
    pn_data_rewind(data);
    return symbols;
}

void put_symbols(pn_data_t* data, const std::vector<std::string>& symbols) {
    if (symbols.empty()) {
        return;
    }
    pn_data_clear(data);
    pn_data_put_array(data, false, PN_SYMBOL);
    pn_data_enter(data);
    for (const std::string& symbol : symbols) {
        pn_data_put_symbol(data, to_bytes(symbol));
    }
    pn_data_exit(data);
}

PropertyValue to_value(pn_data_t* data) {
    switch (pn_data_type(data)) {
        case PN_BOOL:
            return pn_data_get_bool(data);
        case PN_UBYTE:
            return std::uint64_t{pn_data_get_ubyte(data)};
        case PN_USHORT:
            return std::uint64_t{pn_data_get_ushort(data)};
        case PN_UINT:
            return std::uint64_t{pn_data_get_uint(data)};
        case PN_ULONG:
            return std::uint64_t{pn_data_get_ulong(data)};
        case PN_BYTE:
            return std::int64_t{pn_data_get_byte(data)};
        case PN_SHORT:
            return std::int64_t{pn_data_get_short(data)};
        case PN_INT:
            return std::int64_t{pn_data_get_int(data)};
        case PN_LONG:
            return std::int64_t{pn_data_get_long(data)};
        case PN_TIMESTAMP:
            return std::int64_t{pn_data_get_timestamp(data)};
        case PN_FLOAT:
            return static_cast<double>(pn_data_get_float(data));
        case PN_DOUBLE:
            return pn_data_get_double(data);
        case PN_STRING:
            return to_string(pn_data_get_string(data));
        case PN_SYMBOL:
            return to_string(pn_data_get_symbol(data));
        case PN_BINARY:
            return to_string(pn_data_get_binary(data));
        default:
            return std::monostate{};
    }
}

std::string to_key(pn_data_t* data) {
    switch (pn_data_type(data)) {
        case PN_SYMBOL:
            return to_string(pn_data_get_symbol(data));
        case PN_STRING:
            return to_string(pn_data_get_string(data));
        default:
            return {};
    }
}

Properties to_properties(pn_data_t* data) {
    Properties properties;
    pn_data_rewind(data);
    if (pn_data_next(data) && pn_data_type(data) == PN_MAP) {
        const std::size_t count = pn_data_get_map(data) / 2;
        pn_data_enter(data);
        for (std::size_t i = 0; i < count && pn_data_next(data); ++i) {
            std::string key = to_key(data);
            if (!pn_data_next(data)) {
                break;
            }
            if (!key.empty()) {
                properties.emplace_back(std::move(key), to_value(data));
            }
        }
        pn_data_exit(data);
    }
    pn_data_rewind(data);
    return properties;
}

/// One entry, whose map has just been found.
FailoverServer to_server(pn_data_t* data) {
    FailoverServer server;
    const std::size_t count = pn_data_get_map(data) / 2;
    pn_data_enter(data);
    for (std::size_t i = 0; i < count && pn_data_next(data); ++i) {
        const std::string key = to_key(data);
        if (!pn_data_next(data)) {
            break;
        }
        const PropertyValue value = to_value(data);
        std::string text;
        if (const auto* string = std::get_if<std::string>(&value)) {
            text = *string;
        } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
            text = std::to_string(*number);
        } else if (const auto* count_value = std::get_if<std::uint64_t>(&value)) {
            text = std::to_string(*count_value);
        }
        if (key == "network-host") {
            server.host = text;
        } else if (key == "port") {
            server.port = text;
        } else if (key == "scheme") {
            server.scheme = text;
        }
    }
    pn_data_exit(data);
    return server;
}

/// The list of maps under `failover-server-list`; what is no such entry is left out.
std::vector<FailoverServer> to_failover(pn_data_t* data) {
    std::vector<FailoverServer> servers;
    pn_data_rewind(data);
    if (pn_data_next(data) && pn_data_type(data) == PN_MAP && pn_data_enter(data)) {
        while (pn_data_next(data)) {
            const bool wanted = to_key(data) == "failover-server-list";
            if (!pn_data_next(data) || !wanted || pn_data_type(data) != PN_LIST) {
                continue;
            }
            pn_data_enter(data);
            while (pn_data_next(data) && servers.size() < RemoteOpen::kFailoverMax) {
                if (pn_data_type(data) != PN_MAP) {
                    continue;
                }
                auto server = to_server(data);
                if (!server.host.empty() && server.host.size() < 256 && server.port.size() <= 5) {
                    servers.push_back(std::move(server));
                }
            }
            pn_data_exit(data);
        }
    }
    pn_data_rewind(data);
    return servers;
}

void put_value(pn_data_t* data, const PropertyValue& value) {
    if (const auto* flag = std::get_if<bool>(&value)) {
        pn_data_put_bool(data, *flag);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
        pn_data_put_long(data, *number);
    } else if (const auto* count = std::get_if<std::uint64_t>(&value)) {
        pn_data_put_ulong(data, *count);
    } else if (const auto* real = std::get_if<double>(&value)) {
        pn_data_put_double(data, *real);
    } else if (const auto* string = std::get_if<std::string>(&value)) {
        pn_data_put_string(data, to_bytes(*string));
    } else {
        pn_data_put_null(data);
    }
}

void put_properties(pn_data_t* data, const Properties& properties) {
    if (properties.empty()) {
        return;
    }
    pn_data_clear(data);
    pn_data_put_map(data);
    pn_data_enter(data);
    for (const auto& property : properties) {
        pn_data_put_symbol(data, to_bytes(property.first));
        put_value(data, property.second);
    }
    pn_data_exit(data);
}

constexpr std::string_view kExpiryPolicies[] = {
    "link-detach", "session-end", "connection-close", "never"};

Terminus to_terminus(pn_terminus_t* from) {
    Terminus terminus;
    switch (pn_terminus_get_type(from)) {
        case PN_SOURCE:
            terminus.kind = Terminus::Kind::kSource;
            break;
        case PN_TARGET:
            terminus.kind = Terminus::Kind::kTarget;
            break;
        case PN_COORDINATOR:
            terminus.kind = Terminus::Kind::kCoordinator;
            break;
        case PN_UNSPECIFIED:
            return terminus;
    }
    if (const char* address = pn_terminus_get_address(from)) {
        terminus.address = address;
    }
    terminus.dynamic = pn_terminus_is_dynamic(from);
    terminus.durability = static_cast<std::uint32_t>(pn_terminus_get_durability(from));
    if (pn_terminus_has_expiry_policy(from)) {
        const auto policy = static_cast<std::size_t>(pn_terminus_get_expiry_policy(from));
        terminus.expiry_policy = kExpiryPolicies[policy];
    }
    terminus.timeout_s = pn_terminus_get_timeout(from);
    switch (pn_terminus_get_distribution_mode(from)) {
        case PN_DIST_MODE_COPY:
            terminus.distribution_mode = "copy";
            break;
        case PN_DIST_MODE_MOVE:
            terminus.distribution_mode = "move";
            break;
        case PN_DIST_MODE_UNSPECIFIED:
            break;
    }
    for (auto& filter : to_properties(pn_terminus_filter(from))) {
        terminus.filters.push_back(std::move(filter.first));
    }
    terminus.capabilities = to_symbols(pn_terminus_capabilities(from));
    return terminus;
}

void put_terminus(pn_terminus_t* to, const Terminus& terminus) {
    switch (terminus.kind) {
        case Terminus::Kind::kNull:
            pn_terminus_set_type(to, PN_UNSPECIFIED);
            return;
        case Terminus::Kind::kSource:
            pn_terminus_set_type(to, PN_SOURCE);
            break;
        case Terminus::Kind::kTarget:
            pn_terminus_set_type(to, PN_TARGET);
            break;
        case Terminus::Kind::kCoordinator:
            pn_terminus_set_type(to, PN_COORDINATOR);
            break;
    }
    pn_terminus_set_address(to, terminus.address ? terminus.address->c_str() : nullptr);
    pn_terminus_set_dynamic(to, terminus.dynamic);
    pn_terminus_set_durability(to, static_cast<pn_durability_t>(terminus.durability));
    for (std::size_t i = 0; i < std::size(kExpiryPolicies); ++i) {
        if (terminus.expiry_policy == kExpiryPolicies[i]) {
            pn_terminus_set_expiry_policy(to, static_cast<pn_expiry_policy_t>(i));
        }
    }
    pn_terminus_set_timeout(to, terminus.timeout_s);
    if (terminus.distribution_mode == "copy") {
        pn_terminus_set_distribution_mode(to, PN_DIST_MODE_COPY);
    } else if (terminus.distribution_mode == "move") {
        pn_terminus_set_distribution_mode(to, PN_DIST_MODE_MOVE);
    }
    put_symbols(pn_terminus_capabilities(to), terminus.capabilities);
}

/// Slots travel in Proton's context pointer as number + 1, so that null means none.
void* from_slot(std::uint32_t slot) {
    return reinterpret_cast<void*>(static_cast<std::uintptr_t>(slot) + 1);
}

std::optional<std::uint32_t> to_slot(void* context) {
    if (context == nullptr) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(context) - 1);
}

struct Free {
    void operator()(pn_connection_t* connection) const { pn_connection_free(connection); }

    void operator()(pn_transport_t* transport) const { pn_transport_free(transport); }

    void operator()(pn_collector_t* collector) const {
        pn_collector_release(collector);
        pn_collector_free(collector);
    }
};

}  // namespace

struct ProtonLifecycle::Impl {
    std::string external_identity;
    // Freed in reverse order: the transport goes first, while the connection still exists.
    std::unique_ptr<pn_collector_t, Free> collector{pn_collector()};
    std::unique_ptr<pn_connection_t, Free> connection{pn_connection()};
    std::unique_ptr<pn_transport_t, Free> transport{pn_transport()};
    std::size_t session_capacity = 0;
    bool opened = false;
    bool use_sasl = false;
};

ProtonLifecycle::ProtonLifecycle(const EngineConfig& config, std::uint32_t window_frames)
    : impl_(std::make_unique<Impl>()) {
    pn_connection_t* connection = impl_->connection.get();
    pn_transport_t* transport = impl_->transport.get();
    impl_->session_capacity = std::size_t{window_frames} * config.max_frame_size;

    pn_connection_collect(connection, impl_->collector.get());
    pn_connection_set_container(connection, config.container_id.c_str());
    if (config.initiator && !config.hostname.empty()) {
        pn_connection_set_hostname(connection, config.hostname.c_str());
    }
    put_symbols(pn_connection_offered_capabilities(connection), config.offered_capabilities);
    put_symbols(pn_connection_desired_capabilities(connection), config.desired_capabilities);
    if (config.encoded_properties.empty()) {
        put_properties(pn_connection_properties(connection), config.properties);
    } else {
        pn_data_t* properties = pn_connection_properties(connection);
        pn_data_clear(properties);
        pn_data_decode(
            properties, config.encoded_properties.data(), config.encoded_properties.size());
    }

    pn_transport_set_max_frame(transport, config.max_frame_size);
    pn_transport_set_channel_max(transport,
                                 static_cast<std::uint16_t>(std::min(config.channel_max, 32767U)));
    // Proton advertises half of it (AMQP 2.4.5 asks for that); the other half is our grace.
    pn_transport_set_idle_timeout(transport, config.idle_timeout_ms);

    const std::string mechanisms =
        config.sasl_mechanisms.empty() ? "ANONYMOUS" : config.sasl_mechanisms;
    if (!config.initiator) {
        pn_transport_set_server(transport);
        pn_sasl_allowed_mechs(pn_sasl(transport), mechanisms.c_str());
        if (!config.external_identity.empty()) {
            impl_->external_identity = config.external_identity;
            use_external_identity(transport, impl_->external_identity.c_str());
        }
        pn_transport_require_auth(transport, config.sasl_required);
        impl_->use_sasl = true;
    } else if (config.use_sasl) {
        if (!config.sasl_user.empty()) {
            pn_connection_set_user(connection, config.sasl_user.c_str());
            pn_connection_set_password(connection, config.sasl_password.c_str());
        }
        pn_sasl_t* sasl = pn_sasl(transport);
        pn_sasl_allowed_mechs(sasl, mechanisms.c_str());
        pn_sasl_set_allow_insecure_mechs(sasl, true);  // TLS ends outside of Proton
        impl_->use_sasl = true;
    }
    pn_transport_bind(transport, connection);
}

ProtonLifecycle::~ProtonLifecycle() {
    pn_transport_unbind(impl_->transport.get());
}

bool ProtonLifecycle::feed(Bytes frame) {
    pn_transport_t* transport = impl_->transport.get();
    while (!frame.empty()) {
        const ssize_t capacity = pn_transport_capacity(transport);
        if (capacity <= 0) {
            return false;
        }
        const std::size_t piece = std::min(frame.size(), static_cast<std::size_t>(capacity));
        const ssize_t taken =
            pn_transport_push(transport, reinterpret_cast<const char*>(frame.data()), piece);
        if (taken <= 0) {
            return false;
        }
        frame = frame.subspan(static_cast<std::size_t>(taken));
    }
    return !pn_condition_is_set(pn_transport_condition(transport));
}

std::optional<ProtonLifecycle::Event> ProtonLifecycle::next_event() {
    while (pn_event_t* event = pn_collector_next(impl_->collector.get())) {
        switch (pn_event_type(event)) {
            case PN_CONNECTION_REMOTE_OPEN:
                return Event{.kind = EventKind::kOpen};
            case PN_CONNECTION_REMOTE_CLOSE:
                return Event{.kind = EventKind::kClose};
            case PN_SESSION_REMOTE_OPEN:
                return Event{.kind = EventKind::kBegin, .session = pn_event_session(event)};
            case PN_SESSION_REMOTE_CLOSE:
                return Event{.kind = EventKind::kEnd, .session = pn_event_session(event)};
            case PN_LINK_REMOTE_OPEN:
                return Event{.kind = EventKind::kAttach, .link = pn_event_link(event)};
            case PN_LINK_REMOTE_DETACH:
                return Event{.kind = EventKind::kDetach, .link = pn_event_link(event)};
            case PN_LINK_REMOTE_CLOSE:
                return Event{
                    .kind = EventKind::kDetach, .link = pn_event_link(event), .closed = true};
            case PN_TRANSPORT_ERROR:
                return Event{.kind = EventKind::kFailed};
            default:
                break;
        }
    }
    return std::nullopt;
}

void ProtonLifecycle::pull(std::vector<std::byte>& out) {
    pn_transport_t* transport = impl_->transport.get();
    while (true) {
        const ssize_t pending = pn_transport_pending(transport);
        if (pending <= 0) {
            return;
        }
        const auto* head = reinterpret_cast<const std::byte*>(pn_transport_head(transport));
        out.insert(out.end(), head, head + pending);
        pn_transport_pop(transport, static_cast<std::size_t>(pending));
    }
}

void ProtonLifecycle::open() {
    if (!impl_->opened) {
        impl_->opened = true;
        pn_connection_open(impl_->connection.get());
    }
}

void ProtonLifecycle::close(const Condition& condition) {
    open();
    set_condition(pn_connection_condition(impl_->connection.get()), condition);
    pn_connection_close(impl_->connection.get());
}

pn_session_t* ProtonLifecycle::new_session() {
    return pn_session(impl_->connection.get());
}

void ProtonLifecycle::open_session(pn_session_t* session) {
    // Before opening, and at least one frame, or the begin fails.
    pn_session_set_incoming_capacity(session, impl_->session_capacity);
    pn_session_open(session);
}

void ProtonLifecycle::end_session(pn_session_t* session, const Condition& condition) {
    set_condition(pn_session_condition(session), condition);
    pn_session_close(session);
}

void ProtonLifecycle::free_session(pn_session_t* session) {
    pn_session_set_context(session, nullptr);
    pn_session_free(session);
}

pn_link_t* ProtonLifecycle::new_link(pn_session_t* session, const Engine::AttachOptions& options) {
    pn_link_t* link = options.role == Role::kSender ? pn_sender(session, options.name.c_str())
                                                    : pn_receiver(session, options.name.c_str());
    pn_link_set_snd_settle_mode(link,
                                static_cast<pn_snd_settle_mode_t>(options.sender_settle_mode));
    pn_link_set_rcv_settle_mode(link,
                                static_cast<pn_rcv_settle_mode_t>(options.receiver_settle_mode));
    put_terminus(pn_link_source(link), options.source);
    put_terminus(pn_link_target(link), options.target);
    put_properties(pn_link_properties(link), options.properties);
    return link;
}

void ProtonLifecycle::open_link(pn_link_t* link) {
    pn_link_open(link);
}

void ProtonLifecycle::accept_link(pn_link_t* link, const Terminus& source, const Terminus& target) {
    pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
    pn_link_set_rcv_settle_mode(link, pn_link_remote_rcv_settle_mode(link));
    put_terminus(pn_link_source(link), source);
    put_terminus(pn_link_target(link), target);
    pn_link_open(link);
}

void ProtonLifecycle::detach_link(pn_link_t* link, const Condition& condition, bool closed) {
    set_condition(pn_link_condition(link), condition);
    if (closed) {
        pn_link_close(link);
    } else {
        pn_link_detach(link);
    }
}

void ProtonLifecycle::free_link(pn_link_t* link) {
    pn_link_set_context(link, nullptr);
    pn_link_free(link);
}

void ProtonLifecycle::set_slot(pn_link_t* link, std::uint32_t slot) {
    pn_link_set_context(link, from_slot(slot));
}

std::optional<std::uint32_t> ProtonLifecycle::slot(pn_link_t* link) {
    return to_slot(pn_link_get_context(link));
}

void ProtonLifecycle::set_slot(pn_session_t* session, std::uint32_t slot) {
    pn_session_set_context(session, from_slot(slot));
}

std::optional<std::uint32_t> ProtonLifecycle::slot(pn_session_t* session) {
    return to_slot(pn_session_get_context(session));
}

RemoteOpen ProtonLifecycle::remote_open() const {
    pn_connection_t* connection = impl_->connection.get();
    pn_transport_t* transport = impl_->transport.get();
    RemoteOpen open;
    open.container_id = text(pn_connection_remote_container(connection));
    open.hostname = text(pn_connection_remote_hostname(connection));
    const std::uint32_t max_frame = pn_transport_get_remote_max_frame(transport);
    open.max_frame_size = max_frame == 0 ? 0xffffffffU : std::max(max_frame, 512U);
    open.channel_max = pn_transport_remote_channel_max(transport);
    open.idle_timeout_ms = pn_transport_get_remote_idle_timeout(transport);
    open.offered_capabilities = to_symbols(pn_connection_remote_offered_capabilities(connection));
    open.desired_capabilities = to_symbols(pn_connection_remote_desired_capabilities(connection));
    open.properties = to_properties(pn_connection_remote_properties(connection));
    open.failover = to_failover(pn_connection_remote_properties(connection));
    if (impl_->use_sasl) {
        pn_sasl_t* sasl = pn_sasl(transport);
        if (pn_sasl_outcome(sasl) == PN_SASL_OK) {
            open.sasl_mechanism = text(pn_sasl_get_mech(sasl));
            open.user = text(pn_transport_get_user(transport));
        }
    }
    return open;
}

RemoteAttach ProtonLifecycle::remote_attach(pn_link_t* link) {
    RemoteAttach attach;
    attach.name = text(pn_link_name(link));
    attach.local_role = pn_link_is_sender(link) ? Role::kSender : Role::kReceiver;
    attach.sender_settle_mode = static_cast<SenderSettleMode>(pn_link_remote_snd_settle_mode(link));
    attach.receiver_settle_mode =
        static_cast<ReceiverSettleMode>(pn_link_remote_rcv_settle_mode(link));
    attach.source = to_terminus(pn_link_remote_source(link));
    attach.target = to_terminus(pn_link_remote_target(link));
    attach.max_message_size = pn_link_remote_max_message_size(link);
    if (pn_data_t* properties = pn_link_remote_properties(link)) {
        attach.properties = to_properties(properties);
    }
    return attach;
}

Condition ProtonLifecycle::remote_condition(pn_link_t* link) {
    return to_condition(pn_link_remote_condition(link));
}

Condition ProtonLifecycle::remote_condition(pn_session_t* session) {
    return to_condition(pn_session_remote_condition(session));
}

Condition ProtonLifecycle::remote_condition() const {
    return to_condition(pn_connection_remote_condition(impl_->connection.get()));
}

Condition ProtonLifecycle::failure() const {
    return to_condition(pn_transport_condition(impl_->transport.get()));
}

}  // namespace amqmesh::link
