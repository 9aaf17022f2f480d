# Installs BUILD below WORK, moves the tree, builds CONSUMER against it
# with each of the compilers CXX, runs it.

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE text
                  ERROR_VARIABLE text)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${status}\n${text}")
  endif()
  set(text "${text}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK}/first ${WORK}/prefix)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
# Nothing in the tree may know where it was first.
file(RENAME ${WORK}/first ${WORK}/prefix)

foreach(compiler ${CXX})
  file(REMOVE_RECURSE ${WORK}/consumer ${WORK}/elsewhere)
  run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/consumer -G Ninja
      -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_C_COMPILER=${CC}
      -DCMAKE_CXX_COMPILER=${compiler} "-DCMAKE_CXX_FLAGS=${FLAGS}"
      "-DCMAKE_C_FLAGS=${FLAGS}")
  run(${CMAKE_COMMAND} --build ${WORK}/consumer)

  # From a folder of its own, without a cache from earlier runs.
  file(MAKE_DIRECTORY ${WORK}/elsewhere/cache)
  set(ENV{XDG_CACHE_HOME} ${WORK}/elsewhere/cache)
  run(${CMAKE_COMMAND} -E chdir ${WORK}/elsewhere ${WORK}/consumer/consumer)
  string(REGEX MATCH "^([^\n]+)\n([^\n]+)\n([^\n]+)\n$" ok "${text}")
  set(values ${CMAKE_MATCH_1} ${CMAKE_MATCH_2} ${CMAKE_MATCH_3})
  # The exported library in a program without the framework.
  run(${CMAKE_COMMAND} -E chdir ${WORK}/elsewhere ${WORK}/consumer/runtime_only)
  string(STRIP "${text}" last)
  list(APPEND values ${last})
  message("${compiler}: eager, compiled, exported, run from C: ${values}")
  list(REMOVE_DUPLICATES values)
  list(LENGTH values count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "the four differ")
  endif()
endforeach()
