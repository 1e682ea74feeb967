// SPDX-License-Identifier: Apache-2.0
#include "backends/backend.h"

static const membound::BackendApi kApi = {.abi = membound::kAbi + 41, .name = "wrong_abi"};

MEMBOUND_EXPORT const membound::BackendApi* membound_backend() { return &kApi; }
