#!/usr/bin/env bash
# Writes .env for docker-compose.yml: profiles by the devices that are here, groups of their files, and secrets.
# What the file says already stays as it is. Run it through deploy/setup_env.sh --compose.
#   ENV_FILE  the file (.env)        DEVICES_ROOT  where devices are looked for (/)
set -euo pipefail
cd "$(dirname "$0")/.."
ENV_FILE=${ENV_FILE:-.env}
root=${DEVICES_ROOT:-/}
root=${root%/}
shopt -s nullglob

say() { printf 'setup: %s\n' "$*" >&2; }
secret() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

profiles=cpu
render_group='' accel_group=''
nvidia=("$root"/dev/nvidia[0-9]* "$root"/proc/driver/nvidia/gpus/*)
[ "${#nvidia[@]}" -eq 0 ] || profiles+=,gpu-nvidia
for node in "$root"/dev/dri/renderD*; do
  vendor=$(cat "$root/sys/class/drm/${node##*/}/device/vendor" 2>/dev/null || true)
  [ "$vendor" = 0x8086 ] || continue
  render_group=$(stat -c %g "$node")
  profiles+=,gpu-intel
  break
done
for node in "$root"/dev/accel/accel*; do
  accel_group=$(stat -c %g "$node")
  profiles+=,npu
  break
done

umask 077
new=$(mktemp "$ENV_FILE.XXXXXX")
trap 'rm -f "$new"' EXIT
if [ -e "$ENV_FILE" ]; then
  cat "$ENV_FILE" >"$new"
  [ -z "$(tail -c 1 "$ENV_FILE")" ] || echo >>"$new"
fi

# Adds a line unless the file has the variable; its value is made only then.
put() {
  local name=$1
  shift
  grep -q "^$name=" "$new" || printf '%s=%s\n' "$name" "$("$@")" >>"$new"
}

put COMPOSE_PROFILES echo "$profiles"
put FRAMELANE_HOST uname -n
[ -z "$render_group" ] || put RENDER_GROUP_ID echo "$render_group"
[ -z "$accel_group" ] || put ACCEL_GROUP_ID echo "$accel_group"
put VALKEY_PASSWORD secret
for part in GATEWAY WORKER FLOWER SCALER BACKUP; do
  put "VALKEY_${part}_PASSWORD" secret
done
put S3_ACCESS_KEY secret
put S3_SECRET_KEY secret
put FRAMELANE_CALLBACKS__SECRET echo "whsec_$(head -c 32 /dev/urandom | base64 -w0)"
put FRAMELANE_AUTH__ADMIN_KEY secret
put FLOWER_BASIC_AUTH echo "flower:$(secret)"
put GRAFANA_PASSWORD secret
put LIVE_PASSWORD secret

mv "$new" "$ENV_FILE"
say "$ENV_FILE is ready; profiles: $(sed -n 's/^COMPOSE_PROFILES=//p' "$ENV_FILE")"
