# Etch.cmake - how Etch is built; the only file that names LLVM's CMake packages.
#
# Usage, from any CMakeLists.txt of the tree:
#
#   etch_add_library(Name [SHARED|BOTH] [MLIR] [EXCEPTIONS] [INSTALL]
#                    [SOURCES file...] [GLOB dir...] [GLOB_RECURSE dir...]
#                    [LINK lib...] [PUBLIC_LINK lib...])
#     A static library. SHARED: a shared one instead. BOTH: static `Name` plus
#     shared `Name-shared` (file libName.so) from the same objects; the shared
#     one swallows the static libraries that it links.
#     MLIR: uses MLIR and LLVM: system include path, the shared precompiled
#     header (cmake/MLIRPrecompiled.h), -fno-exceptions, hidden visibility;
#     links libMLIR.so and libLLVM.so. A SHARED MLIR library exports only what
#     is marked with default visibility.
#     EXCEPTIONS: an MLIR library that throws (it goes without the header).
#     INSTALL: part of the package, the shared library as Etch::<Name without a
#     leading Etch> (`Etch` itself is Etch::Etch). Static ones have no effect:
#     they are inside the shared ones.
#     SOURCES and dirs are relative to the calling folder; GLOB takes
#     *.cpp and *.c of each dir; new files are picked up by ninja itself.
#
#   etch_add_executable(Name [MLIR] [EXCEPTIONS] [INSTALL] SOURCES file...
#                       [GLOB dir...] [LINK lib...])
#     A program in <build>/bin.
#
#   etch_add_unittest(Name [MLIR] [SOURCES file...] [GLOB dir...]
#                     [GLOB_RECURSE dir...] [LINK lib...] [LABELS label...]
#                     [TIMEOUT seconds] [ENVIRONMENT A=B...])
#     A GoogleTest/GoogleMock program in <build>/test/bin and one ctest entry of
#     that name. (Its result per test ends up in capabilities.json: any C123 in
#     a suite's or test's name ties it to that row.)
#
#   etch_add_test(Name COMMAND command... [CAPABILITIES C001...] [LABELS ...]
#                 [TIMEOUT ...] [ENVIRONMENT ...])
#     Any other check as a ctest entry, tied to rows by CAPABILITIES. The command
#     may be a target's name. Exit status 77 means "skipped".
#
#   etch_tablegen(TD file.td OUTPUT file.inc COMMAND mlir-tblgen|etch-tblgen
#                 ARGS -gen-op-decls...)
#     Generates <build>/<calling folder>/file.inc. Everything declared with the
#     functions above waits for it (target `etch-headers`).
#
#   etch_add_tblgen(Name SOURCES file... [GLOB dir...])
#     A TableGen back end, usable as COMMAND in the same build.
#
# Includes are written relative to the root: "dialects/Etch/EtchOps.h",
# "dialects/Etch/EtchOps.h.inc" (generated), "compiler/Pipelines/Phases.h";
# the include/ folders of runtime, dialects/Etch and frontend (and their mirrors
# in the build folder) are on the path: <etch/runtime.h>.
# Imported targets for other needs: EtchLLD (linker library), ZLIB::ZLIB,
# PNG::PNG, JPEG::JPEG, Threads::Threads.

include_guard(GLOBAL)
include(GNUInstallDirs)

# --- Compiler settings ------------------------------------------------------

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# One kind of position independence, so that programs share the precompiled
# header with libraries.
set(CMAKE_C_COMPILE_OPTIONS_PIE -fPIC)
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set_property(GLOBAL PROPERTY USE_FOLDERS ON)

add_compile_options(-Wall -Wextra -Wno-unused-parameter
                    -Wno-missing-field-initializers
                    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
                    -fdiagnostics-color=always)
# The same numbers on every compiler: no contraction of a*b+c in our own code.
add_compile_options(-ffp-contract=off)
add_link_options(-fuse-ld=lld -Wl,--gc-sections)
add_compile_options(-ffunction-sections -fdata-sections)

if(ETCH_SANITIZE)
  if(ETCH_SANITIZE MATCHES "thread" AND ETCH_SANITIZE MATCHES "address")
    message(FATAL_ERROR "ETCH_SANITIZE: address and thread exclude each other")
  endif()
  add_compile_options(-fsanitize=${ETCH_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=undefined
                      # Debian's LLVM is built without: no vptr checks across it.
                      -fno-sanitize=vptr)
  add_link_options(-fsanitize=${ETCH_SANITIZE})
endif()

find_program(ETCH_CCACHE ccache)
mark_as_advanced(ETCH_CCACHE)
if(ETCH_CCACHE)
  foreach(lang C CXX)
    set(CMAKE_${lang}_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
        CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        ${ETCH_CCACHE})
  endforeach()
endif()

# --- Packages ---------------------------------------------------------------

set(ETCH_LLVM_ROOT /usr/lib/llvm-22 CACHE PATH "Where LLVM 22 is installed")
find_package(LLVM 22.1 REQUIRED CONFIG PATHS ${ETCH_LLVM_ROOT}/lib/cmake/llvm
             NO_DEFAULT_PATH)
find_package(MLIR REQUIRED CONFIG PATHS ${ETCH_LLVM_ROOT}/lib/cmake/mlir
             NO_DEFAULT_PATH)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)

set(ETCH_LLVM_TOOLS ${ETCH_LLVM_ROOT}/bin)
set(ETCH_LLVM_LIBS ${ETCH_LLVM_ROOT}/lib)

# Debian's `MLIR` and `LLVM` are the shared libraries; nothing of ours links
# the static ones, two copies of LLVM's globals in one process do not work.
add_library(EtchMLIR INTERFACE)
target_link_libraries(EtchMLIR INTERFACE MLIR LLVM)
target_include_directories(EtchMLIR SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS}
                                                     ${MLIR_INCLUDE_DIRS})
target_compile_definitions(EtchMLIR INTERFACE ${LLVM_DEFINITIONS_LIST})

add_library(EtchLLD INTERFACE)
target_link_libraries(EtchLLD INTERFACE ${ETCH_LLVM_LIBS}/liblldELF.a
                                        ${ETCH_LLVM_LIBS}/liblldCommon.a
                                        EtchMLIR ZLIB::ZLIB zstd)

# --- Targets ----------------------------------------------------------------

add_custom_target(etch-headers)

# Folder-relative names and globs to a list of files, in `out`.
function(_etch_sources out)
  cmake_parse_arguments(A "" "" "SOURCES;GLOB;GLOB_RECURSE" ${ARGN})
  set(files ${A_SOURCES})
  foreach(mode GLOB GLOB_RECURSE)
    foreach(dir ${A_${mode}})
      cmake_path(ABSOLUTE_PATH dir NORMALIZE)
      file(${mode} found CONFIGURE_DEPENDS ${dir}/*.cpp ${dir}/*.c)
      list(SORT found)
      list(APPEND files ${found})
    endforeach()
  endforeach()
  set(${out} ${files} PARENT_SCOPE)
endfunction()

function(_etch_include_path target)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/dialects/Etch/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/frontend/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/frontend/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/dialects/Etch/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/dialects/Etch/include>)
  # Generated files are held to TableGen's standards, not to our warnings.
  target_include_directories(${target} SYSTEM PUBLIC
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}>)
endfunction()

function(_etch_common target)
  cmake_parse_arguments(A "MLIR;EXCEPTIONS" "" "LINK;PUBLIC_LINK" ${ARGN})
  _etch_include_path(${target})
  target_link_libraries(${target} PUBLIC ${A_PUBLIC_LINK} PRIVATE ${A_LINK})
  add_dependencies(${target} etch-headers)
  if(A_MLIR)
    target_link_libraries(${target} PUBLIC EtchMLIR)
    set_target_properties(${target} PROPERTIES
      CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden
      VISIBILITY_INLINES_HIDDEN ON)
    if(NOT A_EXCEPTIONS)
      target_compile_options(${target} PRIVATE -fno-exceptions)
      _etch_precompiled_header()
      target_precompile_headers(${target} REUSE_FROM etch-mlir-pch)
    endif()
  endif()
endfunction()

# The precompiled header is compiled once, under the flags of every MLIR target.
function(_etch_precompiled_header)
  if(TARGET etch-mlir-pch)
    return()
  endif()
  set(stub ${PROJECT_BINARY_DIR}/mlir-pch.cpp)
  if(NOT EXISTS ${stub})
    file(WRITE ${stub} "")
  endif()
  add_library(etch-mlir-pch OBJECT ${stub})
  target_link_libraries(etch-mlir-pch PRIVATE EtchMLIR)
  target_compile_options(etch-mlir-pch PRIVATE -fno-exceptions)
  # ccache: the header is known by its content, not by its time stamp.
  target_compile_options(etch-mlir-pch PUBLIC -Xclang -fno-pch-timestamp)
  set_target_properties(etch-mlir-pch PROPERTIES
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_precompile_headers(etch-mlir-pch PRIVATE
    ${PROJECT_SOURCE_DIR}/cmake/MLIRPrecompiled.h)
endfunction()

function(etch_add_library name)
  cmake_parse_arguments(A "SHARED;BOTH;MLIR;EXCEPTIONS;INSTALL" ""
                        "SOURCES;GLOB;GLOB_RECURSE;LINK;PUBLIC_LINK" ${ARGN})
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "etch_add_library(${name}): ${A_UNPARSED_ARGUMENTS}?")
  endif()
  _etch_sources(files SOURCES ${A_SOURCES} GLOB ${A_GLOB}
                GLOB_RECURSE ${A_GLOB_RECURSE})
  set(flags)
  foreach(flag MLIR EXCEPTIONS)
    if(A_${flag})
      list(APPEND flags ${flag})
    endif()
  endforeach()
  if(A_SHARED)
    add_library(${name} SHARED ${files})
    set(shared ${name})
  else()
    add_library(${name} STATIC ${files})
  endif()
  _etch_common(${name} ${flags} LINK ${A_LINK} PUBLIC_LINK ${A_PUBLIC_LINK})
  if(A_BOTH)
    set(shared ${name}-shared)
    add_library(${shared} SHARED $<TARGET_OBJECTS:${name}>)
    set_target_properties(${shared} PROPERTIES OUTPUT_NAME ${name}
                                               LINKER_LANGUAGE CXX)
    _etch_include_path(${shared})
    target_link_libraries(${shared} PRIVATE ${A_PUBLIC_LINK} ${A_LINK})
    add_dependencies(${shared} etch-headers)
  endif()
  if(shared)
    set_target_properties(${shared} PROPERTIES
      SOVERSION ${PROJECT_VERSION_MAJOR} VERSION ${PROJECT_VERSION}
      BUILD_WITH_INSTALL_RPATH OFF
      INSTALL_RPATH "\$ORIGIN$<$<BOOL:${A_MLIR}>:;${ETCH_LLVM_LIBS}>")
    if(NOT ETCH_SANITIZE)
      target_link_options(${shared} PRIVATE -Wl,-z,defs)
    endif()
    if(A_MLIR)
      target_link_options(${shared} PRIVATE -Wl,--exclude-libs,ALL)
    endif()
  endif()
  if(A_INSTALL AND shared)
    string(REGEX REPLACE "^Etch(.)" "\\1" exported ${name})
    set_target_properties(${shared} PROPERTIES EXPORT_NAME ${exported})
    install(TARGETS ${shared} EXPORT EtchTargets
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
            INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    set_property(GLOBAL PROPERTY ETCH_HAS_PACKAGE ON)
  endif()
endfunction()

function(etch_add_executable name)
  cmake_parse_arguments(A "MLIR;EXCEPTIONS;INSTALL" ""
                        "SOURCES;GLOB;GLOB_RECURSE;LINK" ${ARGN})
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "etch_add_executable(${name}): ${A_UNPARSED_ARGUMENTS}?")
  endif()
  _etch_sources(files SOURCES ${A_SOURCES} GLOB ${A_GLOB}
                GLOB_RECURSE ${A_GLOB_RECURSE})
  add_executable(${name} ${files})
  set(flags)
  foreach(flag MLIR EXCEPTIONS)
    if(A_${flag})
      list(APPEND flags ${flag})
    endif()
  endforeach()
  _etch_common(${name} ${flags} LINK ${A_LINK})
  set_target_properties(${name} PROPERTIES
    INSTALL_RPATH "\$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${ETCH_LLVM_LIBS}")
  if(A_INSTALL)
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()

# TableGen's libraries exist as archives only; they need nothing but libLLVM.
function(etch_add_tblgen name)
  cmake_parse_arguments(A "" "" "SOURCES;GLOB" ${ARGN})
  _etch_sources(files SOURCES ${A_SOURCES} GLOB ${A_GLOB})
  add_executable(${name} ${files})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_include_directories(${name} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS}
                                                    ${MLIR_INCLUDE_DIRS})
  target_compile_options(${name} PRIVATE -fno-exceptions)
  target_link_libraries(${name} PRIVATE ${ETCH_LLVM_LIBS}/libMLIRTblgenLib.a
    ${ETCH_LLVM_LIBS}/libMLIRTableGen.a ${ETCH_LLVM_LIBS}/libLLVMTableGen.a
    LLVM)
endfunction()

function(etch_tablegen)
  cmake_parse_arguments(A "" "TD;OUTPUT;COMMAND" "ARGS" ${ARGN})
  if(NOT A_TD OR NOT A_OUTPUT OR NOT A_COMMAND)
    message(FATAL_ERROR "etch_tablegen: TD, OUTPUT and COMMAND are needed")
  endif()
  cmake_path(ABSOLUTE_PATH A_TD NORMALIZE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${A_OUTPUT})
  cmake_path(GET out PARENT_PATH dir)
  file(MAKE_DIRECTORY ${dir})
  if(TARGET ${A_COMMAND})
    set(tool $<TARGET_FILE:${A_COMMAND}>)
  else()
    set(tool ${ETCH_LLVM_TOOLS}/${A_COMMAND})
  endif()
  cmake_path(RELATIVE_PATH out BASE_DIRECTORY ${PROJECT_BINARY_DIR}
             OUTPUT_VARIABLE shown)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${tool} ${A_ARGS} ${A_TD} -I ${PROJECT_SOURCE_DIR}
            -I ${ETCH_LLVM_ROOT}/include --write-if-changed -o ${out}
            -d ${out}.d
    DEPENDS ${tool} ${A_TD}
    DEPFILE ${out}.d
    COMMENT "Generating ${shown}"
    VERBATIM)
  string(MAKE_C_IDENTIFIER "tablegen-${shown}" id)
  add_custom_target(${id} DEPENDS ${out})
  add_dependencies(etch-headers ${id})
endfunction()

# --- Package and reference ---------------------------------------------------

# The package: libraries declared with INSTALL, the public headers, EtchConfig.
function(etch_install_package)
  foreach(dir runtime/include dialects/Etch/include frontend/include)
    foreach(root ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
      install(DIRECTORY ${root}/${dir}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
              OPTIONAL FILES_MATCHING PATTERN "*.h" PATTERN "*.inc")
    endforeach()
  endforeach()
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
  get_property(has_package GLOBAL PROPERTY ETCH_HAS_PACKAGE)
  if(NOT has_package)
    return()
  endif()
  include(CMakePackageConfigHelpers)
  set(dir ${CMAKE_INSTALL_LIBDIR}/cmake/Etch)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/EtchConfig.cmake.in
    ${PROJECT_BINARY_DIR}/EtchConfig.cmake INSTALL_DESTINATION ${dir})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/EtchConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/EtchConfig.cmake
                ${PROJECT_BINARY_DIR}/EtchConfigVersion.cmake DESTINATION ${dir})
  install(EXPORT EtchTargets NAMESPACE Etch:: DESTINATION ${dir})
endfunction()

# Reference pages: one per EtchOps.td and Passes.td in the tree, from the records;
# the public headers.
function(etch_add_docs)
  add_custom_target(docs)
  file(GLOB_RECURSE records CONFIGURE_DEPENDS
       ${PROJECT_SOURCE_DIR}/dialects/*Ops.td
       ${PROJECT_SOURCE_DIR}/compiler/*Passes.td)
  foreach(td ${records})
    cmake_path(GET td STEM LAST_ONLY stem)
    cmake_path(GET td PARENT_PATH folder)
    cmake_path(GET folder FILENAME folder)
    if(stem MATCHES "Ops$")
      set(page docs/${stem}.md)
      set(generator -gen-op-doc)
    else()
      set(page docs/${folder}Passes.md)
      set(generator -gen-pass-doc)
    endif()
    add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/${page}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/docs
      COMMAND ${ETCH_LLVM_TOOLS}/mlir-tblgen ${generator} ${td}
              -I ${PROJECT_SOURCE_DIR} -I ${ETCH_LLVM_ROOT}/include
              -o ${PROJECT_BINARY_DIR}/${page}
      DEPENDS ${td} COMMENT "Writing ${page}" VERBATIM)
    string(MAKE_C_IDENTIFIER ${page} id)
    add_custom_target(${id} ALL DEPENDS ${PROJECT_BINARY_DIR}/${page})
    add_dependencies(docs ${id})
    list(APPEND pages ${id})
  endforeach()
  # HTML, of the headers too. Without doxygen the pages above are all.
  find_program(ETCH_DOXYGEN doxygen)
  mark_as_advanced(ETCH_DOXYGEN)
  if(ETCH_DOXYGEN)
    set(ETCH_DOCS ${PROJECT_BINARY_DIR}/docs)
    set(doxygen ${ETCH_DOXYGEN} ${PROJECT_BINARY_DIR}/Doxyfile)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/Doxyfile.in
                   ${PROJECT_BINARY_DIR}/Doxyfile @ONLY)
    add_custom_target(docs-html COMMAND ${doxygen}
                      COMMENT "Writing docs/html/index.html" VERBATIM)
    add_dependencies(docs-html etch-headers ${pages})
    add_dependencies(docs docs-html)
    etch_add_test(docs-html CAPABILITIES C163 COMMAND ${doxygen} LABELS check)
  else()
    add_custom_target(docs-html COMMAND ${CMAKE_COMMAND} -E echo
      "docs: no doxygen (Debian: doxygen), so no HTML; see build's docs/*.md")
    add_dependencies(docs docs-html)
  endif()
  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_FOUND)
    add_custom_target(docs-api
      COMMAND ${CMAKE_COMMAND} -E env ETCH_BUILD=${PROJECT_BINARY_DIR}
              ${Python3_EXECUTABLE}
              ${PROJECT_SOURCE_DIR}/cmake/checks/api-reference.py
              ${PROJECT_SOURCE_DIR} ${CMAKE_CXX_COMPILER}
              ${PROJECT_BINARY_DIR}/docs/api.md
      COMMENT "Writing docs/api.md" VERBATIM)
    add_dependencies(docs-api etch-headers)
    add_dependencies(docs docs-api)
  endif()
endfunction()

# --- Tests ------------------------------------------------------------------

set(ETCH_TEST_RESULTS ${PROJECT_BINARY_DIR}/test-results)
if(ETCH_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()

function(etch_add_test name)
  if(NOT ETCH_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(A "" "TIMEOUT"
                        "COMMAND;CAPABILITIES;LABELS;ENVIRONMENT" ${ARGN})
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "etch_add_test(${name}): ${A_UNPARSED_ARGUMENTS}?")
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 600)
  endif()
  list(POP_FRONT A_COMMAND program)
  if(TARGET ${program})
    set(program $<TARGET_FILE:${program}>)
  endif()
  list(JOIN A_CAPABILITIES "," rows)
  if(ETCH_SANITIZE)
    # The meaning of the ops is in the compiler's library and in the front end's:
    # twice in a process, on purpose. libMLIR keeps some memory until the end.
    list(APPEND A_ENVIRONMENT ASAN_OPTIONS=detect_odr_violation=0
         LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/leaks.txt:print_suppressions=0
         UBSAN_OPTIONS=print_stacktrace=1)
  endif()
  add_test(NAME ${name}
    COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/cmake/checks/record.py
            ${name} ${ETCH_TEST_RESULTS} "${rows}" -- ${program} ${A_COMMAND})
  # The report over all tests (capabilities.json) is the cleanup of this fixture.
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${A_TIMEOUT} SKIP_RETURN_CODE 77 LABELS "${A_LABELS}"
    ENVIRONMENT "${A_ENVIRONMENT}" FIXTURES_REQUIRED results)
endfunction()

function(etch_add_unittest name)
  if(NOT ETCH_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(A "MLIR" "TIMEOUT"
    "SOURCES;GLOB;GLOB_RECURSE;LINK;LABELS;ENVIRONMENT" ${ARGN})
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "etch_add_unittest(${name}): ${A_UNPARSED_ARGUMENTS}?")
  endif()
  set(flags)
  if(A_MLIR)
    set(flags MLIR)
  endif()
  etch_add_executable(${name} ${flags} SOURCES ${A_SOURCES} GLOB ${A_GLOB}
                      GLOB_RECURSE ${A_GLOB_RECURSE}
                      LINK ${A_LINK} GTest::gmock_main)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/test/bin)
  etch_add_test(${name}
    COMMAND ${name} --gtest_output=json:${ETCH_TEST_RESULTS}/${name}.gtest.json
            --gtest_brief=1
    LABELS unit ${A_LABELS} TIMEOUT ${A_TIMEOUT} ENVIRONMENT ${A_ENVIRONMENT})
endfunction()
