// What else Proton's C++ binding does, for the system tests: a receiver at one node, a sender at
// another.
//
//   system_proton_cpp_patterns RECEIVER_URL SENDER_URL
//
// One after another: large messages, byte for byte; settled ones, none lost; and credit that is
// drained. Says a line of each; exit status 0 when all was as expected.

#include <proton/binary.hpp>
#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/delivery_mode.hpp>
#include <proton/error_condition.hpp>
#include <proton/message.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/tracker.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

namespace {

const std::string kAddress = "patterns/proton-cpp";
constexpr int kLarge = 4;
constexpr std::size_t kLargeBytes = 5'000'000;
constexpr int kSettled = 2000;
constexpr int kDrained = 4;  // messages; more credit than that is given
constexpr int kDrainCredit = 10;

/// A body that differs from every other one in most places.
proton::binary large_body(int number) {
    proton::binary body(kLargeBytes);
    std::uint32_t state = 2463534242U + static_cast<std::uint32_t>(number);
    for (auto& byte : body) {
        state ^= state << 13U;
        state ^= state >> 17U;
        state ^= state << 5U;
        byte = static_cast<std::uint8_t>(state);
    }
    return body;
}

class Patterns : public proton::messaging_handler {
  public:
    Patterns(std::string receiver_url, std::string sender_url)
        : receiver_url_(std::move(receiver_url)), sender_url_(std::move(sender_url)) {}

    void on_container_start(proton::container& container) override {
        far_ = container.connect(receiver_url_);
        near_ = container.connect(sender_url_);
        receivers_[0] = far_.open_receiver(kAddress + "/large", by_hand());
        receivers_[0].add_credit(kLarge);
        receivers_[1] = far_.open_receiver(kAddress + "/settled");
        receivers_[2] = far_.open_receiver(kAddress + "/drained", by_hand());
        receivers_[2].add_credit(kDrainCredit);
        senders_[0] = near_.open_sender(kAddress + "/large");
        senders_[1] =
            near_.open_sender(kAddress + "/settled",
                              proton::sender_options().delivery_mode(
                                  proton::delivery_mode(proton::delivery_mode::AT_MOST_ONCE)));
        senders_[2] = near_.open_sender(kAddress + "/drained");
    }

    void on_sendable(proton::sender&) override { send(); }

    void on_message(proton::delivery& delivery, proton::message& message) override {
        if (stage_ == 0) {
            const int number = proton::coerce<int>(message.properties().get("number"));
            good_ = good_ && number == received_ &&
                    proton::get<proton::binary>(message.body()) == large_body(number);
        } else {
            good_ = good_ && proton::get<int>(message.body()) == received_;
            good_ = good_ && (stage_ != 1 || delivery.settled());
        }
        ++received_;
        if (stage_ == 1 && received_ == kSettled) {
            next_stage("settled");
        } else if (stage_ == 2 && received_ == kDrained) {
            receivers_[2].drain();
        }
    }

    void on_tracker_accept(proton::tracker&) override {
        ++accepted_;
        if (stage_ == 0 && accepted_ == kLarge && received_ == kLarge) {
            next_stage("large");
        }
    }

    void on_receiver_drain_finish(proton::receiver& receiver) override {
        good_ = good_ && receiver.credit() == 0 && received_ == kDrained;
        next_stage("drained");
    }

    void on_error(const proton::error_condition& error) override {
        std::cerr << "error: " << error.what() << '\n';
        good_ = false;
    }

    [[nodiscard]] bool good() const { return good_ && stage_ == 3; }

  private:
    static proton::receiver_options by_hand() {
        return proton::receiver_options().credit_window(0);
    }

    void send() {
        if (stage_ == 3) {
            return;
        }
        static constexpr int kCounts[] = {kLarge, kSettled, kDrained};
        auto& sender = senders_[stage_];
        while (sender.credit() > 0 && sent_ < kCounts[stage_]) {
            proton::message message(sent_);
            if (stage_ == 0) {
                message.body(large_body(sent_));
                message.properties().put("number", sent_);
            }
            sender.send(message);
            ++sent_;
        }
    }

    void next_stage(const std::string& done) {
        std::cout << done << " " << received_ << '\n';
        ++stage_;
        sent_ = received_ = accepted_ = 0;
        if (stage_ == 3 || !good_) {
            near_.close();
            far_.close();
            return;
        }
        send();
    }

    std::string receiver_url_, sender_url_;
    proton::connection far_, near_;
    proton::receiver receivers_[3];
    proton::sender senders_[3];
    int stage_ = 0;
    int sent_ = 0, received_ = 0, accepted_ = 0;
    bool good_ = true;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: system_proton_cpp_patterns RECEIVER_URL SENDER_URL\n";
        return 2;
    }
    try {
        Patterns patterns(argv[1], argv[2]);
        proton::container(patterns).run();
        return patterns.good() ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
