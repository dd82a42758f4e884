#!/bin/sh
# test_install.sh BUILD: cmake --install puts everything in place, and it works there.
set -eu
build=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

DESTDIR=$root cmake --install "$build" --prefix /opt/survey >"$root/log" || { cat "$root/log"; exit 1; }
cd "$root/opt/survey"
for f in bin/survey share/man/man1/survey.1 share/man/man5/survey.conf.5 \
	share/bash-completion/completions/survey share/zsh/site-functions/_survey \
	share/fish/vendor_completions.d/survey.fish \
	share/doc/survey/examples/survey.conf.example share/doc/survey/README.md \
	share/doc/survey/docs/formats.md share/doc/survey/docs/cluster.png share/doc/survey/docs/report.png \
	share/doc/survey/CITATION.cff share/survey/apparmor-unbound \
	lib/systemd/system/survey@.service lib/systemd/system/survey@.timer \
	lib/sysusers.d/survey.conf lib/tmpfiles.d/survey.conf; do
	[ -s "$f" ] || { echo "$f is not installed" >&2; exit 1; }
done
grep -qx 'ExecStart=/opt/survey/bin/survey run /etc/survey/%i.conf' lib/systemd/system/survey@.service ||
	{ echo 'the unit starts something else' >&2; exit 1; }
bin/survey --version >"$root/log"
for tool in survey zmap zgrab2 unbound stubby; do
	grep -qE "^$tool ([0-9]|is not installed)" "$root/log" || { cat "$root/log"; exit 1; }
done
grep -q '^survey .* (commit ' "$root/log" || { cat "$root/log"; exit 1; }
# zmap 4.x ends before it tells its version when it reads the zmap.conf that 2.x has in /etc.
mkdir "$root/tools"
cat >"$root/tools/zmap" <<'EOF'
#!/bin/sh
[ "$1 $2" = '-C /dev/null' ] || { echo "zmap: unrecognized option '--blacklist-file'" >&2; exit 1; }
echo 'Jan 01 00:00:00.000 [INFO] zmap: By default, ZMap will output the unique IP addresses' >&2
echo 'zmap v4.3.4'
EOF
chmod 755 "$root/tools/zmap"
PATH=$root/tools:$PATH bin/survey --version >"$root/log"
grep -q '^zmap 4\.3\.4 ' "$root/log" || { cat "$root/log"; exit 1; }
# Nothing but what belongs there, in particular no static library or header.
if find . -type f -name '*.[ah]' | grep .; then
	echo 'built files were installed' >&2
	exit 1
fi
