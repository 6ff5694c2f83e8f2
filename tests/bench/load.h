// The load: pairs of a sender and a receiver, driven by one thread.
#pragma once

#include "tests/bench/peer.h"
#include "tests/bench/process_usage.h"
#include "tests/bench/socket.h"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace amqmesh::bench {

struct LoadPlan {
    LinkPlan link;                   ///< the address is a prefix, pair numbers are appended
    std::uint16_t send_port = 0;     ///< where senders connect
    std::uint16_t receive_port = 0;  ///< where receivers connect; 0: they are connected to
    std::uint16_t accept_port = 0;   ///< where receivers wait for that
    unsigned pairs = 1;
    double rate = 0;  ///< messages/s of all pairs; 0: as fast as they can
    double warmup_s = 0.5;
    double seconds = 3;
    std::vector<pid_t> watched;  ///< processes under test
};

struct LoadResult {
    double seconds = 0;
    std::uint64_t messages = 0;  ///< received while it was measured
    std::uint64_t not_accepted = 0, lost = 0;
    std::uint64_t latency_p50_ns = 0, latency_p99_ns = 0;
    std::uint64_t client_cpu_ns = 0;

    struct Watched {
        std::uint64_t cpu_ns = 0;
        std::uint64_t rss_bytes = 0;
    };

    std::vector<Watched> watched;
};

class Load {
  public:
    explicit Load(LoadPlan plan);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Warms up, measures, drains. Ends the program when the peer misbehaves.
    LoadResult run();

  private:
    struct End {
        Socket socket;
        std::unique_ptr<Peer> peer;
        std::vector<std::uint8_t> input;
        std::size_t filled = 0;
        bool wants_write = false;
    };

    struct Pair {
        End receiving, sending;

        [[nodiscard]] Receiver& receiver() const { return static_cast<Receiver&>(*receiving.peer); }

        [[nodiscard]] Sender& sender() const { return static_cast<Sender&>(*sending.peer); }
    };

    void connect_all();
    void watch(End& end);
    void wait_for_credit();
    /// One round: wait, read, answer, send, write.
    void round();
    void run_for(double seconds);
    void read(End& end, std::uint64_t now);
    void write(End& end);
    void snapshot(LoadResult& result, int sign) const;
    [[nodiscard]] std::uint64_t allowed(std::uint64_t now) const;
    [[nodiscard]] bool drained() const;

    LoadPlan plan_;
    Socket poll_;
    std::vector<std::unique_ptr<Pair>> pairs_;
    std::uint64_t rate_from_ns_ = 0;
    std::uint64_t last_heartbeat_ns_ = 0;
    bool stopping_ = false;
};

}  // namespace amqmesh::bench
