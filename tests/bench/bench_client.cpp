// Load client: pairs of senders and receivers through the router, or relay, under test; one JSON
// line of what was measured. scripts/bench starts it.
#include "tests/bench/load.h"

#include <getopt.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using amqmesh::bench::Load;
using amqmesh::bench::LoadPlan;
using amqmesh::bench::LoadResult;

constexpr const char* kHelp =
    "usage: bench_client --send PORT (--receive PORT | --accept PORT) [options]\n"
    "  --send PORT      senders connect here (127.0.0.1)\n"
    "  --receive PORT   receivers connect here\n"
    "  --accept PORT    receivers wait here to be connected to, e.g. by a TCP relay\n"
    "  --size BYTES     body of a message (100)\n"
    "  --presettled     send settled\n"
    "  --window N       messages under way per pair (250)\n"
    "  --pairs N        senders and receivers (1)\n"
    "  --rate N         messages a second in all (as fast as possible)\n"
    "  --seconds S      measure so long (3), after --warmup S (0.5)\n"
    "  --address TEXT   prefix of the pairs' addresses (bench)\n"
    "  --pid PID        process whose CPU time and memory are told; repeatable\n";

LoadPlan parse(int argc, char** argv) {
    static const std::array<option, 14> kOptions = {{
        {"send", required_argument, nullptr, 's'},
        {"receive", required_argument, nullptr, 'r'},
        {"accept", required_argument, nullptr, 'a'},
        {"size", required_argument, nullptr, 'b'},
        {"presettled", no_argument, nullptr, 'p'},
        {"window", required_argument, nullptr, 'w'},
        {"pairs", required_argument, nullptr, 'n'},
        {"rate", required_argument, nullptr, 'f'},
        {"seconds", required_argument, nullptr, 't'},
        {"warmup", required_argument, nullptr, 'u'},
        {"address", required_argument, nullptr, 'd'},
        {"pid", required_argument, nullptr, 'i'},
        {"help", no_argument, nullptr, 'h'},
        {nullptr, 0, nullptr, 0},
    }};
    LoadPlan plan;
    plan.link.address = "bench";
    const auto number = [] { return std::strtoul(optarg, nullptr, 10); };
    int code = 0;
    while ((code = getopt_long(argc, argv, "", kOptions.data(), nullptr)) != -1) {
        switch (code) {
            case 's':
                plan.send_port = static_cast<std::uint16_t>(number());
                break;
            case 'r':
                plan.receive_port = static_cast<std::uint16_t>(number());
                break;
            case 'a':
                plan.accept_port = static_cast<std::uint16_t>(number());
                break;
            case 'b':
                plan.link.body_bytes = number();
                break;
            case 'p':
                plan.link.presettled = true;
                break;
            case 'w':
                plan.link.window = static_cast<std::uint32_t>(number());
                break;
            case 'n':
                plan.pairs = static_cast<unsigned>(number());
                break;
            case 'f':
                plan.rate = std::strtod(optarg, nullptr);
                break;
            case 't':
                plan.seconds = std::strtod(optarg, nullptr);
                break;
            case 'u':
                plan.warmup_s = std::strtod(optarg, nullptr);
                break;
            case 'd':
                plan.link.address = optarg;
                break;
            case 'i':
                plan.watched.push_back(static_cast<pid_t>(number()));
                break;
            default:
                std::fputs(kHelp, stderr);
                std::exit(code == 'h' ? 0 : 2);
        }
    }
    const bool one_way_to_receive = (plan.receive_port != 0) != (plan.accept_port != 0);
    if (plan.send_port == 0 || !one_way_to_receive || plan.link.body_bytes < 8 ||
        plan.link.window == 0 || plan.pairs == 0) {
        std::fputs(kHelp, stderr);
        std::exit(2);
    }
    return plan;
}

void print(const LoadResult& result) {
    std::printf(
        "{\"seconds\": %.6f, \"messages\": %llu, \"notAccepted\": %llu, \"lost\": %llu, "
        "\"p50Ns\": %llu, \"p99Ns\": %llu, \"clientCpuNs\": %llu, \"watched\": [",
        result.seconds,
        static_cast<unsigned long long>(result.messages),
        static_cast<unsigned long long>(result.not_accepted),
        static_cast<unsigned long long>(result.lost),
        static_cast<unsigned long long>(result.latency_p50_ns),
        static_cast<unsigned long long>(result.latency_p99_ns),
        static_cast<unsigned long long>(result.client_cpu_ns));
    const char* separator = "";
    for (const auto& process : result.watched) {
        std::printf("%s{\"cpuNs\": %llu, \"rssBytes\": %llu}",
                    separator,
                    static_cast<unsigned long long>(process.cpu_ns),
                    static_cast<unsigned long long>(process.rss_bytes));
        separator = ", ";
    }
    std::printf("]}\n");
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    const LoadResult result = Load(parse(argc, argv)).run();
    print(result);
    return result.lost == 0 && result.not_accepted == 0 ? 0 : 1;
}
