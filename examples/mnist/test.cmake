# The demo on a short run: exit status, JSON keys, the exported library's needs.
file(REMOVE_RECURSE ${OUT})
file(MAKE_DIRECTORY ${OUT})
execute_process(COMMAND ${DEMO} --epochs 1 --out ${OUT} --json ${OUT}/demo.json
                RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the demo failed: ${status}")
endif()
file(READ ${OUT}/demo.json json)
foreach(key test_accuracy eager_ms_per_step jit_ms_per_step aot_ms_per_step
        compile_ms_cold compile_ms_cached arena_bytes artifact_bytes
        artifact_needed bit_equal)
  string(JSON ${key} GET ${json} ${key})
endforeach()
if(NOT bit_equal)
  message(FATAL_ERROR "eager, JIT and AOT differ")
endif()
if(artifact_bytes GREATER 150000)
  message(FATAL_ERROR "the exported step takes ${artifact_bytes} bytes")
endif()
string(JSON count LENGTH ${json} artifact_needed)
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON library GET ${json} artifact_needed ${i})
  if(NOT library MATCHES "^lib[cm]\\.so\\.6$")
    message(FATAL_ERROR "the exported step needs ${library}")
  endif()
endforeach()
foreach(file digits.png graph_before.dot graph_after.dot libmnist_step.so
        mnist_step.h mnist_step.state libmnist_predict.so)
  if(NOT EXISTS ${OUT}/${file})
    message(FATAL_ERROR "${file} was not written")
  endif()
endforeach()

# 100 steps, saved, 100 more in a new process: as 200 in one go.
get_filename_component(bin ${DEMO} DIRECTORY)
set(host ${bin}/etch-demo-host ${OUT} ${OUT}/batches.bin)
execute_process(COMMAND ${host} 100 ${OUT}/half.state OUTPUT_VARIABLE half1
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${host} 100 ${OUT}/half.state OUTPUT_VARIABLE half2
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${host} 200 ${OUT}/whole.state OUTPUT_VARIABLE whole
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "loss [^\n]*" half1 "${half1}")
string(REGEX MATCHALL "loss [^\n]*" half2 "${half2}")
string(REGEX MATCHALL "loss [^\n]*" whole "${whole}")
list(LENGTH whole steps)
if(NOT steps EQUAL 200 OR NOT "${half1};${half2}" STREQUAL "${whole}")
  message(FATAL_ERROR "100 + 100 steps differ from 200 in one go")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${OUT}/half.state
                ${OUT}/whole.state COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "100 + 100 steps are as 200 in one go, in losses and state")
