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

membound_gpu_kernels(kernels rocm)
set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX)
membound_gpu_module(rocm KERNELS ${kernels} ARCHITECTURES HIP-CPU LIBRARIES ${MEMBOUND_TBB})
target_include_directories(membound_rocm BEFORE PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_include_directories(membound_rocm SYSTEM PRIVATE ${MEMBOUND_HIP_CPU_INCLUDE_DIR})
# Frames of kernels must fit its fibers' small stacks, even where the rest is built for debugging.
target_compile_options(membound_rocm PRIVATE -O2 -Wno-unknown-pragmas)
