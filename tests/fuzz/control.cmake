# Control messages between routers (routing::Node).
add_library(amqmesh_control_fuzz_entry STATIC control_fuzz.cpp)
target_link_libraries(amqmesh_control_fuzz_entry PUBLIC amqmesh::routing PRIVATE amqmesh_flags)

add_amqmesh_test(control_corpus LABEL unit
    SOURCES control_corpus_test.cpp
    LINKS amqmesh_control_fuzz_entry)
target_compile_definitions(control_corpus_test PRIVATE
    AMQMESH_CONTROL_CORPUS="${CMAKE_CURRENT_SOURCE_DIR}/corpus/control")

if(AMQMESH_FUZZ)
    add_amqmesh_program(control_fuzz
        SOURCES control_fuzz_main.cpp
        LINKS amqmesh_control_fuzz_entry)
    target_link_options(control_fuzz PRIVATE -fsanitize=fuzzer)
endif()
