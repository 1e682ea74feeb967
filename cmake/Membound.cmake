# SPDX-License-Identifier: Apache-2.0
# Helpers of the build.

set(MEMBOUND_WARNINGS -Wall -Wextra -Wno-missing-field-initializers)

# RPATH and not RUNPATH: libraries of libraries must be found beside the executable too.
set(MEMBOUND_RPATH LINKER:--disable-new-dtags)

# A backend module from SOURCES: build/backends/NAME.so, loadable, one exported symbol. One that only
# tests load is in FOLDER and not installed.
function(membound_add_backend name)
  cmake_parse_arguments(arg "" "FOLDER" "SOURCES;LIBRARIES" ${ARGN})
  set(folder ${PROJECT_BINARY_DIR}/backends)
  if(arg_FOLDER)
    set(folder ${arg_FOLDER})
  endif()
  add_library(membound_${name} MODULE ${arg_SOURCES})
  target_include_directories(membound_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(membound_${name} PRIVATE ${arg_LIBRARIES})
  set_target_properties(
    membound_${name}
    PROPERTIES PREFIX ""
               OUTPUT_NAME ${name}
               LIBRARY_OUTPUT_DIRECTORY ${folder}
               INSTALL_RPATH "$ORIGIN/../lib")
  # Without the map, templates of libstdc++ would be shown too.
  set(map ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  target_link_options(membound_${name} PRIVATE LINKER:--version-script=${map} LINKER:-z,defs
                      ${MEMBOUND_RPATH})
  set_property(TARGET membound_${name} APPEND PROPERTY LINK_DEPENDS ${map})
  if(NOT arg_FOLDER)
    install(TARGETS membound_${name} RUNTIME_DEPENDENCY_SET membound_libraries
            LIBRARY DESTINATION backends)
  endif()
endfunction()

# Kernel files of all benches that end in SUFFIX, e.g. ".cpu.cpp".
function(membound_kernels out suffix)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/benches/*${suffix})
  set(${out} ${files} PARENT_SCOPE)
endfunction()
