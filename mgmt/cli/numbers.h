// Checks of numbers on the command line that say what is wrong in words; CLI11's own print the
// range of double in full. What they return is empty, or the complaint.
#pragma once

#include <string>

namespace amqmesh::cli {

std::string positive(const std::string& text);
std::string not_negative(const std::string& text);

}  // namespace amqmesh::cli
