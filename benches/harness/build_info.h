// SPDX-License-Identifier: Apache-2.0
// How this executable was built; defined by a source that the build generates.
#pragma once

namespace membound {

extern const char* const kVersion;
extern const char* const kGitRevision;  // "unknown" outside a checkout, "+" where it has changes
extern const char* const kCompiler;
extern const char* const kFlags;
extern const char* const kGlibcFloor;  // of the build machine; a node needs this or a later one

}  // namespace membound
