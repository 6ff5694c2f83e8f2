#include "router/secret.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace amqmesh::router {

namespace {

bool read_file(const std::string& path, std::string& secret, std::string& why) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        why = "file " + path + " cannot be read: " + std::generic_category().message(errno);
        return false;
    }
    std::string text(kSecretBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.ends_with('\n')) {
        text.pop_back();
    }
    secret = std::move(text);
    return true;
}

bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace

bool is_indirect(std::string_view given) {
    return given.starts_with("env:") || given.starts_with("file:");
}

bool read_secret(std::string_view given, std::string& secret, std::string& why) {
    if (take(given, "env:")) {
        const std::string name{given};
        // Nothing in this process changes its environment.
        const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
        if (value == nullptr) {
            why = "there is no environment variable " + name;
            return false;
        }
        secret = value;
    } else if (take(given, "file:")) {
        if (!read_file(std::string{given}, secret, why)) {
            return false;
        }
    } else {
        if (!take(given, "pass:")) {
            take(given, "literal:");
        }
        secret = given;
    }
    if (secret.size() > kSecretBytesMax) {
        why = "a secret has at most 4096 bytes";
        return false;
    }
    return true;
}

}  // namespace amqmesh::router
