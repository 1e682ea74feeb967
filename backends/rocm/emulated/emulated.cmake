# SPDX-License-Identifier: Apache-2.0
# The ROCm module as plain C++ over HIP-CPU's headers, to run its kernels where there is no GPU.
find_package(TBB REQUIRED)  # what libstdc++'s parallel algorithms rest on
if(NOT EXISTS ${MEMBOUND_HIP_CPU_INCLUDE_DIR}/hip/hip_runtime.h)
  message(FATAL_ERROR "MEMBOUND_HIP_CPU_INCLUDE_DIR=${MEMBOUND_HIP_CPU_INCLUDE_DIR}: no hip/hip_runtime.h there")
endif()

# Kernels take one type for another in memory, as GPU compilers allow.
function(membound_emulated_module name)
  cmake_parse_arguments(arg "" "FOLDER" "KERNELS" ${ARGN})
  set_source_files_properties(${arg_KERNELS} PROPERTIES LANGUAGE CXX
    COMPILE_OPTIONS "-xc++;-fno-strict-aliasing;-fopenmp-simd;-Wno-unknown-pragmas")
  membound_gpu_module(${name} KERNELS ${arg_KERNELS} ARCHITECTURES hip-cpu FOLDER ${arg_FOLDER}
    LIBRARIES TBB::tbb VENDOR_FOLDER ${CMAKE_CURRENT_SOURCE_DIR}/emulated)
  target_include_directories(membound_${name} SYSTEM PRIVATE ${MEMBOUND_HIP_CPU_INCLUDE_DIR})
endfunction()

membound_gpu_kernels(kernels rocm)
membound_emulated_module(rocm KERNELS ${kernels})
if(membound_gpu_test_kernels)
  membound_emulated_module(rocm_tests KERNELS ${membound_gpu_test_kernels}
    FOLDER ${membound_gpu_test_folder})
endif()
