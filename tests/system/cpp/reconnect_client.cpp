// A client on Proton's C++ binding that reconnects by itself:
//
//   system_proton_cpp_reconnect RECEIVER_URL SENDER_URL COUNT
//
// Says "half" when half of the messages have come, for somebody to restart a node then. Exit status
// 0 when COUNT different ones have come and none twice.

#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/duration.hpp>
#include <proton/message.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/reconnect_options.hpp>
#include <proton/sender.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <set>
#include <string>

namespace {

const std::string kAddress = "reconnect/proton-cpp";
constexpr int kWindow = 5;

class Pair : public proton::messaging_handler {
  public:
    Pair(std::string receiver_url, std::string sender_url, int count)
        : receiver_url_(std::move(receiver_url)),
          sender_url_(std::move(sender_url)),
          count_(count) {}

    void on_container_start(proton::container& container) override {
        const auto again =
            proton::connection_options().reconnect(proton::reconnect_options()
                                                       .delay(proton::duration(50))
                                                       .max_delay(proton::duration(200)));
        far_ = container.connect(receiver_url_, again);
        far_.open_receiver(kAddress);
        near_ = container.connect(sender_url_, again);
        near_.open_sender(kAddress);
    }

    void on_connection_open(proton::connection&) override { ++opened_; }

    void on_transport_error(proton::transport&) override {}  // that is what this is about

    void on_sender_open(proton::sender& sender) override {
        sender_ = sender;
        under_way_ = 0;  // what became of those of before, nobody will tell
    }

    void on_sendable(proton::sender& sender) override {
        while (sender.credit() > 0 && under_way_ < kWindow) {
            sender.send(proton::message(number_++));
            ++under_way_;
        }
    }

    void on_tracker_settle(proton::tracker&) override {
        under_way_ -= under_way_ > 0 ? 1 : 0;
        on_sendable(sender_);
    }

    void on_message(proton::delivery&, proton::message& message) override {
        doubled_ = doubled_ || !seen_.insert(proton::get<int>(message.body())).second;
        const int seen = static_cast<int>(seen_.size());
        if (seen == count_ / 2) {
            std::cout << "half\n" << std::flush;
        } else if (seen == count_) {
            near_.close();
            far_.close();
        }
    }

    [[nodiscard]] bool good() const {
        std::cout << "seen " << seen_.size() << ", opens " << opened_ << '\n';
        return static_cast<int>(seen_.size()) >= count_ && !doubled_ && opened_ > 2;
    }

  private:
    std::string receiver_url_, sender_url_;
    int count_;
    int number_ = 0;
    int under_way_ = 0;
    int opened_ = 0;
    bool doubled_ = false;
    std::set<int> seen_;
    proton::connection near_, far_;
    proton::sender sender_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: system_proton_cpp_reconnect RECEIVER_URL SENDER_URL COUNT\n";
        return 2;
    }
    try {
        Pair pair(argv[1], argv[2], std::atoi(argv[3]));  // a wrong count ends in a wrong sum
        proton::container(pair).run();
        return pair.good() ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
