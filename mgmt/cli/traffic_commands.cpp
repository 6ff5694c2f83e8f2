#include "mgmt/cli/commands.h"
#include "mgmt/cli/numbers.h"
#include "mgmt/cli/traffic.h"

#include <CLI/CLI.hpp>

#include <map>
#include <memory>

namespace amqmesh::cli {

namespace {

void add_traffic_options(CLI::App& command, TrafficOptions& options, const char* count_help) {
    add_node_options(command, options.node, Reach::kNodeOnly);
    command.add_option("address", options.address, "AMQP address, e.g. orders or _local/test")
        ->required();
    command.add_option("-c,--count", options.count, count_help)
        ->check(not_negative)
        ->capture_default_str();
    command.add_option("--duration", options.duration_s, "Stop after so many seconds")
        ->check(positive);
    command.add_flag("--json", options.json, "Print JSON, the counts as its last line");
    command.add_flag("--progress", options.progress, "Tell the counts twice a second");
}

void add_message_options(CLI::App& command, MessageOptions& options) {
    command.add_option("text", options.text, "Text to send; none: standard input");
    command.add_option("-s,--size", options.size, "Send so many bytes instead of a text")
        ->check(CLI::Range(1, 1 << 30));
    command.add_flag("--lines", options.lines, "Send every line of standard input as a message");
    command.add_option("--subject", options.subject, "Subject of the messages");
    command.add_option("-p,--property", options.properties, "Application property NAME=VALUE");
    command.add_flag("--durable", options.durable, "Mark messages durable");
    command.add_option("--priority", options.priority, "Priority")->check(CLI::Range(0, 9));
    command.add_option("--ttl", options.time_to_live_s, "Time to live in seconds")->check(positive);
}

void add_rate(CLI::App& command, double& rate) {
    command.add_option("--rate", rate, "At most so many messages a second")->check(positive);
}

void add_send(CLI::App& app, Action& chosen) {
    CLI::App* command = app.add_subcommand("send", "Send messages and count their outcomes");
    auto options = std::make_shared<SendOptions>();
    add_traffic_options(*command, options->traffic, "Messages to send; 0: until Ctrl-C");
    add_message_options(*command, options->message);
    add_rate(*command, options->traffic.rate);
    command->add_flag("--presettled", options->presettled, "Send settled: no outcome is awaited");
    command->add_option("--window", options->window, "Unsettled messages at most; 0: the credit")
        ->check(not_negative);
    command->footer("Ends with 0 when every message was accepted (or sent, if pre-settled).");
    command->callback([options, &chosen] { chosen = [options] { return send(*options); }; });
}

void add_receive(CLI::App& app, Action& chosen) {
    static const std::map<std::string, Answer> kAnswers = {{"accept", Answer::kAccept},
                                                           {"reject", Answer::kReject},
                                                           {"release", Answer::kRelease},
                                                           {"modify", Answer::kModify}};
    CLI::App* command = app.add_subcommand("receive", "Receive messages and print them");
    auto options = std::make_shared<ReceiveOptions>();
    options->traffic.count = 0;
    add_traffic_options(*command, options->traffic, "Messages to receive; 0: until Ctrl-C");
    command->add_option("--credit", options->credit, "Messages that may be under way at a time")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    command->add_option("--outcome", options->answer, "accept, reject, release or modify")
        ->transform(CLI::CheckedTransformer(kAnswers));
    command->add_flag("--echo", options->echo, "Send each body back to the message's reply-to");
    command->add_flag("--presettled", options->presettled, "Ask for settled messages");
    command->add_flag("-q,--quiet", options->quiet, "Print no messages, only the counts");
    command->callback([options, &chosen] { chosen = [options] { return receive(*options); }; });
}

void add_request(CLI::App& app, Action& chosen) {
    CLI::App* command =
        app.add_subcommand("request", "Send requests one by one and print the replies");
    auto options = std::make_shared<RequestOptions>();
    add_traffic_options(*command, options->traffic, "Requests to send; 0: until Ctrl-C");
    add_message_options(*command, options->message);
    add_rate(*command, options->traffic.rate);
    command->add_flag("-q,--quiet", options->quiet, "Print no replies, only the counts");
    command->callback([options, &chosen] { chosen = [options] { return request(*options); }; });
}

void add_bench(CLI::App& app, Action& chosen) {
    CLI::App* command =
        app.add_subcommand("bench", "Send messages to oneself through a node: rate and latency");
    auto options = std::make_shared<BenchOptions>();
    options->traffic.count = 10'000;
    add_traffic_options(*command, options->traffic, "Messages to send; 0: until --duration");
    command->add_option("-s,--size", options->size, "Bytes of a message's body")
        ->check(CLI::Range(8, 1 << 30))
        ->capture_default_str();
    command->add_option("--window", options->window, "Unsettled messages at most")
        ->check(positive)
        ->capture_default_str();
    add_rate(*command, options->traffic.rate);
    command->footer(
        "One client of one core: a floor of what a node can do, not its limit. Latency is from\n"
        "send to receipt in this process; --window 1 or --rate shows it without queues.");
    command->callback([options, &chosen] { chosen = [options] { return bench(*options); }; });
}

}  // namespace

void add_traffic_commands(CLI::App& app, Action& chosen) {
    add_bench(app, chosen);
    add_send(app, chosen);
    add_receive(app, chosen);
    add_request(app, chosen);
}

}  // namespace amqmesh::cli
