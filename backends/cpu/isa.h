// SPDX-License-Identifier: Apache-2.0
// Instruction sets beyond Highway's targets, and what the user ruled out.
//
// MEMBOUND_CPU_WITHOUT is a comma list of what is not to be used though the machine has it:
// Highway's targets (AVX3, AVX2, ...) and the extensions below. Every path can so be checked on one
// machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace membound::cpu {

// What may be used here: the CPU has it, the system lets us, and it was not ruled out. All of them
// need AVX-512 (Highway's AVX3), which counts as absent without the others' say.
struct Extensions {
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool avx512_vnni = false;
  bool amx_bf16 = false;
  bool amx_int8 = false;
};

// Asked for once; on Linux that includes leave to use the tiles' state.
const Extensions& extensions();
std::vector<std::string> extension_names();

// The target of Highway that kernels run as; makes it so, and is called before the first dispatch.
int64_t choose_target();

// Whether the cores are Intel's. What keeps most bytes in flight differs: loops that were tried on
// Sapphire Rapids and on Zen 5 ask here, and take what is simpler on all others.
bool is_intel();

}  // namespace membound::cpu
