// Questions to management that wait for their turn: so many of them and so many bytes, what comes
// beyond is refused. Control thread only.
#pragma once

#include "link/control_messages.h"

#include <cstddef>
#include <deque>
#include <utility>

namespace amqmesh::router {

class RequestQueue {
  public:
    /// False: there is no room for it.
    bool push(link::report::ManagementRequest&& request) {
        if (requests_.size() >= kRequestsMax || bytes_ + request.message.size() > kBytesMax) {
            return false;
        }
        bytes_ += request.message.size();
        requests_.push_back(std::move(request));
        return true;
    }

    /// REQUIRES: size() > 0.
    link::Report pop() {
        link::report::ManagementRequest request = std::move(requests_.front());
        requests_.pop_front();
        bytes_ -= request.message.size();
        return request;
    }

    [[nodiscard]] std::size_t size() const { return requests_.size(); }

  private:
    static constexpr std::size_t kRequestsMax = 1000;
    static constexpr std::size_t kBytesMax = 16U << 20U;

    std::deque<link::report::ManagementRequest> requests_;
    std::size_t bytes_ = 0;  // of them
};

}  // namespace amqmesh::router
