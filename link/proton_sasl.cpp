#include "link/proton_sasl.h"

#include <proton/sasl.h>
#include <proton/sasl_plugin.h>

#include <string_view>

namespace amqmesh::link {

namespace {

void release(pn_transport_t*) {}  // the identity is the lifecycle's

const char* list_mechanisms(pn_transport_t*) {
    return "EXTERNAL ANONYMOUS";
}

bool init_server(pn_transport_t* transport) {
    pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS);
    return true;
}

bool refuse_client(pn_transport_t*) {
    return false;
}

void prepare_write(pn_transport_t*) {}

/// RFC 4422 appendix A: EXTERNAL's response is an authorization identity, empty for the peer's own.
/// Acting for somebody else is not allowed to anyone.
void process_init(pn_transport_t* transport, const char* mechanism, const pn_bytes_t* response) {
    const auto* identity = static_cast<const char*>(pnx_sasl_get_context(transport));
    const std::string_view chosen = mechanism == nullptr ? "" : mechanism;
    const std::string_view acting_for = response == nullptr || response->size == 0
                                            ? std::string_view()
                                            : std::string_view(response->start, response->size);
    if (chosen == "EXTERNAL" && (acting_for.empty() || acting_for == identity)) {
        pnx_sasl_set_succeeded(transport, identity, identity);
    } else if (chosen == "ANONYMOUS") {
        pnx_sasl_set_succeeded(transport, "anonymous", "anonymous");
    } else {
        pnx_sasl_set_failed(transport);
    }
    pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

void process_response(pn_transport_t* transport, const pn_bytes_t*) {
    pnx_sasl_set_failed(transport);  // neither mechanism has a challenge
    pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

bool process_mechanisms(pn_transport_t*, const char*) {
    return false;
}

void process_bytes(pn_transport_t*, const pn_bytes_t*) {}

bool can_encrypt(pn_transport_t*) {
    return false;
}

ssize_t max_encrypt_size(pn_transport_t*) {
    return 0;
}

ssize_t no_layer(pn_transport_t*, pn_bytes_t, pn_bytes_t*) {
    return 0;
}

constexpr pnx_sasl_implementation kExternal{release,
                                            list_mechanisms,
                                            init_server,
                                            refuse_client,
                                            prepare_write,
                                            process_init,
                                            process_response,
                                            process_mechanisms,
                                            process_bytes,
                                            process_bytes,
                                            can_encrypt,
                                            max_encrypt_size,
                                            no_layer,
                                            no_layer};

}  // namespace

void use_external_identity(pn_transport_t* transport, const char* identity) {
    // Proton keeps the pointer for the plug-in alone, which only reads it.
    pnx_sasl_set_implementation(transport, &kExternal, const_cast<char*>(identity));
}

}  // namespace amqmesh::link
