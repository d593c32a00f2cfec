#!/usr/bin/env bash
# Installs into a folder what runs Python programs of the other architecture, arm64 or x86_64: QEMU, and Python 3.13
# of Debian 13. apt-get checks Debian's signatures. No version is pinned: Debian's mirrors keep only the newest one.
# Needs no root, and changes nothing outside of the folder.
set -euxo pipefail
folder=$1

case $(uname -m) in
    x86_64) native=amd64 foreign=arm64 qemu=qemu-aarch64 ;;
    *) native=arm64 foreign=amd64 qemu=qemu-x86_64 ;;
esac
python=(python3.13-minimal libpython3.13-minimal libpython3.13-stdlib)
# The libraries of the standard library's modules and of the wheels in the layers.
libraries=(libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libssl3t64 libzstd1 libffi8 libbz2-1.0 liblzma5 libuuid1)

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sort --unique | grep '/debian/$')
signed=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [arch=$native,$foreign signed-by=$signed] ${mirror%%$'\n'*} trixie main" >"$new/apt/sources.list"
apt=(
    apt-get -q -o "Dir::State=$new/apt" -o "Dir::Cache=$new/apt" -o Dir::State::status=/dev/null
    -o "Dir::Etc::sourcelist=$new/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "APT::Architecture=$native" -o "APT::Architectures::=$foreign" -o Acquire::Retries=3
)
"${apt[@]}" update
(cd "$new" && "${apt[@]}" download "qemu-user:$native" "${python[@]/%/:$foreign}" "${libraries[@]/%/:$foreign}")

# Debian's /lib and /lib64 are links, which another package makes.
mkdir -p "$new/root/usr/lib" "$new/root/usr/lib64"
ln -s usr/lib usr/lib64 "$new/root"
for package in "$new"/*"_$foreign.deb"; do
    dpkg-deb --extract "$package" "$new/root"
done
dpkg-deb --fsys-tarfile "$new"/qemu-user_*.deb | tar --extract --directory "$new/root" "./usr/bin/$qemu"
.venv/bin/python -m compileall -q "$new/root/usr/lib/python3.13"
mv "$new/root" "$folder"
