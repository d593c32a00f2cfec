#!/usr/bin/env bash
# Everything that the project needs, into .venv/ and .tools/: `make setup`, and first in every other target.
# What keeps it from that is one sentence that says what to do; the log has the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .tools
log=.tools/setup.log

give_up() {
    echo "darkroom: $1 (the log: $log)" >&2
    exit 1
}

# uv from PATH, else one of our own, by pip of any Python 3.
uv=$(command -v uv || echo .tools/uv/bin/uv)
if [[ ! -x $uv ]]; then
    echo "Bringing uv into .tools/ ..."
    command -v python3 >"$log" || give_up "There is no python3: install one, of any version, and try again."
    # Debian's python3 comes without venv, some others without pip.
    { python3 -m venv .tools/uv && .tools/uv/bin/pip install --quiet uv; } >>"$log" 2>&1 ||
        python3 -m pip install --quiet --upgrade --target .tools/uv uv >>"$log" 2>&1 ||
        give_up "uv can't be fetched: connect to the network, see that python3 has venv or pip, and try again."
fi

"$uv" python find --quiet 3.13 >"$log" 2>&1 || {
    echo "Fetching Python 3.13 ..."
    "$uv" python install 3.13 >>"$log" 2>&1 ||
        give_up "Python 3.13 is not here and can't be fetched: install it, or connect to the network, and try again."
}

[[ -d .tools/stack ]] || echo "Installing into .venv/ and .tools/, once ..."
sync() { # environment, and what to install into it
    UV_PROJECT_ENVIRONMENT=$1 "$uv" sync --quiet --locked "${@:2}" >"$log" 2>&1 ||
        give_up "The packages can't be installed into $1: connect to the network and try again."
}
# They start anew for each command and each function: compiled once here, not every time there.
sync .venv --compile-bytecode
.venv/bin/python -m compileall -q layers/darkroom/darkroom cli/darkroom_cli
sync .tools/sam --compile-bytecode --only-group sam
sync .tools/stack --compile-bytecode --only-group stack
sync .tools/checkov --compile-bytecode --only-group checkov
