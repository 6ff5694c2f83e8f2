// Our AMQP values against Proton's, and against bytes that nobody means well with.
#include "mgmt/amqp_value.h"

#include "mgmt/message.h"
#include "tests/mgmt/proton_message.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>

namespace amqmesh::mgmt {
namespace {

std::string written(const Value& value) {
    std::string out;
    ValueWriter{out}.value(value);
    return out;
}

Value read_back(const std::string& bytes) {
    ValueReader reader{bytes};
    Value value = reader.read();
    EXPECT_TRUE(reader.ok());
    EXPECT_TRUE(reader.at_end());
    return value;
}

TEST(AmqpValue, ReadsWhatItWrites) {
    const Value all{List{Value{},
                         true,
                         false,
                         0U,
                         255U,
                         256U,
                         UINT64_MAX,
                         -128,
                         -129,
                         127,
                         128,
                         INT64_MIN,
                         1.25,
                         "",
                         std::string(255, 'x'),
                         std::string(256, 'y'),
                         List{},
                         Map{},
                         Map{{"k", List{Map{{"n", 1}}}}}}};
    EXPECT_EQ(read_back(written(all)), all);
}

TEST(AmqpValue, ProtonReadsWhatItWrites) {
    const Value body{
        Map{{"a", UINT64_MAX}, {"b", List{-1, "x", Value{}, 0.5, true}}, {"c", Map{}}}};
    Request request;
    request.reply_to = "r";
    std::string message = encode_response(request, Code::kOk, "OK");
    ValueWriter{message}.value(body);
    const auto response = test::decode(message);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, body);
}

struct Encoded {
    std::string bytes;
    Value value;
};

TEST(AmqpValue, ReadsEveryPrimitiveType) {
    using std::string_literals::operator""s;
    const std::vector<Encoded> samples = {
        {"\x40"s, {}},
        {"\x56\x01"s, true},
        {"\x43"s, 0U},
        {"\x50\xff"s, 255U},
        {"\x51\xff"s, -1},
        {"\x52\x05"s, 5U},
        {"\x54\xfe"s, -2},
        {"\x55\x80"s, -128},
        {"\x60\x01\x00"s, 256U},
        {"\x61\xff\xfe"s, -2},
        {"\x70\x00\x01\x00\x00"s, 65536U},
        {"\x71\xff\xff\xff\xff"s, -1},
        {"\x72\x3f\xc0\x00\x00"s, 1.5},
        {"\x73\x00\x00\x00\x41"s, "A"},
        {"\x73\x00\x00\x20\xac"s, "\xe2\x82\xac"},
        {"\x73\x00\x01\xf6\x00"s, "\xf0\x9f\x98\x80"},
        {"\x81\xff\xff\xff\xff\xff\xff\xff\xff"s, -1},
        {"\x83\x00\x00\x00\x00\x00\x00\x00\x07"s, 7},
        {"\x98"s + "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"s,
         "00112233-4455-6677-8899-aabbccddeeff"},
        {"\xa0\x02\x00\xff"s, std::string{"\x00\xff"s}},
        {"\xa3\x03sym"s, "sym"},
        {"\xb3\x00\x00\x00\x03sym"s, "sym"},
        {"\x45"s, List{}},
        {"\xc0\x03\x02\x41\x42"s, List{true, false}},
        {"\xc1\x05\x02\xa1\x01k\x41"s, Map{{"k", true}}},
        {"\xe0\x04\x02\x50\x01\x02"s, List{1U, 2U}},
        {"\xf0\x00\x00\x00\x09\x00\x00\x00\x02\xa3\x01"
         "a\x01"
         "b"s,
         List{"a", "b"}},
    };
    for (const Encoded& sample : samples) {
        EXPECT_EQ(read_back(sample.bytes), sample.value) << to_json(sample.value);
    }
}

TEST(AmqpValue, RefusesWhatIsMalformed) {
    using std::string_literals::operator""s;
    const std::vector<std::string> samples = {
        ""s,
        "\x00\x53\x70\x45"s,              // described
        "\x84\0\0\0\0\0\0\0\0"s,          // decimal64
        "\x3f"s,                          // no such constructor
        "\x70\x00\x00"s,                  // cut off
        "\xa1\x05"s + "abc",              // cut off
        "\xb1\xff\xff\xff\xff"s + "abc",  // cut off
        "\xc0\x01\x02\x41\x42"s,          // size too small
        "\xc0\x04\x02\x41\x42\x42"s,      // size too large
        "\xc0\x00\x00"s,                  // size without the count
        "\xc0\x03\x03\x41\x42"s,          // count too large
        "\xc1\x02\x01\x41"s,              // odd map
        "\xc1\x03\x02\x41\x41"s,          // key that is no text
        "\xd0\xff\xff\xff\xff\x00\x00\x00\x01"s,
        "\x73\x00\x11\x00\x00"s,                      // beyond Unicode
        "\x73\x00\x00\xd8\x00"s,                      // surrogate
        "\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40"s,  // 4 billion nulls
    };
    for (const std::string& sample : samples) {
        ValueReader reader{sample};
        reader.read();
        EXPECT_FALSE(reader.ok()) << testing::PrintToString(sample);
    }
}

TEST(AmqpValue, NestingIsBounded) {
    const auto nested = [](unsigned depth) {
        std::string bytes = "\x45";
        for (unsigned i = 0; i < depth; ++i) {
            std::string outer;
            ValueWriter writer{outer};
            const std::size_t opened = writer.open_list(1);
            outer += bytes;
            writer.close(opened);
            bytes = outer;
        }
        return bytes;
    };
    const std::string deepest = nested(ValueReader::kDepthMax);
    ValueReader good{deepest};
    good.read();
    EXPECT_TRUE(good.ok());
    const std::string deeper = nested(ValueReader::kDepthMax + 1);
    ValueReader bad{deeper};
    bad.read();
    EXPECT_FALSE(bad.ok());
    const std::string described(100'000, '\0');
    ValueReader skipping{described};
    skipping.skip();
    EXPECT_FALSE(skipping.ok());
}

// Whatever the bytes, decoding ends, and what it takes for a request can be answered.
TEST(AmqpValue, SurvivesMutatedRequests) {
    std::minstd_rand random{7};
    const std::string good = test::encode(
        {.properties = {{"entityType", "router.link"}, {"offset", 3}, {"count", 500}},
         .body = Map{{"attributeNames", List{"name", "identity"}}, {"x", Map{{"y", 1.5}}}}});
    std::size_t decoded = 0;
    for (int round = 0; round < 100'000; ++round) {
        std::string bytes = good;
        for (unsigned change = random() % 4 + 1; change != 0; --change) {
            const std::size_t at = random() % bytes.size();
            switch (random() % 3) {
                case 0:
                    bytes[at] = static_cast<char>(random());
                    break;
                case 1:
                    bytes.erase(at, random() % 8);
                    break;
                default:
                    bytes.insert(at, random() % 8, static_cast<char>(random()));
                    break;
            }
            if (bytes.empty()) {
                break;
            }
        }
        if (const auto request = decode_request(bytes)) {
            ++decoded;
            std::string message = encode_response(*request, Code::kOk, "OK");
            ValueWriter{message}.value(request->body);
            ASSERT_TRUE(test::decode(message)) << testing::PrintToString(bytes);
        }
    }
    EXPECT_GT(decoded, 5'000U) << "the mutations are too wild to test anything";
}

}  // namespace
}  // namespace amqmesh::mgmt
