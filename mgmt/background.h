// Long work beside the thread that asks for it: rows made from a snapshot, texts made from rows.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace amqmesh::mgmt {

class Background {
  public:
    using Task = std::function<void()>;

    virtual ~Background() = default;

    /// Runs `work` once, on whatever thread, and after it `then` on the caller's thread, during the
    /// call or later. `work` must touch nothing that others may change. Both are destroyed on the
    /// caller's thread. Nothing runs any more after the end of the background.
    virtual void run(Task work, Task then) = 0;
};

/// Here and now.
class NoBackground final : public Background {
  public:
    void run(Task work, Task then) override {
        work();
        then();
    }
};

/// What `work` returns is given to `then`.
template <typename Work, typename Then>
void offload(Background& background, Work work, Then then) {
    auto result = std::make_shared<std::optional<std::invoke_result_t<Work&>>>();
    background.run([result, work = std::move(work)]() mutable { result->emplace(work()); },
                   [result, then = std::move(then)]() mutable { then(std::move(**result)); });
}

}  // namespace amqmesh::mgmt
