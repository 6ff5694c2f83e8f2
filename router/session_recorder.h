// Writes the routing core's life to a file (routing/recording.h), for `amqmesh-sim --playback`.
// Control thread only. The file holds what routers tell each other (names, addresses, topology),
// but no message and no secret.
#pragma once

#include "routing/recording.h"

#include <cstdint>
#include <fstream>
#include <string>

namespace amqmesh::router {

class SessionRecorder {
  public:
    /// A recording is of use from its beginning on only, so it ends when the file is this long.
    static constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 30U;

    explicit SessionRecorder(std::uint64_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}

    /// Replaces the file. False with `why`.
    bool open(const std::string& path, const routing::RecordedNode& node, std::string& why);

    /// Before the node handles it: it is in the file even if the process ends in it.
    void before(routing::Time now, const routing::Event& event);
    void after(const routing::Node& node,
               const routing::Event& event,
               const routing::Effects& effects);

    [[nodiscard]] bool recording() const { return file_.is_open(); }

  private:
    void write(const std::string& line);

    std::ofstream file_;
    std::uint64_t bytes_max_;
    std::uint64_t bytes_ = 0;
};

}  // namespace amqmesh::router
