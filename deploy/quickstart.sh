#!/usr/bin/env bash
# Builds hawser, starts it before a Redis and shows it at work.
#
#   deploy/quickstart.sh [REDIS_URL] [--smoke]
#
#   REDIS_URL  the Redis to use: redis://[[user]:password@]host[:port][/db] or unix:///path.
#              Without it: the one on 127.0.0.1:6379, or one started for the occasion.
#   --smoke    ends once everything was shown; otherwise hawser stays until Ctrl-C.
#
# Whatever it starts it also ends. Exit: 0 ok, 64 usage, 1 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'quickstart.sh: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,10s/^# \{0,1\}//p' deploy/quickstart.sh; }

smoke=
upstream=
for argument in "$@"; do
  case "$argument" in
    --smoke) smoke=1 ;;
    -h | --help) usage; exit 0 ;;
    *://*)
      [ -z "$upstream" ] || { echo 'quickstart.sh: only one REDIS_URL' >&2; exit 64; }
      upstream=$argument
      ;;
    *)
      # Not repeated: it may be a password.
      echo 'quickstart.sh: an argument is neither --smoke nor a URL with ://' >&2
      usage >&2
      exit 64
      ;;
  esac
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/hawser-quickstart.XXXXXX")
redis_pid=
hawser_pid=
clean_up() {
  trap - EXIT
  for pid in $hawser_pid $redis_pid; do
    if kill -TERM "$pid" 2>/dev/null; then wait "$pid" || true; fi
  done
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# taken PORT: somebody listens there.
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port FIRST: the first port from there on that nobody listens on.
free_port() {
  local port=$1
  while taken "$port"; do port=$((port + 1)); done
  echo "$port"
}

percent_decoded() {
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

# redis_of URL: the arguments redis-cli needs, in the array `direct`, and the $database. The password
# goes into the environment: arguments are for everybody to see.
redis_of() {
  local rest=${1#*://} userinfo='' query='' user
  case "$1" in
    redis://* | valkey://*) ;;
    unix://*) ;;
    rediss://* | valkeys://*) fail 'TLS is not available yet' ;;
    *) fail "a URL begins with redis://, valkey:// or unix://" ;;
  esac
  query=${rest#"${rest%%\?*}"}
  rest=${rest%%\?*}
  case "$query" in *db=*) database=${query##*db=} ;; esac
  if [[ $rest == *@* ]]; then userinfo=${rest%@*} rest=${rest##*@}; fi
  if [[ $1 == unix://* ]]; then
    direct=(-s "$(percent_decoded "$rest")")
  else
    if [[ $rest == */* ]]; then database=${rest#*/} rest=${rest%%/*}; fi
    local port=6379
    if [[ $rest =~ ^(.*):([0-9]+)$ && $rest != *']' ]]; then
      rest=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]}
    fi
    rest=${rest#[} rest=${rest%]}
    direct=(-h "$rest" -p "$port")
  fi
  database=${database:-0}
  direct+=(-n "$database")
  if [ -n "$userinfo" ]; then
    user=$(percent_decoded "${userinfo%%:*}")
    [ -z "$user" ] || direct+=(--user "$user")
    password=$(percent_decoded "${userinfo#*:}")
  fi
}
password=
database=0
direct=()
unset REDISCLI_AUTH
ask_redis() {
  if [ -n "$password" ]; then
    REDISCLI_AUTH=$password redis-cli --no-auth-warning "${direct[@]}" "$@"
  else
    redis-cli "${direct[@]}" "$@"
  fi
}

say 'Packages'
deploy/install-deps.sh --run

say 'Build'
if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
cmake --preset release >"$folder/configure.log" ||
  { cat "$folder/configure.log" >&2; fail 'cmake failed'; }
cmake --build --preset release --target hawser
hawser=$PWD/build/release/hawser

say 'Redis'
if [ -n "$upstream" ]; then
  redis_of "$upstream"
  answer=$(ask_redis PING 2>&1 || true)
  [ "$answer" = PONG ] || fail "the Redis of the URL does not answer PING: $answer"
  echo 'the one of the URL given'
else
  port=6379
  direct=(-h 127.0.0.1 -p "$port")
  answer=none
  if taken "$port"; then answer=$(timeout 5 redis-cli "${direct[@]}" PING 2>&1 || true); fi
  case "$answer" in
    PONG) echo "the one on 127.0.0.1:$port" ;;
    *NOAUTH*) fail "the Redis on 127.0.0.1:$port wants a password; give its URL" ;;
    *)
      port=$(free_port "$port")
      direct=(-h 127.0.0.1 -p "$port")
      redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$folder" \
        >"$folder/redis.log" 2>&1 &
      redis_pid=$!
      for _ in $(seq 100); do
        [ "$(ask_redis PING 2>/dev/null || true)" != PONG ] || break
        kill -0 "$redis_pid" 2>/dev/null || { cat "$folder/redis.log" >&2; fail 'no redis-server'; }
        sleep 0.1
      done
      [ "$(ask_redis PING)" = PONG ] || fail 'redis-server does not answer'
      echo "started one on 127.0.0.1:$port (in memory, gone when this ends)"
      ;;
  esac
  upstream=redis://127.0.0.1:$port/0
fi

say 'Hawser'
port=$(free_port 6380)
admin=127.0.0.1:$(free_port 9380)
socket=$folder/redis.sock
HAWSER_UPSTREAM=$upstream "$hawser" --listen "tcp://127.0.0.1:$port" --listen "unix://$socket" \
  --admin "$admin" --log-format text >"$folder/hawser.log" 2>&1 &
hawser_pid=$!
if ! "$hawser" wait --max 10s --admin "$admin"; then
  cat "$folder/hawser.log" >&2
  fail 'hawser did not get ready within 10 s'
fi
cat "$folder/hawser.log"

# show redis-cli ARGUMENTS: prints the command and its reply, and keeps the reply in $reply.
show() {
  printf '$ %s\n' "$*"
  reply=$("$@" 2>&1)
  printf '%s\n' "$reply"
}
key=hawser:quickstart:$$
select=()
[ "$database" = 0 ] || select=(-n "$database")

say 'SET and GET through TCP'
show redis-cli -p "$port" "${select[@]}" SET "$key" ashore EX 60
[ "$reply" = OK ] || fail 'SET through TCP failed'
show redis-cli -p "$port" "${select[@]}" GET "$key"
[ "$reply" = ashore ] || fail 'GET through TCP failed'

say 'The same through the Unix socket'
show redis-cli -s "$socket" "${select[@]}" SET "$key" aboard EX 60
[ "$reply" = OK ] || fail 'SET through the Unix socket failed'
show redis-cli -s "$socket" "${select[@]}" GET "$key"
[ "$reply" = aboard ] || fail 'GET through the Unix socket failed'

say '60 clients at once, as Redis sees them (CLIENT LIST)'
clients=()
for _ in $(seq 60); do
  exec {client}<>"/dev/tcp/127.0.0.1/$port"
  clients+=("$client")
  printf 'SELECT %s\r\nGET %s\r\n' "$database" "$key" >&"$client"
done
for client in "${clients[@]}"; do
  IFS= read -r -t 10 -u "$client" reply || fail 'a client got no reply'
  [ "$reply" = $'+OK\r' ] || fail "SELECT $database: $reply"
  IFS= read -r -t 10 -u "$client" reply || fail 'a client got one reply out of two'
  [ "$reply" = $'$6\r' ] || fail "a client got '$reply'"
  IFS= read -r -t 10 -u "$client" reply || fail 'a client got half a reply'
done
if list=$(ask_redis CLIENT LIST 2>&1) && [[ $list == *' name='* ]]; then
  lanes=$(grep -o ' name=hawser:[^ ]*:main ' <<<"$list" || true)
  grep ' name=hawser:' <<<"$list" | grep -oE '^id=[0-9]+| (addr|name|age|db|cmd)=[^ ]*' |
    awk '/^id=/ && NR > 1 { print "" } { printf "%s", $0 } END { print "" }'
  [ -n "$lanes" ] || fail 'no connection named hawser:*:main in CLIENT LIST'
  # Another Redis may have other hawsers in front of it.
  [ -z "$redis_pid" ] || [ "$(wc -l <<<"$lanes")" = 1 ] || fail 'more than one main lane'
else
  echo 'this user may not ask for CLIENT LIST'
fi
for client in "${clients[@]}"; do exec {client}>&-; done
redis-cli -p "$port" "${select[@]}" DEL "$key" >/dev/null

say 'Point your application at one of these'
cat <<END
  REDIS_URL=redis://127.0.0.1:$port/$database
  REDIS_URL=unix://$socket?db=$database     (ioredis: $socket?db=$database)
  health and metrics: http://$admin/readyz  http://$admin/metrics
END

[ -z "$smoke" ] || exit 0
printf '\nhawser runs until Ctrl-C; its log follows.\n'
tail -n 0 -F "$folder/hawser.log" 2>/dev/null &
tail_pid=$!
trap 'kill "$tail_pid" 2>/dev/null || true; clean_up' EXIT
wait "$hawser_pid"
