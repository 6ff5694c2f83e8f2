# Messages to $management, and targets of HTTP requests.
add_library(amqmesh_mgmt_fuzz_entry STATIC mgmt_fuzz.cpp)
target_link_libraries(amqmesh_mgmt_fuzz_entry PUBLIC amqmesh::mgmt amqmesh::mgmt_http
    PRIVATE amqmesh_flags)

add_amqmesh_test(mgmt_corpus LABEL unit
    SOURCES mgmt_corpus_test.cpp
    LINKS amqmesh_mgmt_fuzz_entry)
target_compile_definitions(mgmt_corpus_test PRIVATE
    AMQMESH_MGMT_CORPUS="${CMAKE_CURRENT_SOURCE_DIR}/corpus/mgmt")

if(AMQMESH_FUZZ)
    add_amqmesh_program(mgmt_fuzz
        SOURCES mgmt_fuzz_main.cpp
        LINKS amqmesh_mgmt_fuzz_entry)
    target_link_options(mgmt_fuzz PRIVATE -fsanitize=fuzzer)
endif()
