#!/bin/bash
# make.sh SOURCE ZGRAB2 OUT: make both Debian packages in OUT, and a second time
# from a copy of the source in another folder: the same bytes.
set -euo pipefail
source=$1 zgrab2=$2 out=$3
for tool in dpkg-shlibdeps file git; do
	command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
[ -e "$zgrab2/made-from" ] || { echo "skipped: no $zgrab2; install-deps.sh --test makes it"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export SOURCE_DATE_EPOCH=1795651200
umask 022	# cpack's archive has the modes of its own files

# make SOURCE BUILD: packages in BUILD/packages.
make()
{
	if ! {
		cmake -S "$1" -B "$2" -G Ninja -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo \
		    -DCMAKE_INSTALL_PREFIX=/usr -DSURVEY_PACKAGE=ON -DSURVEY_COMMIT=tested &&
		    cmake --build "$2" &&
		    cmake -S "$1/config/zgrab2" -B "$2/zgrab2" -G Ninja -DZGRAB2_DIR="$zgrab2" &&
		    rm -rf "$2/packages" && (cd "$2/zgrab2" && cpack) && (cd "$2" && cpack) &&
		    mv "$2"/zgrab2/packages/zgrab2?* "$2/packages"
	} >"$tmp/log" 2>&1; then
		tail -n 60 "$tmp/log" >&2
		exit 1
	fi
	rm -r "$2/packages/_CPack_Packages"
}

make "$source" "$out"

# Nothing of the first may help the second, and language and time zone do not matter.
mkdir -p "$tmp/elsewhere/copy"
cd "$source"
git -c safe.directory="$source" ls-files -z | xargs -0 cp --parents -t "$tmp/elsewhere/copy"
CCACHE_DISABLE=1 LC_ALL=C TZ=Asia/Kolkata make "$tmp/elsewhere/copy" "$tmp/build"
cd "$out/packages"
for package in *; do
	cmp "$package" "$tmp/build/packages/$package" && continue
	mkdir "$tmp/one" "$tmp/two"
	dpkg-deb -R "$package" "$tmp/one"
	dpkg-deb -R "$tmp/build/packages/$package" "$tmp/two"
	diff -r "$tmp/one" "$tmp/two" || true
	echo "$package differs when it is built elsewhere" >&2
	exit 1
done
[ "$(find . -type f | wc -l)" -eq 4 ] || { echo "not two packages with their lists of parts:" *; exit 1; } >&2
