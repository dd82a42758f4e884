#!/bin/sh
# test_apparmor.sh SOURCE: Debian's profile of unbound is still understood with survey's rule in it.
set -eu
profile=/etc/apparmor.d/usr.sbin.unbound
command -v apparmor_parser >/dev/null || { echo 'skipped: no apparmor_parser'; exit 77; }
[ -e "$profile" ] || { echo "skipped: no $profile"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp -r /etc/apparmor.d "$dir/etc"
mkdir -p "$dir/etc/local"

# parse RULES: what the kernel would get, in $dir/policy.
parse()
{
	cp "$1" "$dir/etc/local/usr.sbin.unbound" &&
		apparmor_parser --quiet --base "$dir/etc" --skip-kernel-load --skip-cache \
		    --stdout "$dir/etc/usr.sbin.unbound" >"$dir/policy"
}

: >"$dir/none"
parse "$dir/none"
mv "$dir/policy" "$dir/without"
parse "$1/config/apparmor-unbound"
if cmp -s "$dir/policy" "$dir/without"; then
	echo 'the profile does not include the rule' >&2
	exit 1
fi
# The parser does not take just anything.
echo '  this is no rule' >"$dir/bad"
if parse "$dir/bad" 2>/dev/null; then
	echo 'apparmor_parser accepts nonsense' >&2
	exit 1
fi
