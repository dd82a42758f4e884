#!/bin/sh
# test_changelog.sh PYTHON SOURCE VERSION: the changelog is in order, and the check finds what is not.
set -eu
python=$1 source=$2 version=$3
check=$source/tests/static/changelog.py
"$python" "$check" "$source" "$version"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/docs"

# refused TEXT VERSION: an entry that must not pass.
refused()
{
	printf '%b' "$1" >"$dir/docs/CHANGELOG.md"
	if "$python" "$check" "$dir" "$2" >"$dir/log"; then
		echo "passed although wrong, with version $2: $1" >&2
		exit 1
	fi
}

old='## 1.0.0 (2026-01-01)\n\n- First.\n'
printf '%b' "$old" >"$dir/docs/CHANGELOG.md"
"$python" "$check" "$dir" 1.0.0
refused "$old" 1.0.1
refused "## 1.0.1 (2026-02-01)\n\n$old" 1.0.1
refused "## 1.0.1\n\n- New.\n\n$old" 1.0.1
refused "## 1.0.1 (2025-12-31)\n\n- New.\n\n$old" 1.0.1
refused "$old\n## 1.0.1 (2026-02-01)\n\n- New.\n" 1.0.0
refused "$old$old" 1.0.0
refused '' 1.0.0
