#!/bin/bash
# bare.sh PACKAGES SOURCE: install the packages on a bare Debian 12, survey the
# lab there with the installed files, and remove the packages again.
#
# The Debian is made by debootstrap in a file system in memory that nobody else
# sees; it ends with this script, however that ends.  SURVEY_DEBIAN_MIRROR is
# where it comes from, by default from where this machine gets its own.
set -euo pipefail
packages=$1 source=$2
[ "$(id -u)" -eq 0 ] || { echo 'skipped: needs root'; exit 77; }
command -v debootstrap >/dev/null || { echo 'skipped: no debootstrap'; exit 77; }
[ -n "${IN_OWN_MOUNTS:-}" ] || IN_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"

debs=${XDG_CACHE_HOME:-/var/cache}/survey-debian	# what was downloaded, for the next time
dir=$(mktemp -d)
trap 'umount -R -l "$dir"; rmdir "$dir"' EXIT
mount -t tmpfs -o mode=755,size=4g survey-debian "$dir"

fail()
{
	echo "FAILED: $*" >&2
	[ ! -s "$dir/log" ] || tail -n 40 "$dir/log" >&2
	exit 1
}

# What runs in the Debian, with nothing of this machine's environment.
in_debian()
{
	chroot "$dir" env -i HOME=/root LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive \
	    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

quietly()
{
	"$@" >"$dir/log" 2>&1 || fail "$*"
}

# The same as another user.
as()
{
	local user=$1

	shift
	in_debian setpriv --reuid="$user" --regid="$user" --init-groups "$@"
}

mirror()
{
	# shellcheck disable=SC2016	# apt-get expands these
	apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' \
	    'Identifier: Packages' 'Origin: Debian' 2>/dev/null |
	    awk '$2 == "main" && $1 !~ /-/ && !uri { uri = $3 } END { print uri }'
}

make_debian()
{
	local from=${SURVEY_DEBIAN_MIRROR:-$(mirror)}

	if [ -z "$from" ]; then
		apt-get update >/dev/null
		from=$(mirror)
	fi
	[ -n "$from" ] || { echo 'skipped: no mirror of Debian is known here; set SURVEY_DEBIAN_MIRROR'; exit 77; }
	mkdir -p "$debs"
	quietly debootstrap --variant=minbase --cache-dir="$debs" bookworm "$dir" "$from"
	mount --bind "$debs" "$dir/var/cache/apt/archives"
	for fs in proc sys dev; do
		mount --rbind "/$fs" "$dir/$fs"
	done
	cp /etc/resolv.conf /etc/hosts "$dir/etc"
	# How this machine reaches its mirror.
	apt-config dump | grep -E '^Acquire::(http|https|ftp|Check|Retries)' >"$dir/etc/apt/apt.conf.d/90host" || true
	echo force-unsafe-io >"$dir/etc/dpkg/dpkg.cfg.d/unsafe-io"	# in memory
	printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
	chmod 755 "$dir/usr/sbin/policy-rc.d"
	quietly in_debian apt-get update
}

install()
{
	quietly in_debian apt-get install -y --no-install-recommends "$@"
}

check_installed()
{
	# shellcheck disable=SC2016	# dpkg-query expands it
	[ "$(in_debian dpkg-query -W -f '${Status}' survey)" = 'install ok installed' ] || fail 'survey is not installed'
	in_debian dpkg -V survey zgrab2 || fail 'files are not as they were packed'
	in_debian survey --version >"$dir/log"
	grep -qE '^survey .* \(commit ' "$dir/log" || fail 'no commit'
	for tool in zmap zgrab2 unbound stubby; do
		grep -qE "^$tool [0-9]" "$dir/log" || fail "no $tool"
	done
	[ "$(in_debian stat -c '%U:%G %a' /var/lib/survey)" = 'survey:survey 2750' ] || fail '/var/lib/survey'
	in_debian getent passwd survey | grep -q ':/var/lib/survey:/usr/sbin/nologin$' || fail 'the user survey'
	quietly in_debian systemd-analyze verify --man=no survey@lab.service survey@lab.timer survey-failed@lab.service
	if in_debian find /etc/systemd/system -name 'survey*' | grep .; then
		fail 'a unit of ours is enabled'
	fi
	# What the configs name is there, and what is the administrator's stays it.
	in_debian test -s /etc/survey/block.conf || fail 'no block list'
	echo 192.0.2.0/24 >>"$dir/etc/survey/block.conf"
	quietly in_debian apt-get install -y --reinstall "/packages/${survey##*/}"
	grep -qx 192.0.2.0/24 "$dir/etc/survey/block.conf" || fail 'the block list was replaced'
}

# As an administrator would do it: the example's config, run by root, results of
# the user survey, and what of them a colleague sees.
survey_lab()
{
	local run

	sed 's|"nobody"|"survey"|; s|"../runs"|"/var/lib/survey"|' \
	    "$dir/usr/share/doc/survey/examples/lab.conf" >"$dir/etc/survey/lab.conf"
	quietly in_debian /src/tests/lab/lab run /usr/bin/survey run /etc/survey/lab.conf
	cp "$dir/log" "$dir/said"
	if grep -i fontconfig "$dir/said"; then
		fail 'fontconfig complains'
	fi
	run=$(in_debian readlink -f /var/lib/survey/latest)
	[ "$(in_debian stat -c '%U:%G %a' "$run")" = 'survey:survey 700' ] || fail "$run is open, or not survey's"
	for file in report/index.html clusters.json survey.db graphs/cluster-1.png; do
		as survey test -s "$run/$file" || fail "no $file"
	done
	in_debian useradd --groups survey ann
	as ann ls /var/lib/survey >/dev/null || fail 'the group may not enter'
	! as ann cat "$run/run.json" >"$dir/log" 2>&1 || fail 'the group reads a run'
	# README.md tells this.
	as survey install -m 640 "$run/report/index.html" /var/lib/survey/shared/lab.html
	as ann grep -q '<html' /var/lib/survey/shared/lab.html || fail 'a colleague cannot read what was shared'
}

check_removed()
{
	quietly in_debian apt-get purge -y survey zgrab2
	for path in /usr/bin/survey /usr/bin/zgrab2 /usr/share/doc/survey /usr/share/survey \
	    /usr/lib/systemd/system/survey@.service /etc/survey/block.conf; do
		[ ! -e "$dir$path" ] || fail "$path is left over"
	done
	[ -d "$dir/var/lib/survey/shared" ] || fail 'results were removed with the package'
}

survey=$(echo "$packages"/survey_*.deb)
make_debian
mkdir "$dir/packages" "$dir/src"
cp "$packages"/*.deb "$dir/packages"
install "/packages/${survey##*/}" "/packages/$(basename "$packages"/zgrab2_*.deb)"
check_installed
# The lab's servers are not survey's: what it needs must be there without them.
mapfile -t lab < <(sed -n '/^lab_packages=(/,/^)/p' "$source/install-deps.sh" | sed '1d;$d' | xargs -n 1)
install "${lab[@]}" python3
(cd "$source" && cp -r --parents -t "$dir/src" tests/lab tests/studies_reader.py config/lab.conf)
survey_lab
quietly in_debian python3 /src/tests/lab/run_test.py /usr/bin/survey
check_removed
