# Installs BUILD below WORK and runs the commands of PAGE against it; c++ and cc
# are the build's compilers.
file(REMOVE_RECURSE ${WORK})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/etch
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(MAKE_DIRECTORY ${WORK}/bin ${WORK}/cache)
file(CREATE_LINK ${CC} ${WORK}/bin/cc SYMBOLIC)
file(CREATE_LINK ${CXX} ${WORK}/bin/c++ SYMBOLIC)
set(ENV{ETCH} ${WORK}/etch)
set(ENV{PATH} ${WORK}/bin:$ENV{PATH})
set(ENV{XDG_CACHE_HOME} ${WORK}/cache)
cmake_path(GET PAGE PARENT_PATH folder)
execute_process(COMMAND ${PYTHON} ${folder}/guide.py ${PAGE} ${WORK}/run
                COMMAND_ERROR_IS_FATAL ANY)
