#!/usr/bin/env bash
# Makes the virtual environment with the pinned packages. Run it through `make setup`.
#   PYTHON  interpreter to use (3.11)        VENV  where the environment goes
#   EXTRAS  which parts to install; an API-only host needs just "api"
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3.11}
VENV=${VENV:-.venv}
EXTRAS=${EXTRAS:-all,s3-server,flower}

say() { printf 'setup: %s\n' "$*" >&2; }

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
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    say "system packages are missing; run: sudo apt-get install ${missing[*]}"
    exit 1
  fi
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
say "ready: $("$VENV/bin/python" --version)"
