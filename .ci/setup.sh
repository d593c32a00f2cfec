#!/usr/bin/env bash
# Installs everything into .venv/ and .tools/: `make setup`, a prerequisite of most other targets. An error is
# one sentence with a remedy; details are in the log.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .tools
log=.tools/setup.log

fail() {
    echo "darkroom: $1 (the log: $log)" >&2
    exit 1
}

# Use uv from PATH, or install it with the pip of any Python 3.
uv=$(command -v uv || echo .tools/uv/bin/uv)
if [[ ! -x $uv ]]; then
    echo "Installing uv into .tools/ ..."
    command -v python3 >"$log" || fail "python3 is missing. Install any version and try again."
    # Debian's python3 lacks venv; some others lack pip.
    { python3 -m venv .tools/uv && .tools/uv/bin/pip install --quiet uv; } >>"$log" 2>&1 ||
        python3 -m pip install --quiet --upgrade --target .tools/uv uv >>"$log" 2>&1 ||
        fail "uv can't be installed. Connect to the network, make sure that python3 has venv or pip, and try again."
fi

"$uv" python find --quiet 3.13 >"$log" 2>&1 || {
    echo "Installing Python 3.13 ..."
    "$uv" python install 3.13 >>"$log" 2>&1 ||
        fail "Python 3.13 is missing and can't be downloaded. Install it, or connect to the network, and try again."
}

# Installed programs contain the path of this folder.
if [[ -e .venv/bin/darkroom ]] && ! grep -qF "$(pwd -P)/.venv/" .venv/bin/darkroom; then
    echo "This folder has moved: installing again ..."
    rm -rf .venv .tools/sam .tools/stack .tools/checkov
fi

[[ -d .tools/stack ]] || echo "Installing into .venv/ and .tools/ (the first time only) ..."
sync() { # environment, then options for uv sync
    UV_PROJECT_ENVIRONMENT=$1 "$uv" sync --quiet --locked "${@:2}" >"$log" 2>&1 ||
        fail "The packages can't be installed into $1. Connect to the network and try again."
}
# Compile once: every command and every function starts a new process.
sync .venv --compile-bytecode
.venv/bin/python -m compileall -q layers/darkroom/darkroom cli/darkroom_cli
sync .tools/sam --compile-bytecode --only-group sam
sync .tools/stack --compile-bytecode --only-group stack
sync .tools/checkov --compile-bytecode --only-group checkov

# The native module, for the commands and tests that render in .venv/. `sam build` builds it for Lambda.
.tools/sam/bin/python layers/imaging/native/build.py "$(uname -m | sed s/aarch64/arm64/)" \
    "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" >"$log" 2>&1 ||
    fail "The native module can't be compiled."
