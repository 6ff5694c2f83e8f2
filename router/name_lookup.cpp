#include "router/name_lookup.h"

#include "router/tcp.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <netdb.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace amqmesh::router {

namespace {

NameLookup::Found look_up(const std::string& host, const std::string& port, AddressFamily family) {
    NameLookup::Found found;
    addrinfo hints{};
    hints.ai_family = to_domain(family);
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int failure = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
    if (failure != 0) {
        found.why = ::gai_strerror(failure);
        return found;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(list, &::freeaddrinfo);
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
        if (one->ai_family == AF_INET || one->ai_family == AF_INET6) {
            sockaddr_storage& address = found.addresses.emplace_back();
            std::memcpy(
                &address, one->ai_addr, std::min<std::size_t>(one->ai_addrlen, sizeof address));
        }
    }
    if (found.addresses.empty()) {
        found.why = "the host has no address";
    }
    return found;
}

}  // namespace

// Shared with the thread, which may outlive everything else.
struct NameLookup::State : std::enable_shared_from_this<NameLookup::State> {
    explicit State(boost::asio::io_context& loop) : io(loop) {}

    // REQUIRES: the lock, and that `answered` is the look-up that is wanted: `io` is alive then.
    void answer(std::uint64_t answered, Found&& found) {
        boost::asio::post(io, [self = shared_from_this(), answered, found = std::move(found)] {
            if (const Done wanted = self->take(answered)) {
                wanted(found);
            }
        });
    }

    Done take(std::uint64_t answered) {
        const std::lock_guard lock(mutex);
        return answered == number ? std::exchange(done, {}) : Done{};
    }

    boost::asio::io_context& io;
    std::mutex mutex;
    bool busy = false;         // the thread runs
    std::uint64_t number = 0;  // of the look-up that is wanted, if `done` is not empty
    Done done;
};

NameLookup::NameLookup(boost::asio::io_context& io) : state_(std::make_shared<State>(io)) {}

NameLookup::~NameLookup() {
    forget();
}

void NameLookup::start(const std::string& host,
                       const std::string& port,
                       AddressFamily family,
                       const Done& done) {
    const std::lock_guard lock(state_->mutex);
    state_->done = done;
    const std::uint64_t number = ++state_->number;
    if (std::exchange(state_->busy, true)) {
        state_->answer(number, {{}, "no answer yet to a former question for a name"});
        return;
    }
    try {
        std::thread([state = state_, number, host, port, family] {
            Found found = look_up(host, port, family);
            const std::lock_guard inner_lock(state->mutex);
            state->busy = false;
            if (state->done && state->number == number) {
                state->answer(number, std::move(found));
            }
        }).detach();
    } catch (const std::system_error& error) {
        state_->busy = false;
        state_->answer(number, {{}, error.what()});
    }
}

void NameLookup::forget() {
    Done forgotten;  // what it holds ends without the lock
    const std::lock_guard lock(state_->mutex);
    ++state_->number;
    forgotten.swap(state_->done);
}

}  // namespace amqmesh::router
