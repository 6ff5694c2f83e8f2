#include "link/frame_scanner.h"

#include "tests/link/raw_frames.h"

#include <gtest/gtest.h>

namespace amqmesh::link::test {

TEST(FrameScanner, ReadsTheHeaderOnly) {
    const ByteVector bytes = hex("00 00 01 00 03 00 12 34");
    const Scan scan = scan_frame(bytes, 512);
    ASSERT_EQ(scan.status, ScanStatus::kFrame);
    EXPECT_EQ(scan.frame.bytes, 256U);
    EXPECT_EQ(scan.frame.body, 12U);
    EXPECT_EQ(scan.frame.type, kFrameTypeAmqp);
    EXPECT_EQ(scan.frame.channel, 0x1234);
}

TEST(FrameScanner, NeverLooksPastTheEnd) {
    const ByteVector bytes = hex("00 00 00 08 02 00 00 00");
    for (std::size_t count = 0; count < 8; ++count) {
        EXPECT_EQ(scan_frame(Bytes(bytes).first(count), 512).status, ScanStatus::kIncomplete);
    }
    EXPECT_EQ(scan_frame(bytes, 512).status, ScanStatus::kFrame);
}

TEST(FrameScanner, RefusesWhatCannotBeAFrame) {
    for (const char* bytes : {"00 00 00 07 02 00 00 00",
                              "00 00 02 01 02 00 00 00",
                              "00 00 00 10 01 00 00 00",
                              "00 00 00 10 05 00 00 00",
                              "00 00 00 10 02 02 00 00"}) {
        EXPECT_EQ(scan_frame(hex(bytes), 512).status, ScanStatus::kMalformed) << bytes;
    }
    EXPECT_EQ(scan_frame(amqp_header(), 512).status, ScanStatus::kHeader);
}

TEST(FrameScanner, KnowsHeadersByTheFirstWrongOctet) {
    EXPECT_EQ(scan_protocol_header(amqp_header()), ProtocolHeader::kAmqp);
    EXPECT_EQ(scan_protocol_header(sasl_header()), ProtocolHeader::kSasl);
    EXPECT_EQ(scan_protocol_header(hex("41 4d 51")), ProtocolHeader::kIncomplete);
    EXPECT_EQ(scan_protocol_header(hex("41 4d 52")), ProtocolHeader::kUnknown);
    EXPECT_EQ(scan_protocol_header(hex("41 4d 51 50 02")), ProtocolHeader::kUnknown);
    EXPECT_EQ(scan_protocol_header(hex("41 4d 51 50 00 01 00 01")), ProtocolHeader::kUnknown);
}

}  // namespace amqmesh::link::test
