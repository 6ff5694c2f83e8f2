# Engine alone, two of them back to back in one process.
add_amqmesh_program(engine_bench SOURCES engine_bench.cpp LINKS amqmesh::link)
