#!/bin/sh
# Sets up .venv with the pinned requirements. Run by `make`; safe to run again.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "hwgen needs Python 3.11 or newer; $python is $("$python" --version)." >&2
    echo "Please name a newer one: make PYTHON=python3.12 ..." >&2
    exit 1
fi

packages=
need() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
need iverilog iverilog
need g++ g++
need perl perl
need icebox_vlog fpga-icestorm # reads a bitstream back, for the tests
"$python" -c 'import venv, ensurepip' 2>/dev/null || packages="$packages python3-venv"
# The simulator loads Python as a shared library.
"$python" -c 'import ctypes, sysconfig; ctypes.CDLL(sysconfig.get_config_var("INSTSONAME"))' \
    2>/dev/null || packages="$packages python3-dev"

if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing:$packages"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
    else
        echo "Some packages are missing. Please run this line, then make again:" >&2
        echo "    sudo apt-get install -y --no-install-recommends$packages" >&2
        exit 1
    fi
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "installing the Python packages of requirements.txt into .venv (about 2 GB of disk)"
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
.venv/bin/python -m hwgen.toolchain.warmup
touch .venv/ready
