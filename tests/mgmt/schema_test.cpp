// The table itself: consistent, complete against what the reference's tools read, and found by the
// names that people use.
#include "mgmt/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace amqmesh::mgmt {
namespace {

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> out;
    std::string word;
    for (const char c : text) {
        if (c != ' ') {
            word += c;
        } else if (!word.empty()) {
            out.push_back(std::move(word));
            word.clear();
        }
    }
    if (!word.empty()) {
        out.push_back(word);
    }
    return out;
}

void check_attribute(const EntityType& type, const Attribute& attribute) {
    SCOPED_TRACE(std::string{type.name} + "." + std::string{attribute.name});
    EXPECT_FALSE(attribute.description.empty());
    EXPECT_EQ(attribute.type == AttributeType::kEnum, !attribute.choices.empty());
    EXPECT_LE(attribute.min, attribute.max);
    if (attribute.support != Support::kSupported || !attribute.refused.empty()) {
        EXPECT_FALSE(attribute.advice.empty()) << "says nothing to the user";
    }
    if (attribute.required) {
        EXPECT_TRUE(attribute.default_text.empty());
        EXPECT_NE(attribute.access, Access::kReadOnly);
    }
    EXPECT_EQ(canonical_name(attribute.name), attribute.name);
}

TEST(Schema, IsConsistent) {
    std::set<std::string_view> names;
    for (const EntityType& type : all_types()) {
        EXPECT_TRUE(names.insert(type.name).second) << type.name;
        ASSERT_GE(type.attributes.size(), 3U);
        EXPECT_EQ(type.attributes[0].name, "name");
        EXPECT_EQ(type.attributes[1].name, "identity");
        EXPECT_EQ(type.attributes[2].name, "type");
        EXPECT_EQ(type.base == Base::kConfiguration, !type.config_name.empty()) << type.name;
        EXPECT_FALSE(type.description.empty());
        EXPECT_NE(type.operations & operation::kRead, 0);
        std::set<std::string> attributes;
        for (const Attribute& attribute : type.attributes) {
            check_attribute(type, attribute);
            EXPECT_TRUE(attributes.insert(std::string{attribute.name}).second) << attribute.name;
            for (const std::string& alias : words(attribute.aliases)) {
                EXPECT_TRUE(attributes.insert(alias).second) << alias;
            }
        }
    }
}

// A default that does not pass validation would make every file invalid.
TEST(Schema, DefaultsAreValid) {
    for (const EntityType& type : all_types()) {
        if (type.base != Base::kConfiguration || type.support == Support::kUnsupported) {
            continue;
        }
        std::vector<RawAttribute> raw;
        for (const Attribute& attribute : type.attributes) {
            if (!attribute.default_text.empty() && attribute.access != Access::kReadOnly) {
                raw.push_back({std::string{attribute.name}, Value{attribute.default_text}});
            }
        }
        raw.push_back({type.name == "log" ? "module" : "name", Value{"DEFAULT"}});
        if (type.name == "router.config.address") {
            raw.push_back({"prefix", Value{"a"}});
        }
        const Validated result = validate(type, raw, Purpose::kFile);
        EXPECT_TRUE(result.ok()) << type.name << ": " << result.problems[0].message;
    }
}

TEST(Schema, HasWhatTheReferencesToolsRead) {
    const std::vector<std::pair<std::string, std::string>> needed = {
        {"router",
         "version mode id area linkRouteCount autoLinkCount linkCount nodeCount addrCount "
         "connectionCount workerThreads uptimeSeconds memoryUsage presettledDeliveries "
         "droppedPresettledDeliveries acceptedDeliveries rejectedDeliveries releasedDeliveries "
         "modifiedDeliveries deliveriesDelayed1Sec deliveriesDelayed10Sec deliveriesStuck "
         "deliveriesRedirectedToFallback linksBlocked deliveriesIngress deliveriesEgress "
         "deliveriesTransit deliveriesIngressRouteContainer deliveriesEgressRouteContainer"},
        {"connection",
         "identity host container protocol dir isEncrypted sslProto sslCipher isAuthenticated sasl "
         "user role tenant lastDlvSeconds uptimeSeconds active"},
        {"router.link",
         "linkType linkDir connectionId identity peer owningAddr capacity undeliveredCount "
         "unsettledCount deliveryCount presettledCount droppedPresettledCount acceptedCount "
         "rejectedCount releasedCount modifiedCount deliveriesDelayed1Sec deliveriesDelayed10Sec "
         "deliveriesStuck creditAvailable zeroCreditSeconds adminStatus operStatus linkName "
         "priority settleRate"},
        {"router.node",
         "id lastTopoChange nextHop routerLink protocolVersion cost linkState validOrigins"},
        {"router.address",
         "distribution inProcess subscriberCount remoteCount containerCount deliveriesIngress "
         "deliveriesEgress deliveriesRedirectedToFallback deliveriesTransit deliveriesToContainer "
         "deliveriesFromContainer name priority"},
        {"allocator",
         "identity typeSize transferBatchSize localFreeListMax totalAllocFromHeap heldByThreads "
         "batchesRebalancedToThreads batchesRebalancedToGlobal"},
        {"policy",
         "maxConnections enableVhostPolicy enableVhostNamePatterns policyDir defaultVhost "
         "connectionsProcessed connectionsDenied connectionsCurrent linksDenied totalDenials"},
        {"router.config.autoLink",
         "address direction phase externalAddress linkRef operStatus lastError"},
        {"router.config.linkRoute",
         "prefix direction distribution operStatus pattern addExternalPrefix delExternalPrefix"},
        {"vhost",
         "hostname maxConnections maxMessageSize maxConnectionsPerUser maxConnectionsPerHost "
         "allowUnknownUser groups"},
        {"vhostStats",
         "hostname connectionsApproved connectionsDenied connectionsCurrent sessionDenied "
         "senderDenied receiverDenied perUserState"},
    };
    for (const auto& [name, attributes] : needed) {
        const EntityType* type = find_type(name);
        ASSERT_NE(type, nullptr) << name;
        for (const std::string& attribute : words(attributes)) {
            EXPECT_NE(type->index_of(attribute), EntityType::npos) << name << "." << attribute;
        }
    }
}

TEST(Schema, FindsTypesByEveryName) {
    EXPECT_EQ(find_type("listener"), find_type("org.apache.qpid.dispatch.listener"));
    EXPECT_EQ(find_type("address")->name, "router.config.address");
    EXPECT_EQ(find_type("router.address")->name, "router.address");
    EXPECT_EQ(find_type("ssl-profile")->name, "sslProfile");
    EXPECT_EQ(find_type("org.amqp.management")->long_name(), "org.amqp.management");
    EXPECT_EQ(find_type("listener")->long_name(), "org.apache.qpid.dispatch.listener");
    EXPECT_EQ(find_type("lisener"), nullptr);
    EXPECT_EQ(find_type(""), nullptr);
    EXPECT_EQ(find_type("org.apache.qpid.dispatch."), nullptr);
}

TEST(Schema, FindsAttributesByOldNamesAndOtherSpellings) {
    const EntityType& router = type_of("router");
    EXPECT_EQ(router.index_of("hello-interval-seconds"), router.index_of("helloIntervalSeconds"));
    EXPECT_EQ(router.index_of("helloInterval"), router.index_of("helloIntervalSeconds"));
    EXPECT_EQ(router.index_of("router_id"), router.index_of("id"));
    EXPECT_EQ(router.index_of("nothing"), EntityType::npos);
}

TEST(Schema, CanonicalNames) {
    EXPECT_EQ(canonical_name("idle-timeout_seconds"), "idleTimeoutSeconds");
    EXPECT_EQ(canonical_name("-a--b-"), "aB");
    EXPECT_EQ(canonical_name(""), "");
}

TEST(Schema, SuggestsOnlyWhatIsNear) {
    EXPECT_EQ(suggest_config_type("lisener"), "listener");
    EXPECT_EQ(suggest_config_type("conector"), "connector");
    EXPECT_EQ(suggest_config_type("banana"), "");
    EXPECT_EQ(suggest_attribute(type_of("listener"), "idleTimeout"), "");
    EXPECT_EQ(suggest_attribute(type_of("listener"), "prot"), "port");
    EXPECT_EQ(suggest_attribute(type_of("listener"), "max_framesize"), "maxFrameSize");
    EXPECT_EQ(suggest_attribute(type_of("router"), "uptimeSecond"), "") << "cannot be configured";
    EXPECT_EQ(suggest_attribute(type_of("listener"), std::string(10'000, 'x')), "");
}

TEST(Row, KeepsValuesByAttribute) {
    Row row{type_of("router.link")};
    row.set("linkName", "l").set("linkType", "endpoint").set("name", "n");
    EXPECT_EQ(row.text("linkName"), "l");
    EXPECT_EQ(row.text("name"), "n");
    EXPECT_EQ(row[0].text(), "n");
    EXPECT_TRUE(row.at("peer").is_null());
    EXPECT_FALSE(row.has("peer"));
    EXPECT_DEATH(row.set("linkname", 1), "router.link has no attribute linkname");
}

}  // namespace
}  // namespace amqmesh::mgmt
