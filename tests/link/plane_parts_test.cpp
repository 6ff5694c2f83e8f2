// The small parts of the data plane that need no engine.
#include "link/content.h"
#include "link/cross_worker.h"
#include "link/delivery.h"
#include "link/mesh_label.h"
#include "link/message_scan.h"
#include "link/plane.h"
#include "link/shared_state.h"
#include "link/slab.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace amqmesh::link {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

TEST(MeshLabel, SurvivesTheWire) {
    MeshLabel label;
    label.presettled = true;
    label.hop_limit = 200;
    label.flow = 0xabcd;
    label.sequence = 0x01020304;
    label.ingress = 0x1122334455667788;
    label.egress = 0x99aabbccddeeff00;
    label.address = 0x0102030405060708;
    const auto wire = label.encode();
    const auto back = MeshLabel::decode(wire);
    ASSERT_TRUE(back);
    EXPECT_TRUE(back->presettled);
    EXPECT_EQ(back->hop_limit, 200);
    EXPECT_EQ(back->flow, 0xabcd);
    EXPECT_EQ(back->sequence, 0x01020304U);
    EXPECT_EQ(back->ingress, label.ingress);
    EXPECT_EQ(back->egress, label.egress);
    EXPECT_EQ(back->address, label.address);
    EXPECT_EQ(back->encode(), wire);
}

TEST(MeshLabel, RefusesWhatIsNone) {
    MeshLabel label;
    label.ingress = label.address = 1;
    auto wire = label.encode();
    EXPECT_FALSE(MeshLabel::decode(std::span(wire).first(31)));
    wire[0] = std::byte{0x20};
    EXPECT_FALSE(MeshLabel::decode(wire));
    EXPECT_FALSE(MeshLabel::decode(MeshLabel{}.encode()));
}

// header{priority 7, ttl 1000}, properties{-, -, "a/b"}, body
const std::string kMessage(
    "\x00\x53\x70\xc0\x09\x03\x40\x50\x07\x70\x00\x00\x03\xe8"
    "\x00\x53\x73\xc0\x08\x03\x40\x40\xa1\x03"
    "a/b\x00\x53\x77\xa1\x01x",
    14 + 10 + 3 + 6);

TEST(MessageScan, FindsWhatRoutingNeeds) {
    const auto scan = scan_message(bytes(kMessage));
    EXPECT_EQ(scan.status, MessageScan::Status::kComplete);
    EXPECT_EQ(scan.priority, 7);
    EXPECT_EQ(scan.ttl_ms, 1000U);
    EXPECT_EQ(scan.to, "a/b");
}

TEST(MessageScan, EveryPrefixNeedsMoreAndNoneIsMalformed) {
    const std::size_t properties_end = 14 + 10 + 3;
    for (std::size_t size = 0; size < properties_end; ++size) {
        EXPECT_EQ(scan_message(bytes(kMessage).first(size)).status, MessageScan::Status::kNeedsMore)
            << size;
    }
}

TEST(MessageScan, ABodyFirstIsComplete) {
    const auto scan = scan_message(bytes(std::string_view("\x00\x53\x77\xa1\x01x", 6)));
    EXPECT_EQ(scan.status, MessageScan::Status::kComplete);
    EXPECT_FALSE(scan.to);
}

TEST(MessageScan, GarbageIsMalformed) {
    EXPECT_EQ(scan_message(bytes("hello")).status, MessageScan::Status::kMalformed);
    EXPECT_EQ(scan_message(bytes(std::string_view("\x00\x53\x73\xa1\x01x", 6))).status,
              MessageScan::Status::kMalformed);
}

TEST(MessageScan, EachSectionComesOnceAndInOrder) {
    const std::string header("\x00\x53\x70\x45", 4);
    const std::string annotations("\x00\x53\x72\xc1\x01\x00", 6);
    const std::string delivery_annotations("\x00\x53\x71\xc1\x01\x00", 6);
    using Status = MessageScan::Status;
    EXPECT_EQ(scan_message(bytes(header + delivery_annotations + annotations)).status,
              Status::kNeedsMore);
    EXPECT_EQ(scan_message(bytes(header + header)).status, Status::kMalformed);
    EXPECT_EQ(scan_message(bytes(annotations + header)).status, Status::kMalformed);
    EXPECT_EQ(scan_message(bytes(annotations + annotations)).status, Status::kMalformed);
    EXPECT_EQ(scan_message(bytes(annotations + delivery_annotations)).status, Status::kMalformed);
}

TEST(DataSection, RoundTrip) {
    const std::string body(300, 'b');
    const auto header = data_header(static_cast<std::uint32_t>(body.size()));
    const auto message = std::string(reinterpret_cast<const char*>(header.bytes), 8) + body;
    EXPECT_EQ(data_body(bytes(message)), body);
    EXPECT_FALSE(data_body(bytes(message).first(message.size() - 1)));
    EXPECT_FALSE(data_body(bytes(message + "x")));
}

TEST(Rejected, IsAWellFormedDescribedList) {
    const auto raw = encode_rejected("amqp:not-found", "gone");
    // 00 53 25 d0 size count | 00 53 1d d0 size count | symbol, string
    ASSERT_GT(raw.size(), 24U);
    EXPECT_EQ(static_cast<unsigned char>(raw[2]), 0x25);
    EXPECT_EQ(static_cast<unsigned char>(raw[7]), raw.size() - 8);
    EXPECT_EQ(static_cast<unsigned char>(raw[14]), 0x1d);
    EXPECT_EQ(static_cast<unsigned char>(raw[19]), raw.size() - 20);
    EXPECT_NE(raw.find("amqp:not-found"), std::string::npos);
}

TEST(Content, KeepsOrderAndCounts) {
    Content content;
    content.append(bytes("abc"), nullptr);
    content.append(bytes("def"), nullptr);
    EXPECT_EQ(content.size(), 6U);
    EXPECT_EQ(content.joined(), "abcdef");
    content.consume(4);
    EXPECT_EQ(content.joined(), "ef");
    content.append(bytes("g"), nullptr);
    EXPECT_EQ(content.joined(), "efg");
    content.consume(3);
    EXPECT_TRUE(content.empty());
    EXPECT_TRUE(content.front().empty());
}

TEST(Content, LargePiecesKeepTheirChunkSmallOnesDoNot) {
    ChunkPool pool;
    Content content;
    {
        auto chunk = pool.take();
        std::span<const std::byte> space(chunk.get()->bytes.get(), ChunkPool::kChunkBytes);
        content.append(space.first(10), &chunk);
        EXPECT_EQ(content.front_owner(), nullptr);
        content.append(space.subspan(10, Content::kCopyBelow), &chunk);
    }
    EXPECT_EQ(pool.live(), 1U);
    content.consume(10);
    ASSERT_NE(content.front_owner(), nullptr);
    EXPECT_EQ(content.front().size(), Content::kCopyBelow);
    content.consume(Content::kCopyBelow);
    EXPECT_EQ(pool.live(), 0U);
}

TEST(Content, MemoryIsWhatWaitsAndLittleMore) {
    // Pieces as a neighbour's frames bring them.
    Content content;
    const std::string frame(16'296, 'x');
    const std::string rest(128, 'x');
    for (int i = 0; i < 100; ++i) {
        content.append(bytes(frame), nullptr);
        content.append(bytes(frame), nullptr);
        content.append(bytes(rest), nullptr);
    }
    EXPECT_LT(content.memory(), content.size() * 4 / 3);
    for (int i = 0; i < 50; ++i) {
        content.consume(content.front().size());
        EXPECT_LT(content.memory(), content.size() * 4 / 3) << "spent pieces keep their memory";
    }
}

TEST(Content, ManyPiecesDoNotPileUp) {
    ChunkPool pool;
    Content content;
    for (int i = 0; i < 1000; ++i) {
        auto chunk = pool.take();
        content.append({chunk.get()->bytes.get(), Content::kCopyBelow}, &chunk);
        if (i >= 2) {
            content.consume(Content::kCopyBelow);
        }
    }
    EXPECT_EQ(content.size(), 2 * Content::kCopyBelow);
    EXPECT_EQ(pool.live(), 2U);
}

TEST(Slab, AGenerationEndsWithItsLife) {
    Slab<int> slab;
    const auto slot = slab.take();
    const auto generation = slab.generation(slot);
    EXPECT_NE(slab.find(slot, generation), nullptr);
    slab.give_back(slot);
    EXPECT_EQ(slab.find(slot, generation), nullptr);
    const auto again = slab.take();
    EXPECT_EQ(again, slot);
    EXPECT_EQ(slab.find(slot, generation), nullptr);
    EXPECT_EQ(slab.find(12345, 1), nullptr);
    EXPECT_EQ(slab.live(), 1U);
}

// A slot that carries a message every millisecond gets there within a month.
TEST(Slab, TheNamesOfManyLivesStillFitIntoAContext) {
    Slab<int> slab(Slab<int>::kGenerationMax - 2);
    std::set<std::uint32_t> generations;
    for (int life = 0; life < 6; ++life) {
        const auto slot = slab.take();
        const auto context = pack_context(slot, slab.generation(slot));
        EXPECT_EQ(context & kControlContext, 0U);
        EXPECT_EQ(context_slot(context), slot);
        EXPECT_NE(slab.find(slot, context_generation(context)), nullptr) << "life " << life;
        EXPECT_NE(slab.generation(slot), 0U) << "stands for none";
        generations.insert(slab.generation(slot));
        slab.give_back(slot);
        EXPECT_EQ(slab.find(slot, context_generation(context)), nullptr);
    }
    EXPECT_EQ(generations.size(), 6U);
}

TEST(Slab, TrimLeavesNothingWithThoseThatWait) {
    Slab<std::shared_ptr<int>> slab;
    const auto owned = std::make_shared<int>(1);
    const auto live = slab.take();
    const auto dead = slab.take();
    slab.at(live) = slab.at(dead) = owned;
    slab.give_back(dead);
    EXPECT_EQ(owned.use_count(), 3) << "kept for the next life";
    slab.trim();
    EXPECT_EQ(owned.use_count(), 2);
    EXPECT_EQ(slab.at(live), owned);
}

TEST(CrossWorker, RecordsComeOutAsTheyWentIn) {
    std::string batch;
    Record first;
    first.kind = RecordKind::kOffer;
    first.origin = {3, 4, 5};
    first.payload_size = 3;
    append_record(batch, first, bytes("abc"));
    Record second;
    second.kind = RecordKind::kOutcome;
    second.outcome = Outcome::kRejected;
    append_record(batch, second, {});
    std::string_view rest = batch;
    std::span<const std::byte> payload;
    const Record* record = take_record(rest, payload);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->origin, (DeliveryId{3, 4, 5}));
    EXPECT_EQ(payload.size(), 3U);
    record = take_record(rest, payload);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->outcome, Outcome::kRejected);
    EXPECT_TRUE(payload.empty());
    EXPECT_FALSE(take_record(rest, payload));
}

TEST(MulticastGuard, SeesEachDeliveryOnce) {
    MulticastGuard guard;
    using Verdict = MulticastGuard::Verdict;
    EXPECT_EQ(guard.see(1, 1, 10), Verdict::kNew);
    EXPECT_EQ(guard.see(1, 1, 10), Verdict::kDuplicate);
    EXPECT_EQ(guard.see(1, 1, 9), Verdict::kNew);
    EXPECT_EQ(guard.see(2, 1, 10), Verdict::kNew);
    EXPECT_EQ(guard.see(2, 1, 10 + MulticastGuard::kWindow), Verdict::kNew);
    EXPECT_EQ(guard.see(2, 1, 10), Verdict::kTooOld);
    EXPECT_EQ(guard.see(3, 1, 0xffffffffU), Verdict::kNew);
    EXPECT_EQ(guard.see(3, 1, MulticastGuard::kWindow - 1), Verdict::kNew) << "sequence wraps";
}

TEST(MulticastGuard, RemembersAWholeWindowInAnyOrder) {
    MulticastGuard guard;
    using Verdict = MulticastGuard::Verdict;
    constexpr std::uint32_t kBase = 0xfffff000U;  // wraps on the way
    EXPECT_EQ(guard.see(1, 1, kBase + MulticastGuard::kWindow - 1), Verdict::kNew);
    for (std::uint32_t i = 0; i < MulticastGuard::kWindow - 1; ++i) {
        ASSERT_EQ(guard.see(1, 1, kBase + i), Verdict::kNew) << i;
    }
    for (std::uint32_t i = 0; i < MulticastGuard::kWindow; ++i) {
        ASSERT_EQ(guard.see(1, 1, kBase + i), Verdict::kDuplicate) << i;
    }
    // Half a window further: of what is new nothing is known, of the rest all.
    EXPECT_EQ(guard.see(1, 1, kBase + MulticastGuard::kWindow * 3 / 2), Verdict::kNew);
    EXPECT_EQ(guard.see(1, 1, kBase + MulticastGuard::kWindow / 2), Verdict::kTooOld);
    EXPECT_EQ(guard.see(1, 1, kBase + MulticastGuard::kWindow / 2 + 1), Verdict::kDuplicate);
    for (std::uint32_t i = MulticastGuard::kWindow; i < MulticastGuard::kWindow * 3 / 2; ++i) {
        ASSERT_EQ(guard.see(1, 1, kBase + i), Verdict::kNew) << i;
    }
}

TEST(MulticastGuard, OneForgedNumberSilencesNobody) {
    MulticastGuard guard;
    using Verdict = MulticastGuard::Verdict;
    EXPECT_EQ(guard.see(1, 1, 1000), Verdict::kNew);
    EXPECT_EQ(guard.see(1, 1, 1000 + (1U << 30U)), Verdict::kNew) << "forged";
    EXPECT_EQ(guard.see(1, 1, 1001), Verdict::kNew);
    EXPECT_EQ(guard.see(1, 1, 1001), Verdict::kDuplicate);
}

TEST(MulticastGuard, InventedOriginsAreBounded) {
    MulticastGuard guard;
    for (routing::RouterId origin = 1; origin <= MulticastGuard::kOriginsMax + 1000; ++origin) {
        ASSERT_EQ(guard.see(origin, 0, 5), MulticastGuard::Verdict::kNew);
        ASSERT_EQ(guard.see(origin, 0, 5), MulticastGuard::Verdict::kDuplicate);
    }
    EXPECT_EQ(guard.origins(), MulticastGuard::kOriginsMax);
}

TEST(MulticastGuard, ALongMessageMayComeBehindVeryManyShortOnes) {
    MulticastGuard guard;
    using Verdict = MulticastGuard::Verdict;
    constexpr std::uint32_t kLong = 0xfffff000U;  // the numbers wrap while it waits
    constexpr std::uint32_t kLast = kLong + 260'000;
    for (std::uint32_t number = kLong - 600'000; number != kLast + 1; ++number) {
        if (number != kLong) {
            ASSERT_EQ(guard.see(1, 1, number), Verdict::kNew) << number;
        }
    }
    EXPECT_EQ(guard.see(1, 1, kLong), Verdict::kNew);
    EXPECT_EQ(guard.see(1, 1, kLong), Verdict::kDuplicate);
    EXPECT_EQ(guard.see(1, 1, kLong - 1), Verdict::kDuplicate);
    EXPECT_EQ(guard.see(1, 1, kLast), Verdict::kDuplicate);
    EXPECT_EQ(guard.see(1, 1, kLast - MulticastGuard::kWindowMax), Verdict::kTooOld);
    EXPECT_EQ(guard.see(1, 2, kLong), Verdict::kDuplicate) << "of the incarnation before";
}

TEST(MulticastGuard, AWiderWindowForgetsNothingAndBringsNothingBack) {
    MulticastGuard guard;
    using Verdict = MulticastGuard::Verdict;
    std::uint32_t oldest = 1;
    for (std::uint32_t number = 1; number <= 100'000; ++number) {
        ASSERT_EQ(guard.see(1, 1, number), Verdict::kNew) << number;
        if (number > MulticastGuard::kWindow && number % 61 == 0) {
            ASSERT_EQ(guard.see(1, 1, number - MulticastGuard::kWindow + 1), Verdict::kDuplicate);
            ASSERT_NE(guard.see(1, 1, oldest++), Verdict::kNew) << oldest << " at " << number;
        }
    }
}

TEST(MulticastGuard, AnotherIncarnationStartsAfreshButForgetsNothing) {
    MulticastGuard guard;
    using Verdict = MulticastGuard::Verdict;
    EXPECT_EQ(guard.see(1, 0, 500), Verdict::kNew) << "its graph is not known here yet";
    EXPECT_EQ(guard.see(1, 7, 500), Verdict::kDuplicate);
    EXPECT_EQ(guard.see(1, 0, 500), Verdict::kDuplicate);
    EXPECT_EQ(guard.see(1, 8, 500), Verdict::kDuplicate) << "it renewed its incarnation";
    EXPECT_EQ(guard.see(1, 8, 10), Verdict::kNew) << "another life counts from elsewhere";
    EXPECT_EQ(guard.see(1, 7, 10), Verdict::kDuplicate) << "another worker knows less";
    EXPECT_EQ(guard.see(1, 8, 500), Verdict::kDuplicate);
}

TEST(MulticastGuard, TwoWorkersAgreeOnWhoWasFirst) {
    MulticastGuard guard;
    constexpr std::uint32_t kCount = 20000;
    std::atomic<std::uint32_t> fresh{0};
    const auto work = [&] {
        for (std::uint32_t sequence = 1; sequence <= kCount; ++sequence) {
            if (guard.see(7, 1, sequence) == MulticastGuard::Verdict::kNew) {
                ++fresh;
            }
        }
    };
    std::thread one(work), two(work);
    one.join();
    two.join();
    EXPECT_EQ(fresh.load(), kCount);
}

TEST(GaugeBoard, ReadingsAndReuse) {
    GaugeBoard board;
    const auto gauge = board.take();
    EXPECT_NE(gauge, 0U);
    board.set(gauge, {-5, 7});
    EXPECT_EQ(board.get(gauge).free, -5);
    EXPECT_EQ(board.get(gauge).outstanding, 7U);
    board.give_back(gauge);
    EXPECT_EQ(board.get(gauge).free, GaugeBoard::kGone);
    EXPECT_NE(board.take(), gauge) << "reused as late as possible";
}

}  // namespace
}  // namespace amqmesh::link
