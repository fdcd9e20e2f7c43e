#!/usr/bin/env bash
# clang-format has nothing to change in any source of the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
find protocol config proxy tests -name node_modules -prune -o -name '*.[ch]pp' -print0 |
  xargs -0 -r clang-format --dry-run -Werror --style=file
