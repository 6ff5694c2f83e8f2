# The routing core in real time (Google Benchmark); simulated time is amqmesh-sim's part.
find_package(benchmark QUIET)
if(benchmark_FOUND)
    add_amqmesh_program(routing_bench
        SOURCES routing_bench.cpp
        LINKS amqmesh::sim benchmark::benchmark benchmark::benchmark_main)
endif()
