# Parts of a node in one process, without sockets: the engine, two of them back to back, and the
# data plane with all that a message passes in it.
add_amqmesh_program(engine_bench SOURCES engine_bench.cpp LINKS amqmesh::link)
add_amqmesh_program(plane_bench SOURCES plane_bench.cpp LINKS amqmesh::link)
