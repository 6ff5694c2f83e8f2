#include "router/amqp_socket.h"

#include "router/clock.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace amqmesh::router {

namespace {

// One connection may not keep the others waiting: so many reads or writes a turn.
constexpr int kReadsPerTurn = 4;
constexpr int kWritesPerTurn = 8;
constexpr std::size_t kWriteBytesPerTurn = std::size_t{256} << 10U;
constexpr std::size_t kSlicesMax = 64;
// The same in time, for bytes that ask for much (attaches to a session of thousands of links, say):
// a connection that needs more for one read is read in smaller steps.
constexpr routing::Time kReadTimeMax = 2 * routing::kMillisecond;
constexpr std::size_t kReadBytesMax = std::size_t{64} << 10U;
constexpr std::size_t kReadBytesMin = 512;
// A connection that is busy gets its timers looked at this often.
constexpr routing::Time kTickInterval = 100 * routing::kMillisecond;
constexpr routing::Time kLinger = 500 * routing::kMillisecond;
constexpr std::size_t kLingerBytesMax = 4U << 20U;
constexpr const char* kNoClose = "the peer closed the socket";

/// Keeps the first `limit` bytes of `slices`. How many.
std::size_t cut(std::span<iovec>& slices, std::size_t limit) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < slices.size(); ++i) {
        iovec& slice = slices[i];
        slice.iov_len = std::min(slice.iov_len, limit - bytes);
        bytes += slice.iov_len;
        if (bytes == limit) {
            slices = slices.first(i + 1);
        }
    }
    return bytes;
}

bool is_would_block(int error) {
    return error == EAGAIN;  // EWOULDBLOCK is the same number on Linux
}

}  // namespace

AmqpSocket::AmqpSocket(UniqueFd socket, link::ConnectionId id, std::uint64_t key, SocketHost& host)
    : socket_(std::move(socket)), id_(id), key_(key), host_(host), read_bytes_(kReadBytesMax) {}

void AmqpSocket::start() {
    tick();
    host_.touched(*this);
}

void AmqpSocket::on_event(const Poller::Event& event) {
    if (event.writable && std::exchange(full_, false) && state_ == State::kOpen) {
        host_.touched(*this);
    }
    if (event.ended && !std::exchange(all_sent_, true) && state_ == State::kOpen) {
        host_.plane().peer_ended(id_, now());
    }
    readable_ = readable_ || event.readable || event.ended;
    read();
}

void AmqpSocket::read() {
    if (readable_ && !peer_ended_ && state_ == State::kOpen) {
        read_burst();
    } else if (readable_ && !peer_ended_ && state_ == State::kLingering) {
        drop_input();
    }
    if (readable_ && !peer_ended_ && state_ != State::kClosed) {
        host_.unread(*this);  // its turn is over; the others come first
    }
}

// [data path 1] The kernel has bytes: they land in the engine's input space.
void AmqpSocket::read_burst() {
    link::DataPlane& plane = host_.plane();
    bool failed = false;
    for (int turn = 0; turn < kReadsPerTurn && !plane.input_ended(id_); ++turn) {
        const std::span<std::byte> space = plane.input_space(id_);
        if (space.empty()) {
            failed = true;  // the engine has failed the connection and is about to say so
            break;
        }
        const std::size_t wanted = std::min(space.size(), read_bytes_);
        const ssize_t count = ::recv(socket_.get(), space.data(), wanted, 0);
        const int error = count < 0 ? errno : 0;
        const std::size_t bytes = count > 0 ? static_cast<std::size_t>(count) : 0;
        moved_ = true;
        const routing::Time begun = now();
        plane.input_done(id_, bytes, begun);
        const bool in_time = fits_turn(bytes, now() - begun);
        if (bytes > 0 && (bytes == wanted || all_sent_)) {
            if (!in_time) {
                break;
            }
            continue;
        }
        if (error == EINTR) {
            continue;
        }
        if (count > 0 || is_would_block(error)) {
            readable_ = false;  // less than there was space for: that was all
            break;
        }
        input_ends(count == 0 ? kNoClose : std::generic_category().message(error));
        break;
    }
    if (!peer_ended_ && (failed || plane.input_ended(id_))) {
        // Nothing is read any more, but the peer's end has to be noticed: drop what comes.
        drop_input();
    }
    host_.touched(*this);
}

bool AmqpSocket::fits_turn(std::size_t bytes, routing::Time took) {
    if (took > kReadTimeMax) {
        read_bytes_ = std::max(std::min(bytes, read_bytes_) / 2, kReadBytesMin);
        return false;
    }
    if (read_bytes_ < kReadBytesMax && bytes == read_bytes_ && took < kReadTimeMax / 4) {
        read_bytes_ = std::min(read_bytes_ * 2, kReadBytesMax);
    }
    return true;
}

void AmqpSocket::input_ends(const std::string& why) {
    peer_ended_ = true;
    host_.plane().input_closed(id_, why, now());
}

void AmqpSocket::drop_input() {
    std::array<std::byte, 16384> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (int turn = 0; turn < kReadsPerTurn; ++turn) {
        const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && is_would_block(errno)) {
            readable_ = false;
            return;
        }
        dropped_ += count > 0 ? static_cast<std::size_t>(count) : 0;
        if (count > 0 && dropped_ <= kLingerBytesMax) {
            continue;
        }
        if (state_ == State::kLingering) {
            peer_ended_ = true;
            close();
        } else {
            input_ends(kNoClose);
        }
        return;
    }
}

// [data path 9] Once per burst: everything the engine has goes to the kernel in gathered writes.
void AmqpSocket::start_write() {
    if (state_ != State::kOpen) {
        return;
    }
    if (full_) {
        maybe_finish();  // a peer that takes nothing must not outlive its time limits
        return;
    }
    link::DataPlane& plane = host_.plane();
    std::array<iovec, kSlicesMax> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::size_t left = kWriteBytesPerTurn;
    for (int turn = 0; turn < kWritesPerTurn && left > 0; ++turn) {
        std::span slices(room.data(), plane.output(id_, room));
        if (slices.empty()) {
            break;
        }
        const std::size_t wanted = cut(slices, left);
        left -= wanted;
        msghdr message{};
        message.msg_iov = slices.data();
        message.msg_iovlen = slices.size();
        const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        const bool full =
            sent < 0 ? is_would_block(errno) : static_cast<std::size_t>(sent) < wanted;
        if (sent > 0) {
            moved_ = true;
            plane.output_done(id_, static_cast<std::size_t>(sent), now());
        }
        if (full) {
            full_ = true;
            break;
        }
        if (sent < 0) {
            input_ends(std::generic_category().message(errno));
            break;
        }
    }
    if (!full_ && plane.has_output(id_) && !peer_ended_) {
        host_.touched(*this);  // its turn is over; the others come first
    }
    maybe_finish();
}

void AmqpSocket::maybe_finish() {
    if (state_ != State::kOpen) {
        return;
    }
    link::DataPlane& plane = host_.plane();
    const bool no_way_out = peer_ended_ && !plane.has_output(id_);
    if (plane.finished(id_)) {
        linger();
        return;
    }
    const routing::Time time = now();
    if (no_way_out || (moved_ && time - last_tick_ >= kTickInterval)) {
        tick();
        if (plane.finished(id_)) {
            linger();  // its time was over
        }
        return;
    }
    // Input and output change what the timers are about: look again soon, not each time.
    const std::optional<routing::Time> deadline = host_.deadlines().of(key_);
    if (moved_ && (!deadline || *deadline > last_tick_ + kTickInterval)) {
        host_.deadlines().set(key_, last_tick_ + kTickInterval);
    }
}

void AmqpSocket::on_deadline() {
    if (state_ == State::kLingering) {
        close();
    } else if (state_ == State::kOpen) {
        tick();
        // An idle connection is not looked at any further.
        if (host_.plane().has_output(id_) || host_.plane().finished(id_)) {
            host_.touched(*this);
        }
    }
}

void AmqpSocket::tick() {
    moved_ = false;
    last_tick_ = now();
    host_.deadlines().set(key_, host_.plane().tick(id_, last_tick_));
}

void AmqpSocket::linger() {
    host_.plane().forget(id_);
    host_.detached(*this);
    if (peer_ended_) {
        close();
        return;
    }
    state_ = State::kLingering;
    ::shutdown(socket_.get(), SHUT_WR);
    host_.deadlines().set(key_, now() + kLinger);
    if (readable_) {
        host_.unread(*this);
    }
}

void AmqpSocket::close() {
    state_ = State::kClosed;
    host_.deadlines().set(key_, std::nullopt);
    socket_.reset();
    host_.gone(*this);
}

void AmqpSocket::hang_up(const std::string& why) {
    start_write();
    if (state_ == State::kOpen) {
        host_.plane().input_closed(id_, why, now());
        host_.touched(*this);
    }
}

void AmqpSocket::abandon() {
    state_ = State::kClosed;
    socket_.reset();
}

}  // namespace amqmesh::router
