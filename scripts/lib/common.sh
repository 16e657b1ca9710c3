# What every part of scripts/stack uses: messages, secrets, ports, background processes.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'stack: %s\n' "$*" >&2
  exit 1
}

# require_free FOLDER MEBIBYTES WHAT: ends with one sentence unless so much is free on the disk that FOLDER
# is on, or will be on
require_free() {
  local folder=$1 free
  until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  ((free >= $2)) || die "the disk of $folder has $free MiB free and $3 takes $2 MiB: free some space and run" \
    "this again."
}

random_key() { head -c 32 /dev/urandom | base64 -w0; }

# secret NAME: the password remembered under NAME, made at random the first time
secret() {
  local file=$RUN/secrets/$1
  [ -s "$file" ] || (umask 077 && od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n' >"$file")
  cat "$file"
}

# wait_for SECONDS COMMAND...: repeats COMMAND until it succeeds
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# ---- ports -------------------------------------------------------------------------------------

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

port() { sed -n "s/^$1=//p" "$RUN/ports"; }

# claim_port NAME [WANTED]: settles the port of a server about to start: the wanted one, else the
# remembered one, else a free one. Below 32768, where Linux hands out no ports by itself.
claim_port() {
  local name=$1 wanted=${2:-} candidate
  candidate=$(port "$name")
  if [ -n "$wanted" ]; then
    ! listening "$wanted" || die "port $wanted (${name}_PORT) is taken by another program:" \
      "stop that program, or set ${name}_PORT to another port."
    candidate=$wanted
  elif [ -z "$candidate" ] || listening "$candidate"; then
    [ -z "$candidate" ] || say "port $candidate (${name,,}) is taken by another program, choosing another"
    candidate=$((15000 + 16#${CLONE:0:6} % 16000))
    while listening "$candidate" || grep -q "=$candidate\$" "$RUN/ports"; do
      candidate=$((candidate + 1))
    done
  fi
  sed -i "/^$name=/d" "$RUN/ports"
  echo "$name=$candidate" >>"$RUN/ports"
}

# http METHOD PORT PATH [JSON]: the status code of one call to this machine; needs no curl
http() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$2" || exit
    printf '%s %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n' "$1" "$3" "$2" >&3
    printf 'Content-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "${#4}" "$4" >&3
    read -r -t 5 _ status _ <&3 && echo "$status"
  ) 2>/dev/null
}

answers() { [ "$(http GET "$1" "$2" '')" = 200 ]; }

# ---- background processes ----------------------------------------------------------------------

# When a process was born, in clock ticks: a pid alone may be another program's after a reboot.
birth() {
  local stat
  stat=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 1
  [ "${stat:0:1}" != Z ] && cut -d' ' -f20 <<<"$stat"
}

pid_of() {
  local pid born
  read -r pid born 2>/dev/null <"$RUN/pid/$1" || return 1
  [ -n "$born" ] && [ "$(birth "$pid")" = "$born" ] && echo "$pid"
}

alive() { pid_of "$1" >/dev/null; }

gone() { ! alive "$1"; }

# launch NAME COMMAND...: in the background, away from this terminal, its output in .run/log
launch() {
  local name=$1
  shift
  setsid "$@" </dev/null >>"$RUN/log/$name.log" 2>&1 9>&- &
  echo "$! $(birth $!)" >"$RUN/pid/$name"
}

# await NAME SECONDS COMMAND...: until COMMAND succeeds; says why when NAME dies or takes too long
await() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@"; do
    if gone "$name" || ((SECONDS >= deadline)); then
      tail -n 15 "$RUN/log/$name.log" >&2
      die "$name did not start; the lines above are the end of .run/log/$name.log."
    fi
    sleep 0.1
  done
}

# halt NAME SIGNAL SECONDS: asks NAME to end, and kills it when it has not ended after SECONDS
halt() {
  local pid
  if pid=$(pid_of "$1"); then
    kill -s "$2" "$pid" 2>/dev/null || true
    if ! wait_for "$3" gone "$1"; then
      say "$1 did not stop within $3 s, killing it"
      kill -s KILL -- "-$pid" 2>/dev/null || true
      wait_for 5 gone "$1" || true
    fi
  fi
  rm -f "$RUN/pid/$1"
}
