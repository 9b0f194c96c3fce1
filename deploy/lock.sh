#!/usr/bin/env bash
# Resolves pyproject.toml into constraints.txt, which plain pip understands. Needs uv in the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-.venv/bin}
"$bin/python" -m pip install -q uv
{
  echo "# Every version the project is tested with. Refresh with: make lock"
  # The local label of a CPU build would make the pin unusable elsewhere.
  "$bin/uv" pip compile pyproject.toml --all-extras --group dev --python-version 3.11 --no-header \
    --no-emit-index-url --no-emit-find-links | sed 's/^\(torch==[0-9.]*\)+cpu/\1/'
} >constraints.new
mv constraints.new constraints.txt
