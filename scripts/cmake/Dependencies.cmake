# Debian 12 packages as imported targets. Imported include directories are SYSTEM, so the warnings
# we ask of our own code do not speak about theirs.

find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED)            # Asio and Beast, header only
find_package(OpenSSL REQUIRED)
find_package(Protobuf REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)
include(GoogleTest)

# Proton 0.37 is linked by its engine library, which Debian ships without a development symlink: the
# full libqpid-proton.so would load a second copy of the same symbols beside the C++ binding's.
find_library(PROTON_CORE_LIBRARY NAMES qpid-proton-core libqpid-proton-core.so.10 REQUIRED)
find_library(PROTON_PROACTOR_LIBRARY NAMES qpid-proton-proactor libqpid-proton-proactor.so.1 REQUIRED)
find_library(PROTON_CPP_LIBRARY qpid-proton-cpp REQUIRED)
find_path(PROTON_INCLUDE_DIR proton/engine.h REQUIRED)

add_library(proton_core INTERFACE)
add_library(proton::core ALIAS proton_core)
target_include_directories(proton_core SYSTEM INTERFACE "${PROTON_INCLUDE_DIR}")
target_link_libraries(proton_core INTERFACE "${PROTON_CORE_LIBRARY}")

add_library(proton_proactor INTERFACE)   # benchmarks' relay and load clients
add_library(proton::proactor ALIAS proton_proactor)
target_link_libraries(proton_proactor INTERFACE "${PROTON_PROACTOR_LIBRARY}" proton::core)

add_library(proton_cpp INTERFACE)        # the command-line tool and client tests
add_library(proton::cpp ALIAS proton_cpp)
target_link_libraries(proton_cpp INTERFACE "${PROTON_CPP_LIBRARY}" proton::proactor)

# Only the text format is used; the package's own configuration would also ask for its web server.
find_library(PROMETHEUS_CORE_LIBRARY prometheus-cpp-core REQUIRED)
add_library(prometheus_core INTERFACE)
add_library(prometheus::core ALIAS prometheus_core)
target_link_libraries(prometheus_core INTERFACE "${PROMETHEUS_CORE_LIBRARY}")

# Asio without its deprecated parts and without Boost.System's inline library.
add_library(asio INTERFACE)
add_library(amqmesh::asio ALIAS asio)
target_compile_definitions(asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ERROR_CODE_HEADER_ONLY)
target_link_libraries(asio INTERFACE Boost::boost Threads::Threads)
