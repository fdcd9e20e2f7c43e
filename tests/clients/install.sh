#!/usr/bin/env bash
# Puts the npm packages of package-lock.json into node_modules, unless they are there already.
set -euo pipefail
cd "$(dirname "$0")"

version=$(node --version 2>/dev/null || true)
major=${version#v}
if ! [ "${major%%.*}" -ge 20 ] 2>/dev/null || ! command -v npm >/dev/null; then
  echo "tests/clients needs Node 20 or later and npm (node: ${version:-none}); deploy/install-deps.sh" \
    "installs both" >&2
  exit 1
fi

# The stamp is a copy of the lock that node_modules was made from.
stamp=node_modules/.installed-lock.json
cmp -s package-lock.json "$stamp" && exit 0

if ! npm ci --no-audit --no-fund --no-update-notifier --fetch-retry-mintimeout 1000 \
  --fetch-retry-maxtimeout 5000; then
  echo "tests/clients: npm could not install the packages of package-lock.json; it needs a package" \
    "registry (npm config get registry) or a cache that has them" >&2
  exit 1
fi
cp package-lock.json "$stamp"
