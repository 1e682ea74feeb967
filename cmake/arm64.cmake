# SPDX-License-Identifier: Apache-2.0
# 64-bit Arm on another machine: Debian's cross compiler and arm64 libraries, run by qemu-user.
#   dpkg --add-architecture arm64 && apt-get update && apt-get install g++-aarch64-linux-gnu
#     qemu-user-static libhwloc-dev:arm64 libbenchmark-dev:arm64 libhwy-dev:arm64 libgtest-dev:arm64
#     libgomp1:arm64
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
