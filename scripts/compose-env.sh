#!/bin/sh
# Make and check the .env of docker-compose.yml.
#   sh scripts/compose-env.sh new      write .env with random keys; an existing one is never changed
#   sh scripts/compose-env.sh check    report what is wrong in .env, or in the environment, which Compose prefers
set -eu

fail() { echo "error: $1" >&2; echo "  hint: $2" >&2; exit 2; }

random() { od -An -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

value() {  # of a variable: the environment's, else that of .env
  eval "given=\${$1-}"
  if [ -z "$given" ] && [ -f .env ]; then
    given=$(sed -n "s/^$1=//p" .env | tail -n 1 | sed "s/^\(['\"]\)\(.*\)\1\$/\2/")
  fi
  printf %s "$given"
}

hexadecimal() { [ "${#1}" -eq "$2" ] && case $1 in *[!0-9a-f]*) false ;; esac; }

new() {
  [ ! -e .env ] || fail ".env exists already" \
    "change it by hand. A new LITELLM_SALT_KEY makes the keys unreadable that the database holds; see docs/guides/compose.md"
  password=$(random 16)
  user=$(id -u) group=$(id -g)
  if [ "$user" = 0 ]; then  # no container runs as root: the folder of the runs is given to user 1000
    user=1000 group=1000
    mkdir -p reports && chown 1000:1000 reports
  fi
  umask 077
  set -C  # of two who make it at once, one fails
  sed -e "s/^LITELLM_MASTER_KEY=.*/LITELLM_MASTER_KEY=sk-$(random 24)/" \
    -e "s/^LITELLM_SALT_KEY=.*/LITELLM_SALT_KEY=$(random 32)/" \
    -e "s/^POSTGRES_PASSWORD=.*/POSTGRES_PASSWORD=$password/" \
    -e "s/^DATABASE_URL=.*/DATABASE_URL=postgresql:\/\/litellm:$password@127.0.0.1:5432\/litellm/" \
    -e "s/^HARNESS_TOKEN=.*/HARNESS_TOKEN=$(random 16)/" \
    -e "s/^JUPYTER_TOKEN=.*/JUPYTER_TOKEN=$(random 24)/" \
    -e "s/^GRAFANA_PASSWORD=.*/GRAFANA_PASSWORD=$(random 12)/" \
    -e "s/^HARNESS_UID=.*/HARNESS_UID=$user/" \
    -e "s/^HARNESS_GID=.*/HARNESS_GID=$group/" .env.example > .env
  echo "wrote .env with new keys; only you can read it"
}

check() {
  master=$(value LITELLM_MASTER_KEY) salt=$(value LITELLM_SALT_KEY)
  password=$(value POSTGRES_PASSWORD) url=$(value DATABASE_URL)
  [ -n "$master$salt$password$url" ] || fail "there is no .env here" "sh scripts/compose-env.sh new"
  case $master in
    sk-????????????????*) ;;
    sk-*) fail "LITELLM_MASTER_KEY is too short" "write at least 16 characters after sk-" ;;
    *) fail "LITELLM_MASTER_KEY does not begin with sk-, and LiteLLM would refuse it in every request" "write sk- before it" ;;
  esac
  hexadecimal "${salt#sk-}" 64 || fail "LITELLM_SALT_KEY is not 32 bytes in hexadecimal" "openssl rand -hex 32"
  [ -n "$password" ] || fail "POSTGRES_PASSWORD is empty" "openssl rand -hex 16"
  case $url in
    postgresql://?*:?*@?*/?* | postgres://?*:?*@?*/?*) ;;
    *) fail "DATABASE_URL is not the address of a Postgres database" "write postgresql://USER:PASSWORD@HOST:PORT/NAME" ;;
  esac
  case $url in
    *"@127.0.0.1:5432/"*)
      [ "${url#*://}" = "litellm:$password@127.0.0.1:5432/litellm" ] || fail \
        "DATABASE_URL does not agree with POSTGRES_PASSWORD" "write postgresql://litellm:POSTGRES_PASSWORD@127.0.0.1:5432/litellm" ;;
  esac
  echo "the keys and the database's address are well-formed"
}

case ${1-} in
  new) new ;;
  check) check ;;
  *) echo "usage: sh scripts/compose-env.sh new|check" >&2; exit 2 ;;
esac
