// A client on Proton's C++ binding for the system tests: requests at one node, a service at
// another.
//
//   system_proton_cpp_client SERVICE_URL CLIENT_URL COUNT
//
// The service accepts, rejects, releases or modifies in turn and answers each accepted request at
// its reply-to address. Exit status 0 when every outcome and every answer came back as expected.

#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/error_condition.hpp>
#include <proton/message.hpp>
#include <proton/message_id.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender.hpp>
#include <proton/source.hpp>
#include <proton/source_options.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <string>

namespace {

const std::string kAddress = "service/proton-cpp";
constexpr int kOutcomes = 4;

class Service : public proton::messaging_handler {
  public:
    explicit Service(std::string url) : url_(std::move(url)) {}

    void on_container_start(proton::container& container) override {
        connection_ = container.connect(url_);
        connection_.open_receiver(kAddress, proton::receiver_options().auto_accept(false));
        relay_ = connection_.open_sender("");
    }

    void on_message(proton::delivery& delivery, proton::message& request) override {
        switch (proton::get<int>(request.body()) % kOutcomes) {
            case 0:
                delivery.accept();
                answer(request);
                break;
            case 1:
                delivery.reject();
                break;
            case 2:
                delivery.release();
                break;
            default:
                delivery.modify();
                break;
        }
    }

    void close() { connection_.close(); }

  private:
    void answer(const proton::message& request) {
        proton::message reply(request.body());
        reply.to(request.reply_to());
        reply.correlation_id(request.correlation_id());
        relay_.send(reply);
    }

    std::string url_;
    proton::connection connection_;
    proton::sender relay_;
};

class Client : public proton::messaging_handler {
  public:
    Client(std::string url, int count, Service& service)
        : url_(std::move(url)), count_(count), service_(service) {}

    void on_container_start(proton::container& container) override {
        connection_ = container.connect(url_, proton::connection_options().handler(*this));
        sender_ = connection_.open_sender(kAddress);
        const auto dynamic =
            proton::receiver_options().source(proton::source_options().dynamic(true));
        replies_ = connection_.open_receiver("", dynamic);
    }

    void on_receiver_open(proton::receiver& receiver) override {
        reply_to_ = receiver.source().address();
        send();
    }

    void on_sendable(proton::sender&) override { send(); }

    void on_tracker_accept(proton::tracker&) override { count_outcome(0); }

    void on_tracker_reject(proton::tracker&) override { count_outcome(1); }

    void on_tracker_release(proton::tracker& tracker) override {
        count_outcome(tracker.state() == proton::tracker::MODIFIED ? 3 : 2);
    }

    void on_message(proton::delivery&, proton::message& reply) override {
        answered_.at(proton::get<int>(reply.body())) += 1;
        maybe_finish();
    }

    void on_transport_error(proton::transport& transport) override {
        std::cerr << "transport: " << transport.error().what() << '\n';
        failed_ = true;
    }

    [[nodiscard]] bool good() const {
        bool good = !failed_;
        for (const auto& [number, answers] : answered_) {
            good = good && answers == (number % kOutcomes == 0 ? 1 : 0);
        }
        for (const int outcomes : outcomes_) {
            good = good && outcomes == count_ / kOutcomes;
        }
        std::cout << "accepted " << outcomes_[0] << ", rejected " << outcomes_[1] << ", released "
                  << outcomes_[2] << ", modified " << outcomes_[3] << ", answered "
                  << total_answers() << '\n';
        return good && total_answers() == count_ / kOutcomes;
    }

  private:
    void send() {
        while (!reply_to_.empty() && sender_.credit() > 0 && sent_ < count_) {
            proton::message request(sent_);
            request.reply_to(reply_to_);
            request.correlation_id(static_cast<std::uint64_t>(sent_));
            answered_[sent_] = 0;
            sender_.send(request);
            ++sent_;
        }
    }

    void count_outcome(std::size_t which) {
        ++outcomes_.at(which);
        maybe_finish();
    }

    [[nodiscard]] int total_answers() const {
        int total = 0;
        for (const auto& [number, answers] : answered_) {
            total += answers;
        }
        return total;
    }

    void maybe_finish() {
        int done = total_answers();
        for (const int outcomes : outcomes_) {
            done += outcomes;
        }
        if (done == count_ + count_ / kOutcomes) {
            connection_.close();
            service_.close();
        }
    }

    std::string url_;
    int count_;
    int sent_ = 0;
    bool failed_ = false;
    Service& service_;
    std::string reply_to_;
    std::array<int, kOutcomes> outcomes_{};
    std::map<int, int> answered_;
    proton::connection connection_;
    proton::sender sender_;
    proton::receiver replies_;
};

// One container drives both ends; each connection has its own handler.
class Both : public proton::messaging_handler {
  public:
    Both(Service& service, Client& client) : service_(service), client_(client) {}

    void on_container_start(proton::container& container) override {
        service_.on_container_start(container);
        client_.on_container_start(container);
    }

    void on_message(proton::delivery& delivery, proton::message& request) override {
        service_.on_message(delivery, request);
    }

    void on_error(const proton::error_condition& error) override {
        std::cerr << "error: " << error.what() << '\n';
    }

  private:
    Service& service_;
    Client& client_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: system_proton_cpp_client SERVICE_URL CLIENT_URL COUNT\n";
        return 2;
    }
    try {
        Service service(argv[1]);
        Client client(argv[2], std::atoi(argv[3]), service);  // a wrong count ends in a wrong sum
        Both both(service, client);
        proton::container(both).run();
        return client.good() ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
