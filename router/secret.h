// Secrets of a configuration: written out, or where to find them.
#pragma once

#include <string>
#include <string_view>

namespace amqmesh::router {

/// `env:NAME` is that variable, `file:PATH` a file's text without the newline at its end,
/// `pass:TEXT` and `literal:TEXT` that text, anything else itself. False with `why`: there is no
/// such variable or file, or it has more than kSecretBytesMax bytes.
bool read_secret(std::string_view given, std::string& secret, std::string& why);

/// It says where to look: env:NAME or file:PATH.
bool is_indirect(std::string_view given);

inline constexpr std::size_t kSecretBytesMax = 4096;

}  // namespace amqmesh::router
