#!/usr/bin/env bash
# Makes the virtual environment with the pinned packages. Run it through `make setup`.
# With --compose it writes .env for docker-compose.yml instead, and installs nothing.
#   PYTHON  interpreter to use (3.11)        VENV  where the environment goes
#   EXTRAS  which parts to install; an API-only host needs just "api"
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${1:-}" != --compose ] || exec deploy/compose_env.sh
PYTHON=${PYTHON:-python3.11}
VENV=${VENV:-.venv}
EXTRAS=${EXTRAS:-all,s3-server,flower}

say() { printf 'setup: %s\n' "$*" >&2; }

# How to become root without a question that nobody may be there to answer: "" as root, else sudo, else it fails.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then sudo "$@"
  else return 77
  fi
}

# Installs Debian packages, saying so; false where that can't be done.
apt_install() {
  command -v apt-get >/dev/null || return 1
  say "installing with apt-get: $*"
  as_root apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v "$PYTHON" >/dev/null || PYTHON=python3
"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
  say "Python 3.11 is needed; $PYTHON is $("$PYTHON" --version 2>&1). Install it or say PYTHON=/path/to/python3.11."
  exit 1
}

# MediaPipe and OpenCV link these; a desktop has them, a server may not.
missing=()
for library in libGLESv2.so.2:libgles2 libEGL.so.1:libegl1 libGL.so.1:libgl1 libgthread-2.0.so.0:libglib2.0-0; do
  ldconfig -p | grep -q "${library%%:*}" || missing+=("${library##*:}")
done
"$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
  apt_install "${missing[@]}" || {
    say "system packages are missing; run: sudo apt-get install ${missing[*]}"
    exit 1
  }
fi

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check -q "$@"; }
pip install -c constraints.txt --upgrade pip

# Without an NVIDIA card, refuse a PyTorch build that drags in gigabytes of CUDA.
if [[ ",$EXTRAS," == *,all,* || ",$EXTRAS," == *,torch,* ]] && ! "$VENV/bin/python" -c 'import torch' 2>/dev/null &&
  [ ! -e /dev/nvidia0 ] && [ -z "${FRAMELANE_ALLOW_CUDA:-}" ]; then
  plan=$(pip install --dry-run --report - -c constraints.txt "torch==2.13.0")
  if grep -qi '"name": *"nvidia-' <<<"$plan"; then
    say "this index serves the CUDA build of PyTorch and there is no NVIDIA card here."
    say "Point pip at a CPU build (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS), or set FRAMELANE_ALLOW_CUDA=1."
    exit 1
  fi
fi

say "installing the pinned packages (a few minutes the first time)"
pip install -c constraints.txt -e ".[$EXTRAS]" --group dev

# Pipelines: GStreamer with the plugins they use, and its Python bindings. All else works without.
gstreamer=(gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-rtsp
  python3-gi python3-gst-1.0 gir1.2-gst-plugins-base-1.0
  gir1.2-gst-rtsp-server-1.0) # the last for tests only: cameras and media servers to talk to
if [[ ",$EXTRAS," =~ ,(all|local|worker), ]] && [ -z "${FRAMELANE_NO_GSTREAMER:-}" ]; then
  absent=()
  if command -v dpkg-query >/dev/null; then
    for package in "${gstreamer[@]}"; do
      dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || absent+=("$package")
    done
  fi
  if [ "${#absent[@]}" -gt 0 ] && ! apt_install "${absent[@]}"; then
    say "for pipelines, run: sudo apt-get install -y --no-install-recommends ${absent[*]}"
  fi
  if reason=$("$VENV/bin/python" -P -m workers.gst.available 2>&1 >/dev/null); then
    say "pipelines: GStreamer is here"
  else
    say "no pipelines on this machine: ${reason##*$'\n'}"
  fi
fi
say "ready: $("$VENV/bin/python" --version)"
