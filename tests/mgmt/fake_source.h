// A node for the agent's tests: rows in memory, answers at once or when told to.
#pragma once

#include "mgmt/agent.h"

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::mgmt::test {

class FakeSource : public Source {
  public:
    void add(Row row) { rows_.push_back(std::move(row)); }

    void query(const EntityType& type, RowsDone done) override {
        queried.emplace_back(type.name);
        answer([this, &type, done = std::move(done)] {
            std::vector<Row> found;
            for (const Row& row : rows_) {
                if (&row.type() == &type) {
                    found.push_back(row);
                }
            }
            done(std::move(found));
        });
    }

    void create(const EntityType& type, Row row, ResultDone done) override {
        if (!row.has("name")) {
            row.set("name", std::string{type.name} + "/made");
        }
        row.set("identity", "created/1");
        rows_.push_back(row);
        answer([done = std::move(done), row] { done({.row = row}); });
    }

    void update(const EntityType& /*type*/, Row current, Row changes, ResultDone done) override {
        for (std::size_t i = 0; i < changes.size(); ++i) {
            if (!changes[i].is_null()) {
                current[i] = changes[i];
            }
        }
        answer([done = std::move(done), current] { done({.row = current}); });
    }

    void remove(const EntityType& type, Row current, ResultDone done) override {
        std::erase_if(rows_, [&](const Row& row) {
            return &row.type() == &type && row.at("identity") == current.at("identity");
        });
        answer([done = std::move(done), this] { done(Result{remove_result}); });
    }

    std::vector<std::string> mesh_routers() override { return routers; }

    std::vector<LogLine> log_lines(std::size_t limit) override {
        std::vector<LogLine> lines;
        for (std::size_t i = 0; i < std::min<std::size_t>(limit, 3); ++i) {
            lines.push_back({.module = "ROUTER",
                             .level = "info",
                             .text = "line " + std::to_string(i),
                             .file = "",
                             .line = 0,
                             .time = 1.5});
        }
        return lines;
    }

    Reloaded reload() override { return reloaded; }

    /// Answers what is waiting; answers may ask again.
    void run() {
        while (!waiting_.empty()) {
            auto next = std::move(waiting_.front());
            waiting_.pop_front();
            next();
        }
    }

    bool later = false;  ///< answers wait for run()
    std::vector<std::string> queried;
    std::vector<std::string> routers;
    Result remove_result;
    Reloaded reloaded;

  private:
    void answer(std::function<void()> what) {
        if (later) {
            waiting_.push_back(std::move(what));
        } else {
            what();
        }
    }

    std::vector<Row> rows_;
    std::deque<std::function<void()>> waiting_;
};

}  // namespace amqmesh::mgmt::test
