// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa.h"

#include <hwy/highway.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace membound::cpu {
namespace {

std::vector<std::string> ruled_out() {
  const char* text = std::getenv("MEMBOUND_CPU_WITHOUT");
  std::istringstream stream(text == nullptr ? "" : text);
  std::vector<std::string> names;
  for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
  return names;
}

bool allowed(const std::string& name) {
  const auto names = ruled_out();
  return std::find(names.begin(), names.end(), name) == names.end();
}

#if defined(__x86_64__)
// The tiles' 8 KiB of state are not part of a thread's until the process asks for them.
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

Extensions found() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return {};
  const auto bit = [](unsigned word, int index) { return (word >> index & 1u) != 0; };
  const bool avx512 = choose_target() <= HWY_AVX3;
  const bool tiles = avx512 && bit(d, 24) && may_use_tiles();
  Extensions all;
  all.avx512_vnni = avx512 && bit(c, 11);
  all.avx512_fp16 = avx512 && bit(d, 23);
  all.amx_bf16 = tiles && bit(d, 22);
  all.amx_int8 = tiles && bit(d, 25);
  __get_cpuid_count(7, 1, &a, &b, &c, &d);
  all.avx512_bf16 = avx512 && bit(a, 5);
  return all;
}
#else
Extensions found() { return {}; }
#endif

Extensions usable() {
  Extensions all = found();
  all.avx512_bf16 = all.avx512_bf16 && allowed("avx512_bf16");
  all.avx512_fp16 = all.avx512_fp16 && allowed("avx512_fp16");
  all.avx512_vnni = all.avx512_vnni && allowed("avx512_vnni");
  all.amx_bf16 = all.amx_bf16 && allowed("amx_bf16");
  all.amx_int8 = all.amx_int8 && allowed("amx_int8");
  return all;
}

}  // namespace

bool is_intel() {
#if defined(__x86_64__)
  static const bool intel = __builtin_cpu_is("intel") != 0;
  return intel;
#else
  return false;
#endif
}

const Extensions& extensions() {
  static const Extensions all = usable();
  return all;
}

std::vector<std::string> extension_names() {
  const Extensions& e = extensions();
  const std::pair<bool, const char*> all[] = {{e.avx512_bf16, "avx512_bf16"},
                                              {e.avx512_fp16, "avx512_fp16"},
                                              {e.avx512_vnni, "avx512_vnni"},
                                              {e.amx_bf16, "amx_bf16"},
                                              {e.amx_int8, "amx_int8"}};
  std::vector<std::string> names;
  for (const auto& [usable, name] : all) {
    if (usable) names.emplace_back(name);
  }
  return names;
}

int64_t choose_target() {
  // Once: Highway's own question sets the choice back to everything that the CPU has.
  static const int64_t chosen = [] {
    int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
    for (uint64_t left = usable; left != 0; left &= left - 1) {
      const auto target = static_cast<int64_t>(left & -left);
      if (!allowed(hwy::TargetName(target))) usable &= ~target;
    }
    if (usable == 0) usable = HWY_STATIC_TARGET;
    hwy::GetChosenTarget().Update(usable);
    return usable & -usable;  // numbered so that the best has the lowest bit
  }();
  return chosen;
}

}  // namespace membound::cpu
