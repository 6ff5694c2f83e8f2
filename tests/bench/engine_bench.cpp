// What one message costs in the engine: a sending and a receiving engine back to back do together
// what a router does for it (transfer in and out, disposition in and out), without sockets.
//   engine_bench [payload bytes] [messages] [runs]
#include "link/engine.h"

#include "tests/bench/quiet_events.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace amqmesh::bench {

namespace {

class Events : public QuietEvents {
  public:
    link::Engine* engine = nullptr;
    std::uint64_t received = 0;
    std::uint64_t settled = 0;

    void on_attach(link::SessionIndex,
                   link::LinkIndex link,
                   const link::RemoteAttach& attach) override {
        engine->accept_attach(link, attach.source, attach.target);
        engine->set_credit(link, kCredit);
    }

    void on_transfer(link::Transfer& transfer) override {
        if (transfer.more) {
            return;
        }
        ++received;
        engine->dispose(transfer.session,
                        transfer.delivery_id,
                        {.outcome = link::Outcome::kAccepted, .raw = {}},
                        true);
        engine->set_credit(transfer.link, kCredit);
    }

    void on_outgoing_disposition(std::uint64_t, const link::DeliveryState&, bool) override {
        ++settled;
    }

  private:
    static constexpr std::uint32_t kCredit = 250;
};

/// CPU time of this process: what other load does to the clock on the wall is none of our concern.
double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// As a socket would: gathers the slices of one output, fills the other side's read buffer.
bool move(link::Engine& from, link::Engine& to, link::Time now) {
    std::array<iovec, 64> slices{};
    const std::size_t count = from.output(slices);
    if (count == 0) {
        return false;
    }
    std::size_t moved = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto* at = static_cast<const std::byte*>(slices[i].iov_base);
        for (std::size_t left = slices[i].iov_len; left > 0;) {
            const std::span<std::byte> space = to.input_space();
            const std::size_t piece = std::min(space.size(), left);
            std::memcpy(space.data(), at, piece);
            to.input_done(piece, now);
            at += piece;
            left -= piece;
        }
        moved += slices[i].iov_len;
    }
    from.output_done(moved);
    return true;
}

void settle_down(link::Engine& left, link::Engine& right) {
    while (true) {
        const bool there = move(left, right, 0);
        const bool back = move(right, left, 0);
        if (!there && !back) {
            return;
        }
    }
}

double run(std::size_t payload_bytes, std::uint64_t messages) {
    link::ChunkPool pool;
    Events sending;
    Events receiving;
    link::EngineConfig config;
    config.container_id = "receiver";
    link::Engine receiver(config, receiving, pool, 0);
    receiving.engine = &receiver;
    config.initiator = true;
    config.container_id = "sender";
    link::Engine sender(config, sending, pool, 0);
    sending.engine = &sender;
    const link::SessionIndex session = sender.begin();
    link::Engine::AttachOptions options;
    options.name = "bench";
    const link::LinkIndex link = sender.attach(session, options);
    settle_down(sender, receiver);

    const link::ChunkRef owner = pool.take();
    const std::span<const std::byte> payload(owner.get()->bytes.get(),
                                             std::min(payload_bytes, link::ChunkPool::kChunkBytes));
    const double start = cpu_ns();
    std::uint64_t sent = 0;
    while (sending.settled < messages) {
        for (unsigned burst = 0; burst < 64 && sent < messages && sender.writable(link); ++burst) {
            std::array<std::byte, 8> tag{};
            std::memcpy(tag.data(), &sent, sizeof(sent));
            link::OutboundDelivery delivery;
            delivery.tag = tag;
            delivery.context = ++sent;
            sender.start_delivery(link, delivery);
            std::size_t left = payload_bytes;
            while (left > 0) {
                const std::size_t part = std::min(left, payload.size());
                left -= part;
                sender.write_delivery(link, payload.first(part), &owner, left > 0);
                if (left > 0 && !sender.writable(link)) {
                    settle_down(sender, receiver);
                }
            }
        }
        settle_down(sender, receiver);
    }
    const double took = cpu_ns() - start;
    if (receiving.received != messages) {
        std::abort();
    }
    return took / static_cast<double>(messages);
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

}  // namespace amqmesh::bench

int main(int argc, char** argv) {
    const std::size_t payload = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100;
    const std::uint64_t messages = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 500000;
    const unsigned long runs = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 7;
    std::vector<double> taken;
    for (unsigned long i = 0; i < runs; ++i) {
        taken.push_back(amqmesh::bench::run(payload, messages));
    }
    const double middle = amqmesh::bench::median(taken);
    std::vector<double> deviations;
    for (const double value : taken) {
        deviations.push_back(value > middle ? value - middle : middle - value);
    }
    std::printf("payload=%zu B  %.1f ns CPU per message (median of %lu, MAD %.1f)\n",
                payload,
                middle,
                runs,
                amqmesh::bench::median(deviations));
    return 0;
}
