#include "router/session_recorder.h"

#include "router/log.h"

#include <cerrno>
#include <system_error>

namespace amqmesh::router {

bool SessionRecorder::open(const std::string& path,
                           const routing::RecordedNode& node,
                           std::string& why) {
    file_.open(path, std::ios::binary | std::ios::trunc);
    if (!file_) {
        why = "cannot record to " + path + ": " + std::generic_category().message(errno);
        return false;
    }
    write(routing::record(node));
    return true;
}

void SessionRecorder::before(routing::Time now, const routing::Event& event) {
    if (file_.is_open()) {
        write(routing::record(now, event));
        file_.flush();
    }
}

void SessionRecorder::after(const routing::Node& node,
                            const routing::Event& event,
                            const routing::Effects& effects) {
    if (file_.is_open()) {
        write(routing::record(routing::outcome_of(node, event, effects)));
    }
}

void SessionRecorder::write(const std::string& line) {
    bytes_ += line.size();
    if (bytes_ <= bytes_max_ &&
        file_.write(line.data(), static_cast<std::streamsize>(line.size()))) {
        return;
    }
    log::emit(log::Module::kRouterLs,
              log::Level::kWarning,
              "RECORDING_END",
              "{}",
              bytes_ > bytes_max_ ? "the recording has its greatest length"
                                  : "the recording cannot be written");
    file_.close();
}

}  // namespace amqmesh::router
