# A short run of the demo: exit status, figures, files, what the exported step
# needs, and that 100 steps, saved, and 100 more are as 200 in one go.
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
if(test_accuracy LESS 0.85)
  message(FATAL_ERROR "the test accuracy is ${test_accuracy}")
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
foreach(file mnist.png graph_before.dot graph_traced.dot graph_after.dot
        mnist_weights.npz exported/libmnist_step.so exported/mnist_step.h
        exported/mnist_step.state exported/libmnist_predict.so)
  if(NOT EXISTS ${OUT}/${file})
    message(FATAL_ERROR "${file} was not written")
  endif()
endforeach()

set(run ${CONTINUE} ${OUT}/exported)
foreach(part "100;half" "100;half" "200;whole")
  list(GET part 0 steps)
  list(GET part 1 name)
  execute_process(COMMAND ${run} ${steps} ${OUT}/${name}.state
                  OUTPUT_VARIABLE ${name} COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "\\(0x[^)]*\\)" ${name}_loss "${${name}}")
endforeach()
if(NOT half_loss STREQUAL whole_loss)
  message(FATAL_ERROR "the last loss is ${half_loss}, in one go ${whole_loss}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${OUT}/half.state
                ${OUT}/whole.state COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "100 + 100 steps are as 200 in one go, in loss and state")
