#include "router/configuration.h"

#include "router/log.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace amqmesh::router {
namespace {

std::string problems(const LoadedConfiguration& loaded) {
    std::string text;
    for (const ConfigProblem& problem : loaded.problems) {
        text += to_string(problem, "f") + '\n';
    }
    return text;
}

TEST(Configuration, is_typed_with_the_schemas_defaults) {
    const LoadedConfiguration loaded = load_configuration(
        "router: {id: A, mode: interior, workerThreads: 3}\n"
        "listener:\n"
        "  - {port: 0}\n"
        "  - {name: mesh, host: '::1', port: amqps, role: inter-router, cost: 7,\n"
        "     idleTimeoutSeconds: 2, max-frame-size: 4096, linkCapacity: 10,\n"
        "     initialHandshakeTimeoutSeconds: 5, socketAddressFamily: IPv6}\n"
        "connector: {name: up, host: b, port: 1000, role: inter-router}\n"
        "address:\n"
        "  - {prefix: rpc, distribution: multicast, priority: 7}\n"
        "  - {pattern: a.*.c, distribution: closest}\n"
        "log: {module: DEFAULT, enable: debug+}\n",
        16);
    ASSERT_EQ(problems(loaded), "");
    const Configuration& node = loaded.configuration;
    EXPECT_EQ(node.id, "A");
    EXPECT_EQ(node.mode, RouterMode::kInterior);
    EXPECT_EQ(node.workers, 3);
    EXPECT_EQ(node.heartbeat_ms, 300U);
    ASSERT_EQ(node.listeners.size(), 2U);
    EXPECT_EQ(node.listeners[0].host, "127.0.0.1");
    EXPECT_EQ(node.listeners[0].port, "0");
    EXPECT_EQ(node.listeners[0].name, "127.0.0.1:0");
    EXPECT_EQ(node.listeners[0].handshake_timeout_ms, 10000U);
    EXPECT_EQ(node.listeners[1].name, "mesh");
    EXPECT_EQ(node.listeners[1].role, link::ConnectionRole::kInterRouter);
    EXPECT_EQ(node.listeners[1].cost, 7U);
    EXPECT_EQ(node.listeners[1].idle_timeout_ms, 2000U);
    EXPECT_EQ(node.listeners[1].max_frame_size, 4096U);
    EXPECT_EQ(node.listeners[1].link_capacity, 10U);
    EXPECT_EQ(node.listeners[1].handshake_timeout_ms, 5000U);
    EXPECT_EQ(node.listeners[1].family, AddressFamily::kV6);
    ASSERT_EQ(node.connectors.size(), 1U);
    EXPECT_EQ(node.connectors[0].name, "up");
    ASSERT_EQ(node.addresses.size(), 2U);
    EXPECT_EQ(node.addresses[0].pattern, "rpc/#");
    EXPECT_EQ(node.addresses[0].treatment, routing::Treatment::kMulticast);
    EXPECT_EQ(node.addresses[0].priority, 7);
    EXPECT_EQ(node.addresses[1].pattern, "a.*.c");
    EXPECT_FALSE(node.addresses[1].priority.has_value());
    ASSERT_EQ(node.logs.size(), 1U);
    EXPECT_EQ(node.logs[0].enable, "debug+");

    const link::ConnectionOptions options = connection_options(node, node.listeners[1], false);
    EXPECT_EQ(options.engine.container_id, "A");
    EXPECT_EQ(options.engine.heartbeat_ms, 300U);
    EXPECT_EQ(options.cost, 7U);
    EXPECT_FALSE(options.engine.initiator);
}

TEST(Configuration, a_minimal_file_gets_an_id_and_a_worker_per_core) {
    const LoadedConfiguration loaded = load_configuration("listener: {port: 0}\n", 16);
    ASSERT_EQ(problems(loaded), "");
    EXPECT_EQ(loaded.configuration.workers, 8);
    EXPECT_EQ(loaded.configuration.id.substr(0, 11), "Standalone_");
    EXPECT_EQ(loaded.configuration.id.size(), 26U);
}

TEST(Configuration, listeners_without_name_may_share_a_port) {
    const LoadedConfiguration loaded =
        load_configuration("listener:\n  - {port: 0}\n  - {port: 0}\n", 1);
    ASSERT_EQ(problems(loaded), "");
    EXPECT_EQ(loaded.configuration.listeners[1].name, "127.0.0.1:0/2");
}

TEST(Configuration, addresses_have_names_of_their_own) {
    const auto names = [](const std::string& text) {
        std::string all;
        const LoadedConfiguration loaded = load_configuration("listener: {port: 0}\n" + text, 1);
        for (const mgmt::Row& row : loaded.configuration.address_rows) {
            all += std::string{row.text("name")} + ' ';
        }
        return all;
    };
    EXPECT_EQ(names("address:\n  - {prefix: a}\n  - {name: n, prefix: b}\n  - {pattern: c.*}\n"),
              "a/# n c.* ");
    EXPECT_EQ(names("address:\n  - {prefix: a}\n  - {name: 'a/#', prefix: b}\n"), "a/#/2 a/# ");
}

TEST(Configuration, all_mistakes_are_told_at_once) {
    const LoadedConfiguration loaded = load_configuration(
        "router:\n"
        "  id: A\n"
        "  wrokerThreads: 2\n"
        "lisener:\n"
        "  - {port: 1}\n"
        "  - {port: 2}\n"
        "listener:\n"
        "  - {name: x, port: 99999}\n"
        "  - name: x\n"
        "    port: 5000\n"
        "    role: inter-router\n"
        "address: {prefix: a, pattern: b}\n",
        1);
    EXPECT_FALSE(loaded.ok());
    EXPECT_EQ(problems(loaded),
              "f:3: router has no attribute \"wrokerThreads\" (did you mean workerThreads?)\n"
              "f:4: unknown entity \"lisener\" (did you mean listener?)\n"
              "f:8: listener: port: \"99999\" is no port (0 to 65535)\n"
              "f:9: listener: role: inter-router is not allowed in standalone mode (write \"mode: "
              "interior\" for the router)\n"
              "f:12: address: prefix and pattern exclude each other (keep one of them)\n");
}

TEST(Configuration, names_and_ranges_are_unique_and_the_router_single) {
    const LoadedConfiguration loaded = load_configuration(
        "connector:\n"
        "  - {name: x, port: 1}\n"
        "  - {name: x, port: 2}\n"
        "address:\n"
        "  - {prefix: a}\n"
        "  - {pattern: a/#}\n"
        "router:\n"
        "  - {id: A}\n"
        "  - {id: B}\n",
        1);
    EXPECT_EQ(problems(loaded),
              "f:3: connector: name \"x\" is taken in line 2 (give each its own name)\n"
              "f:6: address: the same range as in line 5 (keep one of them)\n"
              "f:9: router: there can be only one\n");
}

TEST(Configuration, one_range_one_module_and_one_port_written_differently) {
    const auto told = [](const std::string& text) {
        return problems(load_configuration("listener: {port: 0}\n" + text, 1));
    };
    EXPECT_EQ(told("address:\n  - {prefix: a.b}\n  - {prefix: a/b}\n  - {pattern: a.b.#}\n"),
              "f:4: address: the same range as in line 3 (keep one of them)\n"
              "f:5: address: the same range as in line 3 (keep one of them)\n");
    EXPECT_EQ(told("address:\n  - {prefix: a, name: n}\n  - {prefix: b, name: n}\n"),
              "f:4: address: name \"n\" is taken in line 3 (give each its own name)\n");
    EXPECT_EQ(told("log:\n  - {module: SERVER}\n  - {module: AGENT}\n  - {module: SERVER}\n"),
              "f:5: log: SERVER is set in line 3 already (keep one of them)\n");
    EXPECT_EQ(told("log:\n  - {module: SERVER, name: n}\n  - {module: AGENT, name: n}\n"),
              "f:4: log: name \"n\" is taken in line 3 (give each its own name)\n");
    EXPECT_EQ(problems(load_configuration("listener:\n  - {port: 5672}\n  - {port: amqp}\n", 1)),
              "f:3: listener: 127.0.0.1:5672 is taken in line 2 (give it another port)\n");
}

TEST(Configuration, a_service_that_the_system_does_not_know) {
    const LoadedConfiguration loaded = load_configuration(
        "listener:\n  - {port: nosuchsvc}\nconnector:\n  - {port: nosuchsvc, host: b}\n", 1);
    EXPECT_EQ(problems(loaded),
              "f:2: listener: port: no service \"nosuchsvc\" is known to this machine (write the "
              "number)\n"
              "f:4: warning: connector: port: no service \"nosuchsvc\" is known to this machine "
              "(write the number)\n");
}

TEST(Configuration, harmless_leftovers_are_warnings) {
    const LoadedConfiguration loaded = load_configuration(
        "router {\n    id: A\n    helloInterval: 2\n}\nlistener {\n    port: 0\n}\n", 1);
    EXPECT_TRUE(loaded.ok());
    ASSERT_FALSE(loaded.problems.empty());
    for (const ConfigProblem& problem : loaded.problems) {
        EXPECT_EQ(problem.line, 3U);
        EXPECT_TRUE(problem.warning);
    }
}

TEST(Configuration, what_cannot_be_meant_is_told) {
    const auto told = [](const std::string& text) { return problems(load_configuration(text, 1)); };
    EXPECT_EQ(told("listener:\n  - {port: 7}\n  - {port: 7}\n"),
              "f:3: listener: 127.0.0.1:7 is taken in line 2 (give it another port)\n");
    EXPECT_EQ(told("listener:\n  - {port: 7, socketAddressFamily: IPv4}\n"
                   "  - {port: 7, socketAddressFamily: IPv6}\n"),
              "");
    EXPECT_EQ(told("listener: {port: 7}\nconnector: {port: 7}\n"),
              "f:2: warning: connector: 127.0.0.1:7 is this router's own listener, in line 1 (name "
              "another router's)\n");
    EXPECT_EQ(told("router: {id: A}\n"),
              "f: warning: has no listener: nobody can connect (add one, see the README's "
              "example)\n");
    EXPECT_EQ(told("router: {id: A, mode: interior}\nlistener: {port: 7}\n"),
              "f:1: warning: router: it is alone in its mesh: no listener and no connector has the "
              "role inter-router (add one, or leave out \"mode: interior\")\n");
    EXPECT_EQ(told("router: {id: A, mode: interior}\nconnector: {port: 7, role: inter-router}\n"),
              "");
}

TEST(Configuration, what_we_do_not_have_is_refused_with_advice) {
    const LoadedConfiguration loaded = load_configuration("sslProfile:\n  name: x\n", 1);
    EXPECT_FALSE(loaded.ok());
    EXPECT_NE(problems(loaded).find("f:1: sslProfile is not supported (TLS"), std::string::npos)
        << problems(loaded);
}

TEST(Configuration, entities_of_other_versions_are_refused_with_advice) {
    const auto told = [](const std::string& text) { return problems(load_configuration(text, 1)); };
    EXPECT_EQ(told("container {\n    worker-threads: 4\n}\nlistener {\n    port: 0\n}\n"),
              "f:1: container is not supported (write its workerThreads, and its containerName as "
              "id, into router)\n");
    EXPECT_EQ(
        told("listener: {port: 0}\ntcpListener: {port: 1024, address: a}\n"),
        "f:2: tcpListener is not supported (only AMQP is carried: let the clients speak it)\n");
}

TEST(Configuration, old_attributes_are_taken_for_what_they_meant) {
    const auto told = [](const std::string& text) { return problems(load_configuration(text, 1)); };
    EXPECT_EQ(told("listener: {port: 0, allowNoSasl: yes, allowUnsecured: yes}\n"), "");
    EXPECT_EQ(
        told("listener: {port: 0, requirePeerAuth: yes}\n"),
        "f:1: listener: authenticatePeer: \"yes\" is not supported (authentication of clients "
        "is not offered yet; bind to a loopback or private address)\n"
        "f:1: warning: listener: requirePeerAuth is an old name (write authenticatePeer)\n");
    EXPECT_EQ(
        told("listener: {port: 0}\nlog:\n  - {module: ROUTER_HELLO, enable: trace+}\n"
             "  - {module: SERVER, outputFile: syslog}\n"),
        "f:3: warning: log: module: ROUTER_HELLO has no lines here (ROUTER_LS tells of routes "
        "and neighbours, SERVER of connections)\n"
        "f:4: log: outputFile: syslog is not offered (stderr is what systemd's journal and "
        "container engines take)\n");
}

// The reference reads maps of vhost that are no JSON; since vhost is refused as a whole, nothing
// else is to be said of them.
TEST(Configuration, what_is_refused_is_not_read_further) {
    const LoadedConfiguration loaded = load_configuration(
        "vhost {\n"
        "    hostname: shop\n"
        "    groups: {\n"
        "        $default: {\n"
        "            users: a, b\n"
        "            remoteHosts: *\n"
        "        }\n"
        "    }\n"
        "}\n"
        "listener {\n    port: 0\n}\n",
        1);
    EXPECT_EQ(problems(loaded),
              "f:1: vhost is not supported (policy is not offered yet: limit access by the address "
              "that a listener binds to)\n");
}

TEST(Configuration, an_http_listener_offers_what_it_is_told) {
    const auto access = [](const std::string& more) {
        const LoadedConfiguration loaded =
            load_configuration("listener: {host: 127.0.0.1, port: 0, http: yes" + more + "}\n", 1);
        EXPECT_TRUE(loaded.ok()) << problems(loaded);
        return loaded.configuration.listeners.at(0).http_access;
    };
    EXPECT_TRUE(access("").console && access("").web_sockets && access("").metrics);
    EXPECT_FALSE(access(", websockets: no").web_sockets);
    EXPECT_FALSE(access(", metrics: no").metrics);
    EXPECT_FALSE(access(", healthz: no").health);
    EXPECT_FALSE(access(", httpRootDir: disabled").console);
    EXPECT_TRUE(access(", httpRootDir: /usr/share/console").console);
    const LoadedConfiguration probes = load_configuration(
        "listener: {host: 0.0.0.0, port: 0, http: yes, httpRootDir: disabled, websockets: no}\n",
        1);
    EXPECT_EQ(problems(probes), "") << "nothing is open to everyone that would need a password";
}

TEST(Configuration, a_name_with_nothing_below_it_makes_nothing) {
    const LoadedConfiguration loaded = load_configuration(
        "router:\nlistener:\n  - {port: 0}\n  - ~\nconnector:\n# - {port: 1}\naddress: ~\nlog: "
        "[]\n",
        1);
    EXPECT_EQ(
        problems(loaded),
        "f:4: warning: listener: nothing is below it, so there is none (write attributes, or "
        "{} for the defaults, or delete the line)\n"
        "f:5: warning: connector: nothing is below it, so there is none (write attributes, or "
        "{} for the defaults, or delete the line)\n"
        "f:7: warning: address: nothing is below it, so there is none (write attributes, or "
        "{} for the defaults, or delete the line)\n");
    EXPECT_TRUE(loaded.ok());
    EXPECT_EQ(loaded.configuration.listeners.size(), 1U);
    EXPECT_TRUE(loaded.configuration.connectors.empty());
    EXPECT_TRUE(loaded.configuration.addresses.empty());
    EXPECT_EQ(load_configuration("listener: {}\n", 1).configuration.listeners.size(), 1U);
}

TEST(Configuration, a_missing_file_is_told) {
    const LoadedConfiguration missing = load_configuration_file("no/such/file", 1);
    EXPECT_EQ(problems(missing), "f: cannot be read: No such file or directory\n");
    EXPECT_FALSE(missing.ok());
}

TEST(Log, what_is_in_force_is_what_the_check_lets_pass) {
    using log::enabled;
    using log::Level;
    using log::Module;
    const auto levels = [](const std::string& enable, const std::string& module = "DEFAULT") {
        log::Setting setting;
        setting.module = module;
        setting.enable = enable;
        return setting;
    };
    std::string why;
    ASSERT_TRUE(log::configure({levels("INFO+ debug")}, why)) << why;
    EXPECT_TRUE(enabled(Module::kServer, Level::kDebug));
    EXPECT_TRUE(enabled(Module::kServer, Level::kCritical));
    EXPECT_FALSE(enabled(Module::kServer, Level::kTrace));
    ASSERT_TRUE(log::configure(
        {levels("none"), levels("error", "SERVER"), levels("default", "AGENT")}, why))
        << why;
    EXPECT_TRUE(enabled(Module::kServer, Level::kError));
    EXPECT_FALSE(enabled(Module::kServer, Level::kCritical));
    EXPECT_FALSE(enabled(Module::kAgent, Level::kCritical));
    EXPECT_FALSE(log::configure({levels("default,error")}, why));
    EXPECT_EQ(why, "log DEFAULT: enable: default cannot be combined with levels");
    ASSERT_TRUE(log::configure({}, why)) << why;
}

TEST(Log, values_of_others_do_not_look_like_more_of_the_line) {
    EXPECT_EQ(log::value("shop-1"), "shop-1");
    EXPECT_EQ(log::value(""), R"("")");
    EXPECT_EQ(log::value("x role=admin"), R"("x role=admin")");
    EXPECT_EQ(log::value(R"(say "so" \)"), R"("say \"so\" \\")");
}

TEST(Log, every_line_is_one_line_of_utf8) {
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("amqmesh_log_test." + std::to_string(::getpid()));
    std::string why;
    for (const bool json : {false, true}) {
        const log::Setting setting{.output = file.string(), .timestamps = false, .json = json};
        ASSERT_TRUE(log::configure({setting}, why)) << why;
        log::write(log::Module::kServer, log::Level::kInfo, "CODE", "a\nb\x1b[0m \xff\" \xc3\xbc");
    }
    ASSERT_TRUE(log::configure({}, why)) << why;
    std::ifstream in(file, std::ios::binary);
    std::string text;
    std::string object;
    std::string end;
    std::getline(in, text);
    std::getline(in, object);
    EXPECT_EQ(text, "info SERVER CODE a?b?[0m \xef\xbf\xbd\" \xc3\xbc");
    EXPECT_NE(object.find("\"text\":\"a?b?[0m \xef\xbf\xbd\\\" \xc3\xbc\"}"), std::string::npos)
        << object;
    EXPECT_FALSE(std::getline(in, end));
    std::filesystem::remove(file);
}

}  // namespace
}  // namespace amqmesh::router
