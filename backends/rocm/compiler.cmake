# SPDX-License-Identifier: Apache-2.0
# Which compiler makes the ROCm kernels: hipcc, or where that knows fewer of the architectures, the
# newest clang with the device libraries of the system.

# ARCHITECTURES that COMMAND compiles for, to USED; prints the others with the compiler's own reason.
# Compiler and device libraries must both know one, and a linker be there; a small kernel shows it.
function(membound_hip_try command architectures used left_out)
  set(probe ${CMAKE_CURRENT_BINARY_DIR}/probe.hip)
  file(WRITE ${probe} "#include <hip/hip_runtime.h>
__global__ void probe(float* x) { *x = sqrtf(*x); }
")
  set(good "")
  set(bad "")
  foreach(architecture IN LISTS architectures)
    execute_process(
      COMMAND ${command} -x hip --offload-arch=${architecture} -c ${probe} -o ${probe}.o
      ERROR_VARIABLE errors OUTPUT_QUIET RESULT_VARIABLE failed)
    if(failed)
      string(REGEX MATCH "error: [^\n;]*" error "${errors}")
      string(REGEX REPLACE "^error: " "" error "${error}")
      list(APPEND bad "${architecture} (${error})")
    else()
      list(APPEND good ${architecture})
    endif()
  endforeach()
  set(${used} ${good} PARENT_SCOPE)
  set(${left_out} ${bad} PARENT_SCOPE)
endfunction()

# A clang looks for libraries by the architecture's number, which those of older distributions lack:
# gfx942 runs what gfx940's has, which is the name that it had first.
function(membound_hip_clang out)
  find_program(MEMBOUND_HIP_CLANG NAMES clang++-22 clang++-21 clang++-20 clang++-19 clang++-18)
  find_path(MEMBOUND_HIP_BITCODE ockl.bc
    PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/amdgcn/bitcode /usr/lib/amdgcn/bitcode
          /opt/rocm/amdgcn/bitcode)
  mark_as_advanced(MEMBOUND_HIP_CLANG MEMBOUND_HIP_BITCODE)
  set(${out} "" PARENT_SCOPE)
  if(NOT MEMBOUND_HIP_CLANG OR NOT MEMBOUND_HIP_BITCODE)
    return()
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/bitcode)
  file(MAKE_DIRECTORY ${folder})
  file(GLOB libraries ${MEMBOUND_HIP_BITCODE}/*.bc)
  foreach(library IN LISTS libraries)
    get_filename_component(name ${library} NAME)
    file(CREATE_LINK ${library} ${folder}/${name} SYMBOLIC)
  endforeach()
  if(NOT EXISTS ${folder}/oclc_isa_version_942.bc AND EXISTS ${folder}/oclc_isa_version_940.bc)
    file(CREATE_LINK ${MEMBOUND_HIP_BITCODE}/oclc_isa_version_940.bc
         ${folder}/oclc_isa_version_942.bc SYMBOLIC)
  endif()
  set(${out} ${MEMBOUND_HIP_CLANG} --rocm-device-lib-path=${folder} -D__HIP_PLATFORM_AMD__
    PARENT_SCOPE)
endfunction()

# The command of the better one, and the architectures that it has; probed once.
function(membound_hip_compiler command used architectures)
  if(NOT "${MEMBOUND_HIP_PROBED}" STREQUAL "${MEMBOUND_HIPCC};${architectures}")
    set(best ${MEMBOUND_HIPCC})
    membound_hip_try("${best}" "${architectures}" good bad)
    membound_hip_clang(clang)
    if(bad AND clang)
      membound_hip_try("${clang}" "${architectures}" clang_good clang_bad)
      list(LENGTH good count)
      list(LENGTH clang_good clang_count)
      if(clang_count GREATER count)
        set(best ${clang})
        set(good ${clang_good})
        set(bad ${clang_bad})
      endif()
    endif()
    set(MEMBOUND_HIP_COMMAND "${best}" CACHE INTERNAL "")
    set(MEMBOUND_HIP_USED "${good}" CACHE INTERNAL "")
    set(MEMBOUND_HIP_LEFT_OUT "${bad}" CACHE INTERNAL "")
    set(MEMBOUND_HIP_PROBED "${MEMBOUND_HIPCC};${architectures}" CACHE INTERNAL "")
  endif()
  list(GET MEMBOUND_HIP_COMMAND 0 program)
  message(STATUS "MEMBOUND_ROCM: ${MEMBOUND_HIP_USED} by ${program}")
  foreach(reason IN LISTS MEMBOUND_HIP_LEFT_OUT)
    message(STATUS "MEMBOUND_ROCM: left out ${reason}")
  endforeach()
  set(${command} ${MEMBOUND_HIP_COMMAND} PARENT_SCOPE)
  set(${used} ${MEMBOUND_HIP_USED} PARENT_SCOPE)
endfunction()
