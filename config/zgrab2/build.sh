#!/bin/sh
# build.sh GO OUT: build zgrab2, as go.mod and go.sum here pin it, as the file OUT.
# The same Go gives the same bytes, wherever this lies.
set -eu
cd "$(dirname "$0")"
CGO_ENABLED=0 GOFLAGS='-mod=readonly -modcacherw -buildvcs=false' \
	exec "$1" build -trimpath -ldflags '-s -w' -o "$2" github.com/zmap/zgrab2/cmd/zgrab2
