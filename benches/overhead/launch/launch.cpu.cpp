// SPDX-License-Identifier: Apache-2.0
// Nothing but a count, by one thread, which shows that it ran.
#include "backends/cpu/kernel.h"

namespace membound::cpu {

static const Registrar registrar("empty", [](const Args& args, Team team) {
  volatile int64_t* count = pointer<volatile int64_t>(args, 0);
  if (team.thread == 0) *count = *count + 1;
});

}  // namespace membound::cpu
