# SPDX-License-Identifier: Apache-2.0
# The ROCm backend as plain C++ on the headers of HIP-CPU: every kernel can be run without a GPU.
if(NOT EXISTS ${MEMBOUND_HIP_CPU_INCLUDE_DIR}/hip/hip_runtime.h)
  membound_gpu_absent(MEMBOUND_ROCM
    "no hip/hip_runtime.h in MEMBOUND_HIP_CPU_INCLUDE_DIR (${MEMBOUND_HIP_CPU_INCLUDE_DIR})")
  return()
endif()
find_library(MEMBOUND_TBB tbb)
mark_as_advanced(MEMBOUND_TBB)
if(NOT MEMBOUND_TBB)
  membound_gpu_absent(MEMBOUND_ROCM "no libtbb, which HIP-CPU needs (Debian: libtbb-dev)")
  return()
endif()

# Kernels take one type for another in memory, as GPU compilers allow.
function(membound_emulated_module name)
  cmake_parse_arguments(arg "" "FOLDER" "KERNELS" ${ARGN})
  set_source_files_properties(${arg_KERNELS} PROPERTIES LANGUAGE CXX
    COMPILE_OPTIONS "-xc++;-O2;-fno-strict-aliasing;-fopenmp-simd;-Wno-unknown-pragmas")
  membound_gpu_module(${name} KERNELS ${arg_KERNELS} ARCHITECTURES HIP-CPU FOLDER ${arg_FOLDER}
    LIBRARIES ${MEMBOUND_TBB} VENDOR_FOLDER ${CMAKE_CURRENT_SOURCE_DIR}/emulated)
  target_include_directories(membound_${name} SYSTEM PRIVATE ${MEMBOUND_HIP_CPU_INCLUDE_DIR})
endfunction()

membound_gpu_kernels(kernels rocm)
membound_emulated_module(rocm KERNELS ${kernels})
if(membound_gpu_test_kernels)
  membound_emulated_module(rocm_tests KERNELS ${membound_gpu_test_kernels}
    FOLDER ${membound_gpu_test_folder})
endif()
