#!/usr/bin/env bash
# Installs into .tools/lambda/ what tests/build needs to run the built functions as Lambda does: the packages of
# Lambda's runtime for both architectures, and an emulator of the architecture that this machine lacks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=.tools/lambda
log=.tools/lambda.log
mkdir -p $folder

uv=$(command -v uv || echo .tools/uv/bin/uv)
"$uv" export --quiet --frozen --no-emit-project --only-group runtime --output-file $folder/requirements.txt >$log
for machine in x86_64 aarch64; do
    # Amazon Linux 2023, which Lambda's Python 3.13 runs on, has glibc 2.34.
    "$uv" pip install --quiet --python .venv --python-platform $machine-manylinux_2_34 --only-binary :all: \
        --require-hashes --requirements $folder/requirements.txt --target $folder/packages-$machine \
        --compile-bytecode >>$log 2>&1 || {
        echo "darkroom: The packages of Lambda's runtime can't be installed. Connect to the network and try again (the log: $log)" >&2
        exit 1
    }
done

[[ -d $folder/emulator ]] && exit
echo "Installing the emulator into .tools/ (the first time only) ..."
.ci/emulator.sh $folder/emulator >>$log 2>&1 ||
    echo "The emulator can't be installed: it needs Debian's apt-get and the network. Functions run on this machine's architecture only (the log: $log)."
