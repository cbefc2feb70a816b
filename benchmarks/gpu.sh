#!/usr/bin/env bash
# Frames a second on this machine's GPU against its own cores, with and without files, in at most four minutes.
#   bash benchmarks/gpu.sh [--output DIR]     PYTHON=... chooses the interpreter
#   bash benchmarks/gpu.sh --dry-run          tries the script without a GPU: the GPU's path on the CPU, small pictures
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python3}" benchmarks/gpu.py "$@"
