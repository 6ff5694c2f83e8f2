// Reloading: what a changed file changes, and that one that cannot be applied changes nothing.
#include "router/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace amqmesh::router {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct FakeTarget : ReloadTarget {
    bool prepare_listener(const ListenerConfig& config,
                          const mgmt::Row&,
                          std::string& why) override {
        if (config.port == taken) {
            why = "taken";
            return false;
        }
        said.push_back("bind " + config.name);
        return true;
    }

    bool has_listener(const std::string& name) override { return name != deleted; }

    void retire_listener(const std::string& name) override { said.push_back("retire " + name); }

    void abandon_listeners() override { said.emplace_back("abandon"); }

    void commit_listeners() override { said.emplace_back("commit"); }

    void change_listener(const ListenerConfig& config, const mgmt::Row&) override {
        said.push_back("change " + config.name);
    }

    void put_connector(const ConnectorConfig& config, const mgmt::Row&) override {
        said.push_back("put " + config.name);
    }

    void remove_connector(const std::string& name) override {
        said.push_back("remove connector " + name);
    }

    void addresses_changed() override { said.emplace_back("addresses"); }

    std::string taken = "-";
    std::string deleted = "-";  ///< by management
    std::vector<std::string> said;
};

class Reload : public testing::Test {
  protected:
    void SetUp() override {
        path_ = testing::TempDir() + "reload_test_" +
                testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml";
        write(kBefore);
        LoadedConfiguration loaded = load_configuration_file(path_, 2);
        ASSERT_TRUE(loaded.ok());
        configuration_ = std::move(loaded.configuration);
        reloader_.emplace(configuration_, target_);
    }

    void TearDown() override { std::remove(path_.c_str()); }

    void write(const std::string& text) const { std::ofstream(path_) << text; }

    mgmt::Reloaded reload(const std::string& text) {
        write(text);
        target_.said.clear();
        return reloader_->reload();
    }

    static constexpr const char* kBefore =
        "router: {id: A, mode: interior}\n"
        "listener:\n"
        "  - {name: one, port: 1001}\n"
        "  - {name: two, port: 1002}\n"
        "connector:\n"
        "  - {name: up, port: 2001, role: inter-router}\n"
        "address:\n"
        "  - {prefix: a, distribution: closest}\n"
        "  - {prefix: b, distribution: multicast}\n";

    std::string path_;
    Configuration configuration_;
    FakeTarget target_;
    std::optional<Reloader> reloader_;
};

TEST_F(Reload, TheSameFileChangesNothing) {
    const mgmt::Reloaded result = reload(kBefore);
    EXPECT_EQ(result.code, mgmt::Code::kOk);
    EXPECT_THAT(result.changes, IsEmpty());
    EXPECT_THAT(result.needs_restart, IsEmpty());
    EXPECT_THAT(target_.said, ElementsAre("commit"));
}

TEST_F(Reload, OnlyWhatChangedIsTouched) {
    const mgmt::Reloaded result = reload(
        "router: {id: A, mode: interior}\n"
        "listener:\n"
        "  - {name: two, port: 1002, linkCapacity: 10}\n"
        "  - {name: three, port: 1003}\n"
        "connector:\n"
        "  - {name: up, port: 2001, role: inter-router}\n"
        "  - {name: more, port: 2002, role: inter-router}\n"
        "address:\n"
        "  - {prefix: a, distribution: closest}\n"
        "  - {prefix: b, distribution: balanced}\n");
    EXPECT_EQ(result.code, mgmt::Code::kOk);
    EXPECT_THAT(
        target_.said,
        ElementsAre("retire one", "bind three", "addresses", "commit", "change two", "put more"));
    EXPECT_THAT(result.changes,
                ElementsAre("1 listener added",
                            "1 listener changed",
                            "1 listener removed",
                            "1 connector added",
                            "addresses: 1 rules new, 1 rules gone"));
    ASSERT_EQ(configuration_.addresses.size(), 2U);
    EXPECT_EQ(configuration_.addresses[1].pattern, "b/#");
    EXPECT_EQ(configuration_.addresses[1].treatment, routing::Treatment::kBalanced);
    EXPECT_EQ(configuration_.listeners.size(), 2U);
}

TEST_F(Reload, AListenerAtAnotherPortIsBoundBeforeTheOldOneGoes) {
    reload(
        "router: {id: A, mode: interior}\n"
        "listener:\n"
        "  - {name: one, port: 1009}\n"
        "  - {name: two, port: 1002}\n"
        "connector: {name: up, port: 2001, role: inter-router, cost: 5}\n"
        "address:\n"
        "  - {prefix: a, distribution: closest}\n"
        "  - {prefix: b, distribution: multicast}\n");
    EXPECT_THAT(target_.said, ElementsAre("retire one", "bind one", "commit", "put up"));
}

TEST_F(Reload, AListenerThatManagementDeletedComesBackWhenItsEntryChanges) {
    target_.deleted = "two";
    std::string text = kBefore;
    text.replace(text.find("port: 1002"), 10, "port: 1002, linkCapacity: 10");
    reload(text);
    EXPECT_THAT(target_.said, ElementsAre("bind two", "commit", "change two"));
}

TEST_F(Reload, AnotherSecretInTheSameFileIsAChange) {
    const std::string secret = path_ + ".secret";
    std::ofstream(secret) << "first";
    const std::string text =
        "router: {id: A, mode: interior}\n"
        "connector: {name: up, port: 2001, saslMechanisms: PLAIN, "
        "saslUsername: u, saslPassword: \"file:" +
        secret + "\"}\n";
    EXPECT_EQ(reload(text).code, mgmt::Code::kOk);
    std::ofstream(secret) << "second";
    EXPECT_THAT(reload(text).changes, ElementsAre("1 connector changed"));
    EXPECT_THAT(target_.said, ElementsAre("commit", "put up"));
    EXPECT_THAT(reload(text).changes, IsEmpty());
    std::remove(secret.c_str());
}

TEST_F(Reload, WhatNeedsAStartIsToldAgainstWhatRuns) {
    const std::string next = "router: {id: B, mode: interior}\n";
    EXPECT_THAT(reload(next).needs_restart, ElementsAre("id"));
    EXPECT_THAT(reload(next).needs_restart, ElementsAre("id"));
    EXPECT_THAT(reload(kBefore).needs_restart, IsEmpty());
}

TEST_F(Reload, AnAddressOfManagementGivesWayToTheFilesOfThatName) {
    routing::AddressRule rule;
    rule.pattern = "made/#";
    configuration_.addresses.push_back(rule);
    configuration_.address_rows.emplace_back(mgmt::type_of("router.config.address"));
    configuration_.address_rows.back().set("name", "mine");
    reload(
        "router: {id: A, mode: interior}\n"
        "address: {name: mine, prefix: c, distribution: closest}\n");
    ASSERT_EQ(configuration_.addresses.size(), 1U);
    EXPECT_EQ(configuration_.addresses[0].pattern, "c/#");
}

TEST_F(Reload, ALogFileThatWasMovedAwayIsOpenedAnew) {
    const std::string file = path_ + ".log";
    const std::string text =
        std::string{kBefore} + "log: {module: DEFAULT, outputFile: " + file + "}\n";
    ASSERT_EQ(reload(text).code, mgmt::Code::kOk);
    ASSERT_EQ(std::rename(file.c_str(), (file + ".1").c_str()), 0);
    ASSERT_EQ(reload(text).code, mgmt::Code::kOk);
    EXPECT_TRUE(std::ifstream(file).is_open());
    reload(kBefore);
    std::remove(file.c_str());
    std::remove((file + ".1").c_str());
}

TEST_F(Reload, AFileWithAMistakeChangesNothing) {
    const mgmt::Reloaded result = reload("router: {id: A, mode: interior}\nlistener: {prt: 1}\n");
    EXPECT_EQ(result.code, mgmt::Code::kBadRequest);
    EXPECT_THAT(result.text, HasSubstr("nothing changed"));
    EXPECT_THAT(result.text, HasSubstr("prt"));
    EXPECT_THAT(result.text, HasSubstr(":2:"));
    EXPECT_THAT(target_.said, IsEmpty());
    EXPECT_EQ(configuration_.listeners.size(), 2U);
}

TEST_F(Reload, APortThatIsTakenChangesNothing) {
    target_.taken = "1004";
    const mgmt::Reloaded result = reload(
        "router: {id: A, mode: interior}\n"
        "listener: [{name: three, port: 1003}, {name: four, port: 1004}]\n");
    EXPECT_EQ(result.code, mgmt::Code::kBadRequest);
    EXPECT_THAT(result.text, HasSubstr("four"));
    EXPECT_THAT(target_.said, ElementsAre("retire one", "retire two", "bind three", "abandon"));
    EXPECT_EQ(configuration_.addresses.size(), 2U);
}

TEST_F(Reload, ALogThatCannotBeOpenedChangesNothing) {
    const std::string text = kBefore;
    const mgmt::Reloaded result =
        reload(text + "log: {module: DEFAULT, outputFile: " + path_ + "/no.folder}\n");
    EXPECT_EQ(result.code, mgmt::Code::kBadRequest);
    EXPECT_THAT(target_.said, ElementsAre("abandon"));
    EXPECT_THAT(configuration_.logs, IsEmpty());
}

TEST_F(Reload, WhatManagementMadeStays) {
    routing::AddressRule rule;
    rule.pattern = "made/#";
    configuration_.addresses.push_back(rule);
    configuration_.address_rows.emplace_back(mgmt::type_of("router.config.address"));
    reload("router: {id: A, mode: interior}\naddress: {prefix: c, distribution: closest}\n");
    ASSERT_EQ(configuration_.addresses.size(), 2U);
    EXPECT_EQ(configuration_.addresses[0].pattern, "made/#");
    EXPECT_EQ(configuration_.addresses[1].pattern, "c/#");
    EXPECT_EQ(configuration_.address_rows.size(), 2U);
}

TEST_F(Reload, RouterAttributesOfTheStartStayAndAreNamed) {
    const mgmt::Reloaded result =
        reload("router: {id: B, mode: interior, workerThreads: 7, defaultDistribution: closest}\n");
    EXPECT_EQ(result.code, mgmt::Code::kOk);
    EXPECT_THAT(result.needs_restart, ElementsAre("id", "workerThreads"));
    EXPECT_EQ(configuration_.id, "A");
    EXPECT_EQ(configuration_.default_treatment, routing::Treatment::kClosest);
}

TEST_F(Reload, TheModeCannotChange) {
    EXPECT_EQ(reload("router: {id: A}\n").code, mgmt::Code::kBadRequest);
    EXPECT_THAT(target_.said, IsEmpty());
}

TEST_F(Reload, AFileThatIsGoneChangesNothing) {
    std::remove(path_.c_str());
    EXPECT_EQ(reloader_->reload().code, mgmt::Code::kBadRequest);
    EXPECT_THAT(target_.said, IsEmpty());
}

}  // namespace
}  // namespace amqmesh::router
