# PostgreSQL and RabbitMQ: found or installed, and started privately for this clone.
# shellcheck shell=bash

# Where Debian puts the servers; PATH is searched as well.
POSTGRES_DIRS=${STACK_POSTGRES_DIRS:-/usr/lib/postgresql/*/bin}
RABBITMQ_DIR=${STACK_RABBITMQ_DIR:-/usr/lib/rabbitmq/bin}
# Where every user may enter, and nothing is cleared away at boot.
OPEN_DIR=/var/tmp

# ---- what is installed -------------------------------------------------------------------------

folder_of() {
  local program
  program=$(command -v "$1") && dirname "$(readlink -f "$program")"
}

postgres_version() { "$POSTGRES/postgres" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/'; }

# Sets POSTGRES to the folder of the newest PostgreSQL server and RABBITMQ to that of the broker.
find_servers() {
  local dir
  POSTGRES='' RABBITMQ=''
  # shellcheck disable=SC2086 # a pattern, to be expanded
  for dir in $(folder_of postgres || true) $(printf '%s\n' $POSTGRES_DIRS | sort -V); do
    # The client package makes the same folder, with psql alone.
    if [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ]; then POSTGRES=$dir; fi
  done
  # Debian's command on PATH insists on the user and the folders of the system's broker: it is last.
  for dir in "$(folder_of rabbitmq-server || true)" "$RABBITMQ_DIR"; do
    if [ -x "$dir/rabbitmq-server" ]; then RABBITMQ=$dir; fi
  done
}

# Finds both servers, installing from Debian packages what is missing.
require_servers() {
  local packages=() wanted
  find_servers
  if [ -z "$POSTGRES" ] || (($(postgres_version) < 15)); then packages+=(postgresql); fi
  if [ -z "$RABBITMQ" ]; then packages+=(rabbitmq-server); fi
  if ((${#packages[@]} > 0)) && ((EUID == 0)) && command -v apt-get >/dev/null; then
    install_packages "${packages[@]}"
    find_servers
  fi

  wanted='as root run `apt-get install postgresql rabbitmq-server`, or run `docker compose up` instead, or set DATABASE_URL, DATABASE_OWNER_URL and AMQP_URL to servers of your own.'
  [ -n "$POSTGRES" ] || die "PostgreSQL 15 or newer is not installed: $wanted"
  [ -n "$RABBITMQ" ] || die "RabbitMQ 3.10 or newer is not installed: $wanted"
  (($(postgres_version) >= 15)) || die "PostgreSQL $(postgres_version) in $POSTGRES is too old, 15 or" \
    "newer is needed: install it from https://www.postgresql.org/download/ and run this again."
}

# Tests read the PDFs that we write with a program that others wrote.
require_pdf_reader() {
  command -v pdftotext >/dev/null && return
  if ((EUID == 0)) && command -v apt-get >/dev/null; then install_packages poppler-utils; fi
  command -v pdftotext >/dev/null ||
    die 'pdftotext is needed for the tests: as root run `apt-get install poppler-utils`.'
}

# install_packages PACKAGE...: without letting Debian start their system services, now or at boot
install_packages() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  say "installing $* with apt-get"
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
    --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"; } >"$RUN/log/apt.log" 2>&1; then
    tail -n 15 "$RUN/log/apt.log" >&2
    die "apt-get could not install $*; the lines above are the end of .run/log/apt.log."
  fi
  # The services of both packages bear the packages' names.
  if command -v systemctl >/dev/null; then systemctl --quiet disable "$@" || true; fi
)

# ---- PostgreSQL --------------------------------------------------------------------------------

# PostgreSQL refuses to run as root. Away from a folder that its user may not enter.
as_postgres() {
  if ((EUID == 0)); then
    env -C / setpriv --reuid=postgres --regid=postgres --init-groups "$@"
  else
    env -C / "$@"
  fi
}

# Makes .run/postgres, or a link there when the server's user cannot reach this clone.
make_data_folder() {
  local elsewhere=$OPEN_DIR/payclear-$CLONE
  rm -rf "$RUN/postgres"
  mkdir -m 700 "$RUN/postgres"
  ((EUID == 0)) || return 0
  id postgres >/dev/null 2>&1 || die "the user postgres is missing, as whom PostgreSQL would run:" \
    "run \`adduser --system --group postgres\`."
  chown postgres: "$RUN/postgres"
  as_postgres test -w "$RUN/postgres" && return 0

  rmdir "$RUN/postgres"
  # What an earlier clone at this path left, or what someone else put there: never written through.
  rm -rf "$elsewhere"
  mkdir -m 711 "$elsewhere" || die "cannot make $elsewhere, which PostgreSQL needs because its user cannot" \
    "enter $ROOT: remove it, or move this clone to where all may enter."
  install -d -m 700 -o postgres -g postgres "$elsewhere/postgres"
  ln -s "$elsewhere/postgres" "$RUN/postgres"
}

remove_data_folder() {
  local data
  data=$(readlink -f "$RUN/postgres") || return 0
  case $data in "$OPEN_DIR"/payclear-*/postgres) rm -rf "${data%/postgres}" ;; esac
  rm -rf "$RUN/postgres"
}

init_postgres() {
  local data password_file
  # This mark comes last, so an interrupted beginning is begun again.
  [ ! -e "$RUN/postgres.made" ] || return 0
  say 'making a PostgreSQL database of our own'
  make_data_folder
  data=$(readlink -f "$RUN/postgres")
  password_file=$(as_postgres mktemp -p "$OPEN_DIR")
  secret postgres | as_postgres tee "$password_file" >/dev/null
  as_postgres "$POSTGRES/initdb" -D "$data" -U postgres -E UTF8 --locale=C.UTF-8 \
    --auth=scram-sha-256 --pwfile="$password_file" >"$RUN/log/initdb.log" 2>&1 || {
    rm -f "$password_file"
    tail -n 15 "$RUN/log/initdb.log" >&2
    die 'initdb failed; the lines above are the end of .run/log/initdb.log.'
  }
  rm -f "$password_file"
  # No unix socket: its path may hold 107 bytes at most, and nothing here needs one.
  as_postgres tee -a "$data/postgresql.conf" >/dev/null <<-'CONF'
	listen_addresses = '127.0.0.1'
	unix_socket_directories = ''
	max_connections = 200
	shared_buffers = 256MB
	max_wal_size = 4GB
	checkpoint_timeout = 15min
	fsync = on
	CONF
  touch "$RUN/postgres.made"
}

# A killed server that no one has buried yet bars its data: PostgreSQL takes a zombie for running.
release_data() {
  local pid
  pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || return 0
  if [ -d "/proc/$pid" ] && ! birth "$pid" >/dev/null; then
    wait_for 5 test ! -d "/proc/$pid" || rm -f "$1/postmaster.pid"
  fi
}

start_postgres() {
  local data made_by
  if gone postgres; then
    init_postgres
    data=$(readlink -f "$RUN/postgres")
    made_by=$(cat "$data/PG_VERSION")
    [ "$made_by" = "$(postgres_version)" ] || die "the data in .run/postgres was made by PostgreSQL" \
      "$made_by and $(postgres_version) is installed now: run \`make reset\` to begin anew."
    release_data "$data"
    claim_port POSTGRES
    say "starting PostgreSQL on port $(port POSTGRES)"
    if ((EUID == 0)); then
      launch postgres env -C / setpriv --reuid=postgres --regid=postgres --init-groups \
        "$POSTGRES/postgres" -D "$data" -p "$(port POSTGRES)"
    else
      launch postgres "$POSTGRES/postgres" -D "$data" -p "$(port POSTGRES)"
    fi
  fi
  await postgres 60 "$POSTGRES/pg_isready" -q -h 127.0.0.1 -p "$(port POSTGRES)"
}

# ---- RabbitMQ ----------------------------------------------------------------------------------

# The version in the broker's first words to a client; once it says them, it is open for work.
broker_version() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$(port RABBITMQ)" || exit
    printf 'AMQP\0\0\011\001' >&3
    # One frame: type (1 byte), channel (2), length (4), then that many bytes.
    length=$(timeout 5 head -c 7 <&3 | od -An -tu4 --endian=big -j3)
    timeout 5 head -c "$length" <&3 | tr -d '\0' | grep -aoP 'versionS.\K[0-9]+\.[0-9]+'
  ) 2>/dev/null
}

start_rabbitmq() {
  local home=$RUN/rabbitmq version
  if gone rabbitmq; then
    stop_rabbitmq # what a crash left
    claim_port RABBITMQ
    claim_port RABBITMQ_DIST
    claim_port EPMD
    say "starting RabbitMQ on port $(port RABBITMQ)"
    mkdir -p "$home"
    : >"$home/rabbitmq-env.conf"
    echo '[].' >"$home/enabled_plugins"
    (umask 077 && cat >"$home/rabbitmq.conf") <<-CONF
	default_user = payclear
	default_pass = $(secret rabbitmq)
	disk_free_limit.absolute = 50MB
	CONF
    # Nothing of the system's broker: an empty environment and every path inside .run.
    # RUNNING_UNDER_SYSTEMD makes the script become the broker, so that its pid is the broker's.
    launch rabbitmq env -i PATH="$PATH" LANG=C.UTF-8 HOME="$home" RUNNING_UNDER_SYSTEMD=true \
      ERL_EPMD_PORT="$(port EPMD)" ERL_EPMD_ADDRESS=127.0.0.1 \
      RABBITMQ_NODENAME="payclear-$CLONE@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
      RABBITMQ_NODE_PORT="$(port RABBITMQ)" RABBITMQ_DIST_PORT="$(port RABBITMQ_DIST)" \
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
      RABBITMQ_MNESIA_BASE="$home/data" RABBITMQ_LOG_BASE="$RUN/log" RABBITMQ_LOGS=- \
      RABBITMQ_PID_FILE="$home/pid" RABBITMQ_CONF_ENV_FILE="$home/rabbitmq-env.conf" \
      RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" RABBITMQ_CONFIG_FILES="$home/conf.d/*.conf" \
      RABBITMQ_ADVANCED_CONFIG_FILE="$home/advanced.config" \
      RABBITMQ_GENERATED_CONFIG_DIR="$home/generated" \
      RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" "$RABBITMQ/rabbitmq-server"
  fi
  await rabbitmq 90 broker_version >/dev/null
  version=$(broker_version)
  [ "$(printf '%s\n' 3.10 "$version" | sort -V | head -n 1)" = 3.10 ] || die "RabbitMQ $version in" \
    "$RABBITMQ is too old, 3.10 or newer is needed: install it from https://www.rabbitmq.com/docs/download."
}

stop_rabbitmq() {
  [ -e "$RUN/pid/rabbitmq" ] || return 0
  halt rabbitmq TERM 60
  # The broker starts Erlang's name server on our port, and leaves it behind.
  wait_for 5 name_server_ended || say "could not stop epmd on port $(port EPMD)"
}

name_server_ended() {
  epmd -port "$(port EPMD)" -kill >/dev/null 2>&1 || true
  ! listening "$(port EPMD)"
}

# ---- both --------------------------------------------------------------------------------------

# Starts what does not run yet and exports the three URLs; with the caller's own URLs, nothing.
start_servers() {
  [ "$SERVERS" = private ] || return 0

  # A caller's PGSSLMODE or PGOPTIONS is meant for other servers.
  unset "${!PG@}"
  require_servers
  PATH=$POSTGRES:$PATH
  start_postgres
  start_rabbitmq
  export DATABASE_OWNER_URL DATABASE_URL AMQP_URL
  DATABASE_OWNER_URL=postgres://postgres:$(secret postgres)@127.0.0.1:$(port POSTGRES)/payclear
  DATABASE_URL=postgres://payclear_app:$(secret application)@127.0.0.1:$(port POSTGRES)/payclear
  AMQP_URL=amqp://payclear:$(secret rabbitmq)@127.0.0.1:$(port RABBITMQ)/%2f
  psql -qX -v ON_ERROR_STOP=1 "${DATABASE_OWNER_URL%/*}/postgres" <<-'SQL'
	select 'create database payclear'
	 where not exists (select from pg_database where datname = 'payclear') \gexec
	SQL
}

stop_servers() {
  stop_rabbitmq
  halt postgres INT 60
}
