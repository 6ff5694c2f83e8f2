// SASL EXTERNAL for servers whose TLS ends outside of Proton: Proton's own plug-in only knows
// identities of its own TLS. Together with proton_lifecycle the only user of Proton's engine.
#pragma once

struct pn_transport_t;

namespace amqmesh::link {

/// Lets the peer authenticate as `identity` by EXTERNAL, or as "anonymous" by ANONYMOUS, as far as
/// the transport's allowed mechanisms have them. Call after pn_sasl(); `identity` must outlive the
/// transport.
void use_external_identity(pn_transport_t* transport, const char* identity);

}  // namespace amqmesh::link
