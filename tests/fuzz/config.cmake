# Configuration files, all three dialects.
add_library(amqmesh_config_fuzz_entry STATIC config_fuzz.cpp)
target_link_libraries(amqmesh_config_fuzz_entry PUBLIC amqmesh::router PRIVATE amqmesh_flags)

add_amqmesh_test(config_corpus LABEL unit
    SOURCES config_corpus_test.cpp
    LINKS amqmesh_config_fuzz_entry)
target_compile_definitions(config_corpus_test PRIVATE
    AMQMESH_CONFIG_CORPUS="${CMAKE_CURRENT_SOURCE_DIR}/corpus/config")

if(AMQMESH_FUZZ)
    add_amqmesh_program(config_fuzz
        SOURCES config_fuzz_main.cpp
        LINKS amqmesh_config_fuzz_entry)
    target_link_options(config_fuzz PRIVATE -fsanitize=fuzzer)
endif()
