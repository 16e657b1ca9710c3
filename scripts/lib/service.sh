# payclear itself and the simulators around it: built, set up, started.
# shellcheck shell=bash

# A folder of ready programs spares the build (the container image sets it).
BIN=${STACK_BIN:-${CARGO_TARGET_DIR:-$ROOT/target}/release}
LISTEN=${STACK_LISTEN:-127.0.0.1}

require_cargo() {
  [ -z "${STACK_BIN:-}" ] || return 0
  command -v cargo >/dev/null || die 'no Rust toolchain is on PATH: install one from' \
    'https://rustup.rs, open a new shell, and run this again.'
  command -v cc >/dev/null || die 'no C linker (cc) is on PATH, which Rust needs: as root run' \
    '`apt-get install gcc libc6-dev`, and run this again.'
}

# A first build takes most of it. Later ones leave what they replace.
require_room_to_build() { # debug | release
  local target=${CARGO_TARGET_DIR:-$ROOT/target} need=1024
  if [ ! -x "$target/$1/payclear" ]; then
    # As measured, with room to spare.
    case $1 in debug) need=6144 ;; release) need=3072 ;; esac
  fi
  require_free "$target" "$need" "a $1 build in $target"
}

build() {
  [ -z "${STACK_BIN:-}" ] || return 0
  if [ -t 2 ]; then
    cargo build --release --workspace --bins >&2 || die 'the build failed; see above.'
  else
    say 'building payclear and the simulators'
    cargo build --release --workspace --bins >"$RUN/log/build.log" 2>&1 || {
      cat "$RUN/log/build.log" >&2
      die 'the build failed; see above.'
    }
  fi
}

# quietly WHAT COMMAND...: says nothing unless COMMAND fails
quietly() {
  local what=$1
  shift
  if ! "$@" >"$RUN/log/setup.log" 2>&1; then
    cat "$RUN/log/setup.log" >&2
    die "$what failed; see above."
  fi
}

# once NAME COMMAND...: COMMAND's answer, asked for the first time only and remembered as a secret
once() {
  local file=$SECRETS/$1
  shift
  if [ ! -s "$file" ]; then
    (umask 077 && "$@" >"$file.part") || die "\`$*\` failed; see above."
    mv "$file.part" "$file"
  fi
  cat "$file"
}

# field NAME JSON: the value of a string in one flat object
field() { sed -nE "s/.*\"$1\" *: *\"([^\"]*)\".*/\1/p" <<<"$2"; }

# configure PARTNER JSON: tells payclear the partner's settings when they are new
configure() {
  local file=$SECRETS/$1.json
  [ "$(cat "$file" 2>/dev/null)" != "$2" ] || return 0
  (umask 077 && printf '%s\n' "$2" >"$file.part")
  quietly "configuring the partner $1" "$BIN/payclear" partner configure "$1" "$file.part" --bootstrap
  mv "$file.part" "$file"
}

# compat PORTAL JSON: lets a portal speak the national platform's messages when that is new
compat() {
  local file=$SECRETS/compat-$1.json
  [ "$(cat "$file" 2>/dev/null)" != "$2" ] || return 0
  (umask 077 && printf '%s\n' "$2" >"$file.part")
  quietly "configuring the portal $1" "$BIN/payclear" portal compat "$1" "$file.part" --bootstrap
  mv "$file.part" "$file"
}

# What payclear, the simulators and a client read from the environment, but for the keys.
settings() {
  SECRETS=$RUN/secrets/$SERVERS
  [ "$SERVERS" = private ] || SECRETS+=-$(printf %s "$DATABASE_OWNER_URL" | sha256sum | cut -c1-10)
  install -d -m 700 "$SECRETS"
  if gone payclear; then claim_port PAYCLEAR "${PAYCLEAR_PORT:-}"; fi
  if gone simulators; then claim_port SIMULATORS "${SIMULATORS_PORT:-}"; fi
  once master-key random_key >/dev/null

  PAYCLEAR_URL=http://127.0.0.1:$(port PAYCLEAR)
  SIMULATORS_URL=http://127.0.0.1:$(port SIMULATORS)
  export PAYCLEAR__HTTP__LISTEN=$LISTEN:$(port PAYCLEAR) PAYCLEAR__HTTP__PUBLIC_URL=$PAYCLEAR_URL
  export PAYCLEAR__SECRETS__MASTER_KEY_FILE=$SECRETS/master-key PAYCLEAR__MODE=development
  export PAYCLEAR__CLEARING__STANDING_PARTNER=samplebank
  # It listens to this machine alone; the bench names payers' addresses as a proxy would.
  export PAYCLEAR__HTTP__CLIENT_ADDRESS_HEADER=x-payer-address
  # One-time codes are checked when they are given, and not missed.
  export PAYCLEAR__PEOPLE__SECOND_FACTOR=optional

  # The sandbox: a database beside the live one, and the same broker with other names. Servers that
  # were given have one when the caller says where.
  if [ "$SERVERS" = private ]; then
    export PAYCLEAR__SANDBOX__DATABASE_URL=${DATABASE_URL}_sandbox
  fi

  # A demo of its own plays on days that have ended: how many seconds its clock stands behind.
  unset PAYCLEAR_CLOCK_BEHIND SIM_CLOCK_BEHIND
  if [ -s "$RUN/clock" ]; then
    export PAYCLEAR_CLOCK_BEHIND
    PAYCLEAR_CLOCK_BEHIND=$(cat "$RUN/clock")
    SIM_CLOCK_BEHIND=$PAYCLEAR_CLOCK_BEHIND
  fi

  SIM_LISTEN=$LISTEN:$(port SIMULATORS)
  SIM_JOURNAL_DIR=$RUN/journals
  SIM_PAYCLEAR_URL=$PAYCLEAR_URL
  SIM_RETRY_SCALE=${SIM_RETRY_SCALE:-0.01}
  SIM_PAYOS_CLIENT_ID=samplebank
  SIM_PAYOS_API_KEY=$(secret payos-api-key)
  SIM_PAYOS_CHECKSUM_KEY=$(secret payos-checksum-key)
  SIM_VNPAY_TMN_CODE=PAYCLEAR
  SIM_VNPAY_HASH_SECRET=$(secret vnpay-hash-secret)
  SIM_MOMO_PARTNER_CODE=MOMOSIMPAYCLEAR
  SIM_MOMO_ACCESS_KEY=$(secret momo-access-key)
  SIM_MOMO_SECRET_KEY=$(secret momo-secret-key)
  SIM_ZALOPAY_APP_ID=2999
  SIM_ZALOPAY_KEY1=$(secret zalopay-key1)
  SIM_ZALOPAY_KEY2=$(secret zalopay-key2)
  SIM_SEPAY_SECRET=$(secret sepay-secret)
  SIM_DOSSIER_SECRET=$(secret dossier-secret)
  export "${!SIM_@}"
}

# A database of its own with the sample registers and the test bank, and a key for the portal.
sandbox() {
  local key
  SANDBOX_KEY_ID='' SANDBOX_SECRET=''
  [ -n "${PAYCLEAR__SANDBOX__DATABASE_URL:-}" ] || return 0
  quietly "migrating the sandbox's database" "$BIN/payclear" --sandbox migrate --roles
  quietly "importing the sandbox's registers" "$BIN/payclear" --sandbox registers import registers/sample --bootstrap
  quietly "importing the sandbox's test bank" "$BIN/payclear" --sandbox registers import registers/sandbox --bootstrap
  key=$(once sandbox-key.json "$BIN/payclear" --sandbox portal key dvc-mau --bootstrap --json)
  SANDBOX_KEY_ID=$(field key_id "$key") SANDBOX_SECRET=$(field secret "$key")
}

# What a change of makes a running service an old one.
fingerprint() {
  {
    stat -c '%n %i %Y %s' "$BIN/payclear" "$BIN/bank-simulators"
    find registers/sample registers/sandbox -type f -exec sha256sum {} + | sort
    env | grep -E '^(PAYCLEAR__|PAYCLEAR_CLOCK|SIM_(LISTEN|RETRY_SCALE)|DATABASE_|AMQP_)' | sort
  } | sha256sum
}

write_env() {
  local name
  for name in DATABASE_URL DATABASE_OWNER_URL AMQP_URL PAYCLEAR_URL SIMULATORS_URL \
    PORTAL_KEY_ID PORTAL_SECRET PORTAL_APPROVAL_KEY_ID PORTAL_APPROVAL_SECRET \
    BANK_KEY_ID BANK_SECRET OFFICER_EMAIL OFFICER_PASSWORD OFFICER_TOTP \
    APPROVER_EMAIL APPROVER_PASSWORD APPROVER_TOTP "${!PAYCLEAR__@}"; do
    [ -n "${!name}" ] || die "$name is empty: the answer of payclear that it is taken from is not as expected."
    printf "export %s='%s'\n" "$name" "${!name}"
  done >"$RUN/env.part"
  # For tries without a bank; empty when there is no sandbox.
  for name in SANDBOX_KEY_ID SANDBOX_SECRET; do
    printf "export %s='%s'\n" "$name" "${!name}"
  done >>"$RUN/env.part"
  if [ -n "${PAYCLEAR_CLOCK_BEHIND:-}" ]; then
    echo "export PAYCLEAR_CLOCK_BEHIND='$PAYCLEAR_CLOCK_BEHIND'" >>"$RUN/env.part"
  fi
  chmod 600 "$RUN/env.part"
  mv "$RUN/env.part" "$RUN/env"
}

start_service() {
  local now key
  settings
  now=$(fingerprint)
  if alive payclear && alive simulators && [ "$(cat "$RUN/started" 2>/dev/null)" = "$now" ]; then
    return 0
  fi
  stop_service

  say 'setting up payclear'
  quietly 'migrating the database' "$BIN/payclear" migrate --roles
  quietly 'importing the sample registers' "$BIN/payclear" registers import registers/sample --bootstrap
  key=$(once portal-key.json "$BIN/payclear" portal key dvc-mau --bootstrap --json)
  PORTAL_KEY_ID=$(field key_id "$key") PORTAL_SECRET=$(field secret "$key")
  key=$(once portal-approval-key.json "$BIN/payclear" portal key dvc-mau --purpose approve --bootstrap --json)
  PORTAL_APPROVAL_KEY_ID=$(field key_id "$key") PORTAL_APPROVAL_SECRET=$(field secret "$key")
  key=$(once bank-key.json "$BIN/payclear" partner key directbank --bootstrap --json)
  BANK_KEY_ID=$(field key_id "$key") BANK_SECRET=$(field secret "$key")
  key=$(once officer.json "$BIN/payclear" officer add officer@example.vn --name 'Cán bộ Mẫu' \
    --role viewer --role officer --role operator --bootstrap --json)
  OFFICER_EMAIL=$(field email "$key") OFFICER_PASSWORD=$(field password "$key")
  OFFICER_TOTP=$(field totp "$key")
  key=$(once approver.json "$BIN/payclear" officer add approver@example.vn --name 'Lãnh đạo Mẫu' \
    --role viewer --role approver --role admin --bootstrap --json)
  APPROVER_EMAIL=$(field email "$key") APPROVER_PASSWORD=$(field password "$key")
  APPROVER_TOTP=$(field totp "$key")
  signing_key
  configure samplebank "{\"base_url\": \"$SIMULATORS_URL/payos\", \"client_id\": \"$SIM_PAYOS_CLIENT_ID\",
    \"api_key\": \"$SIM_PAYOS_API_KEY\", \"checksum_key\": \"$SIM_PAYOS_CHECKSUM_KEY\"}"
  configure vnpay "{\"payment_url\": \"$SIMULATORS_URL/vnpay/paymentv2/vpcpay.html\",
    \"api_url\": \"$SIMULATORS_URL/vnpay/merchant_webapi/api/transaction\",
    \"tmn_code\": \"$SIM_VNPAY_TMN_CODE\", \"hash_secret\": \"$SIM_VNPAY_HASH_SECRET\"}"
  configure momo "{\"base_url\": \"$SIMULATORS_URL/momo\", \"partner_code\": \"$SIM_MOMO_PARTNER_CODE\",
    \"access_key\": \"$SIM_MOMO_ACCESS_KEY\", \"secret_key\": \"$SIM_MOMO_SECRET_KEY\"}"
  configure zalopay "{\"base_url\": \"$SIMULATORS_URL/zalopay\", \"page_url\": \"$SIMULATORS_URL/zalopay\",
    \"app_id\": \"$SIM_ZALOPAY_APP_ID\", \"key1\": \"$SIM_ZALOPAY_KEY1\", \"key2\": \"$SIM_ZALOPAY_KEY2\"}"
  configure sepay "{\"authentication\": \"hmac\", \"secret\": \"$SIM_SEPAY_SECRET\"}"
  configure directbank "{}"
  compat botp-mau "{\"partner_code\": \"SIMDT01\", \"secret\": \"$SIM_DOSSIER_SECRET\",
    \"result_url\": \"$SIMULATORS_URL/dossier/result\"}"
  sandbox
  write_env

  say "starting the simulators on port $(port SIMULATORS) and payclear on port $(port PAYCLEAR)"
  mkdir -p "$SIM_JOURNAL_DIR"
  export SIM_BANK_KEY_ID=$BANK_KEY_ID SIM_BANK_SECRET=$BANK_SECRET
  launch simulators "$BIN/bank-simulators" serve
  await simulators 20 listening "$(port SIMULATORS)"
  launch payclear "$BIN/payclear" serve
  await payclear 60 answers "$(port PAYCLEAR)" /readyz
  give_portal_its_secret
  printf '%s\n' "$now" >"$RUN/started"
}

# Days are signed with it. Where people have approved something already, they approve a key as well.
signing_key() {
  local file=$SECRETS/signing-key.json
  [ ! -s "$file" ] || return 0
  if (umask 077 && "$BIN/payclear" signing-key make --bootstrap --json >"$file.part" 2>/dev/null); then
    mv "$file.part" "$file"
  else
    rm -f "$file.part"
    say 'no day can be signed without a key: `payclear signing-key make`, and another person approves it.'
  fi
}

# The reference portal checks its notices with the secret that payclear signs them with.
give_portal_its_secret() {
  local path=/portal/dvc-mau endpoint status
  endpoint=$(once "endpoint-$(port SIMULATORS).json" \
    "$BIN/payclear" portal endpoint dvc-mau "$SIMULATORS_URL$path/notices" --bootstrap --json)
  status=$(http POST "$(port SIMULATORS)" "$path/secrets" "{\"secrets\":[\"$(field secret "$endpoint")\"]}") || true
  [[ $status == 2?? ]] || die "the simulators answered ${status:-nothing} to the portal's secret, not 2xx."
}

stop_service() {
  rm -f "$RUN/started"
  halt payclear TERM 30
  halt simulators TERM 10
}

print_urls() {
  cat <<-TXT
	payclear    http://127.0.0.1:$(port PAYCLEAR)
	simulators  http://127.0.0.1:$(port SIMULATORS)
	settings    . ${RUN#"$ROOT"/}/env
	TXT
}
