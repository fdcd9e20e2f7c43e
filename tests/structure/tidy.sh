#!/usr/bin/env bash
# clang-tidy over the sources of the shipped binary.  tidy.sh BUILD_DIR: a place for its own
# configuration, without precompiled headers, which clang cannot read from g++.
set -euo pipefail
build=$1
cd "$(dirname "$0")/../.."
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
# The largest first, so that no core is left alone with one at the end.
find protocol config proxy -name '*.cpp' -printf '%s %p\n' | sort -rn | cut -d' ' -f2- |
  xargs -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet --warnings-as-errors='*'
