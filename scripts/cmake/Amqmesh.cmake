# How a library, a program and a test of this project are declared.

add_library(amqmesh_flags INTERFACE)
target_include_directories(amqmesh_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(amqmesh_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-align
    -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough
    -Wextra-semi -Wsuggest-override -Wundef -Wdouble-promotion -Wmismatched-tags
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast
        -Wredundant-tags>
    $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wunreachable-code>
    $<$<BOOL:${AMQMESH_WERROR}>:-Werror>)
# g++ 12 reports null dereferences inside inlined library code once sanitizers add their checks.
if(AMQMESH_SANITIZE)
    target_compile_options(amqmesh_flags INTERFACE
        -Wno-null-dereference $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
# Release is hardened; every other build checks the standard library's preconditions too.
target_compile_options(amqmesh_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection)
target_compile_definitions(amqmesh_flags INTERFACE
    $<$<NOT:$<CONFIG:Release>>:_GLIBCXX_ASSERTIONS AMQMESH_DEBUG_ASSERTIONS>
    AMQMESH_VERSION="${PROJECT_VERSION}")
if(AMQMESH_SANITIZE)
    add_compile_options(-fsanitize=${AMQMESH_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${AMQMESH_SANITIZE})
    if(AMQMESH_SANITIZE STREQUAL "thread")
        # ThreadSanitizer does not know fences; Asio's only repeat what its locks say.
        add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
    endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_definitions(_FORTIFY_SOURCE=2)
    # A message passes some sixty small functions of three folders: inlined across files they cost a
    # third less (tests/bench).
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
    # Clearing the 100 bytes of a delivery with "rep stos" costs more than the rest of its life.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
        add_compile_options(-mmemset-strategy=vector_loop:512:noalign,libcall:-1:noalign)
    endif()
endif()

# One static library per folder, linked only with what DESIGN's arrow allows:
#   add_amqmesh_library(link SOURCES a.cpp b.cpp LINKS amqmesh::routing proton::core)
function(add_amqmesh_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
    add_library(amqmesh_${name} STATIC ${ARG_SOURCES})
    add_library(amqmesh::${name} ALIAS amqmesh_${name})
    target_link_libraries(amqmesh_${name} PUBLIC ${ARG_LINKS} PRIVATE amqmesh_flags)
    target_include_directories(amqmesh_${name} PUBLIC "${CMAKE_SOURCE_DIR}")
endfunction()

#   add_amqmesh_program(amqmeshd SOURCES main.cpp LINKS amqmesh::router)
function(add_amqmesh_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ${ARG_LINKS} amqmesh_flags)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

# A GoogleTest program; every TEST becomes a ctest test named <program>.<suite>.<test>.
#   add_amqmesh_test(link_codec LABEL unit SOURCES codec_test.cpp LINKS amqmesh::link [TIMEOUT 60])
function(add_amqmesh_test name)
    cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 60)
    endif()
    add_executable(${name}_test ${ARG_SOURCES})
    target_link_libraries(${name}_test PRIVATE ${ARG_LINKS} amqmesh_flags GTest::gmock
        GTest::gtest_main)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
        PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
