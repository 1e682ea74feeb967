# SPDX-License-Identifier: Apache-2.0
# What the CUDA and the ROCm module have in common.

# Kernels of all benches for VENDOR: a bench's own file (.cuda.cu, .rocm.cu) wins over the one that
# both share (.gpu.cu).
function(membound_gpu_kernels out vendor)
  membound_kernels(own .${vendor}.cu)
  membound_kernels(shared .gpu.cu)
  foreach(file IN LISTS own)
    string(REGEX REPLACE "\\.${vendor}\\.cu$" ".gpu.cu" replaced ${file})
    list(REMOVE_ITEM shared ${replaced})
  endforeach()
  set(${out} ${own} ${shared} PARENT_SCOPE)
endfunction()

# Ends the calling file's part of the configuration: an error where the backend was asked for, else
# one line. Call as: membound_gpu_absent(...) and return().
function(membound_gpu_absent option reason)
  if("${${option}}" STREQUAL "AUTO")
    message(STATUS "${option}: not built, ${reason}")
  else()
    message(FATAL_ERROR "${option}=${${option}}, but ${reason}")
  endif()
endfunction()

# The kernels of tests/gpu_kernels, for a module that only tests load; none without tests.
set(membound_gpu_test_kernels "")
set(membound_gpu_test_folder ${PROJECT_BINARY_DIR}/tests/gpu_backends)
if(MEMBOUND_TESTS)
  file(GLOB membound_gpu_test_kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/gpu_kernels/*.gpu.cu)
endif()

# A module: the shared runtime, which the C++ compiler makes, and KERNELS, sources or objects.
# ARCHITECTURES are named as the devices name themselves; VENDOR_FOLDER has vendor.h; FOLDER is that
# of membound_add_backend().
function(membound_gpu_module name)
  cmake_parse_arguments(arg "" "FOLDER;VENDOR_FOLDER" "KERNELS;ARCHITECTURES;LIBRARIES" ${ARGN})
  file(GLOB runtime CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/backends/gpu/*.cpp
    ${arg_VENDOR_FOLDER}/*.cpp)
  membound_add_backend(${name} SOURCES ${runtime} ${arg_KERNELS} FOLDER ${arg_FOLDER}
    LIBRARIES nlohmann_json::nlohmann_json Threads::Threads ${CMAKE_DL_LIBS} ${arg_LIBRARIES})
  set(target membound_${name})
  target_include_directories(${target} PRIVATE ${arg_VENDOR_FOLDER})
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${MEMBOUND_WARNINGS}>)
  list(JOIN arg_ARCHITECTURES "," names)
  target_compile_definitions(${target} PRIVATE MEMBOUND_GPU_ARCHITECTURES="${names}")
endfunction()
