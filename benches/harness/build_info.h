// SPDX-License-Identifier: Apache-2.0
// How this executable was built; defined by a source that the build generates.
#pragma once

namespace membound {

extern const char* const kVersion;
extern const char* const kGitRevision;  // "unknown" outside a checkout, "+" where it has changes
extern const char* const kCompiler;
extern const char* const kFlags;
extern const char* const kGlibcFloor;  // oldest glibc that the executable starts with

}  // namespace membound
