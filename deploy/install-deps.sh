#!/usr/bin/env bash
# Installs the Debian 12 packages hawser is built from and tested with. Does nothing, and needs no
# rights, when all of them are there already; otherwise it needs root or sudo. The tests also need
# Node and npm, which may have come here any way; Debian's own Node is too old, so where there is
# none this takes Debian's npm and with it Node from npm's registry.
#
#   deploy/install-deps.sh            everything: build, quick start and tests
#   deploy/install-deps.sh --run      what building and the quick start need
#   deploy/install-deps.sh --build    what building alone needs
set -euo pipefail

build_packages=(
  g++ cmake ninja-build pkg-config
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
  libhiredis-dev libspdlog-dev prometheus-cpp-dev libtomlplusplus-dev libssl-dev
)
run_packages=(redis-server redis-tools)
test_packages=(
  libgtest-dev libgmock-dev
  clang clang-format clang-tidy libclang-rt-14-dev
  python3 python3-redis python3-yaml
  php-cli php-redis ruby ruby-redis perl libredis-perl
  iproute2 strace systemd
)

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }

node_at_least=20
node_package=node@22
node_fits() {
  node -e "process.exit(parseInt(process.versions.node) < $node_at_least ? 1 : 0)" 2>/dev/null
}

packages=("${build_packages[@]}")
with_node=false
case "${1-}" in
  '') packages+=("${run_packages[@]}" "${test_packages[@]}"); with_node=true ;;
  --run) packages+=("${run_packages[@]}") ;;
  --build) ;;
  -h | --help) usage; exit 0 ;;
  *) echo "install-deps.sh: unknown argument '$1'" >&2; usage >&2; exit 64 ;;
esac

if ! command -v dpkg-query >/dev/null; then
  echo "install-deps.sh: this is not a Debian system; install by hand: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if $with_node && ! command -v npm >/dev/null; then missing+=(npm); fi
if [ ${#missing[@]} -eq 0 ] && { ! $with_node || node_fits; }; then exit 0; fi

# shellcheck source=/dev/null
. /etc/os-release
if [ "${ID-}" != debian ] || [ "${VERSION_ID-}" != 12 ]; then
  echo "install-deps.sh: this is ${PRETTY_NAME-unknown}, not Debian 12; trying all the same" >&2
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install-deps.sh: neither root nor sudo; missing: ${missing[*]:-Node $node_at_least}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

if [ ${#missing[@]} -gt 0 ]; then
  # Installing redis-server must not start one on 6379: a policy-rc.d that forbids starting services
  # stands for as long as apt runs, unless the machine has a policy of its own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi

  echo "install-deps.sh: installing ${missing[*]}"
  apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
fi

if $with_node && ! node_fits; then
  echo "install-deps.sh: installing $node_package with npm"
  "${as_root[@]}" npm install --global --prefix /usr/local --no-audit --no-fund \
    --no-update-notifier "$node_package"
  hash -r
  if ! node_fits; then
    echo "install-deps.sh: $(command -v node) is still older than Node $node_at_least" >&2
    exit 1
  fi
fi
