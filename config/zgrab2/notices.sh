#!/bin/sh
# notices.sh GO MODULES: write what `go version -m` says of a zgrab2 (standard
# input) to MODULES, and the licences of all that is linked into it to
# standard output.
set -eu
export GOFLAGS='-mod=readonly -modcacherw -buildvcs=false'
go=$1
cat >"$2"
cd "$(dirname "$0")"

# notice NAME DIR
notice()
{
	found=
	for file in "$2"/LICEN[CS]E* "$2"/COPYING* "$2"/NOTICE*; do
		[ -f "$file" ] || continue
		found=1
		printf '==== %s: %s\n\n' "$1" "${file##*/}"
		cat "$file"
		echo
	done
	[ -n "$found" ] || { echo "$1 has no licence in $2" >&2; exit 1; }
}

notice "Go's library" "$("$go" env GOROOT)"
"$go" list -deps -f '{{with .Module}}{{.Path}} {{.Version}} {{.Dir}}{{end}}' \
	github.com/zmap/zgrab2/cmd/zgrab2 | LC_ALL=C sort -u |
	while read -r path version dir; do
		[ -z "$path" ] || notice "$path $version" "$dir"
	done
