#!/bin/sh
# test_commit.sh SOURCE CMAKE: survey --version tells the commit in a clone, in
# what git archive makes of one, and says so where there is none.
set -eu
script=$1/config/commit.cmake
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# expect TEXT SOURCE [COMMIT]
expect()
{
	"$cmake" -DSOURCE="$2" -DCOMMIT="${3:-}" -DOUT="$dir/commit.h" -P "$script"
	grep -qFx "#define SURVEY_COMMIT \"$1\"" "$dir/commit.h" && return
	echo "not $1:" "$(cat "$dir/commit.h")" >&2
	exit 1
}

cmake=$2
git init -q "$dir/clone"
mkdir "$dir/clone/config"
cp "$1/config/commit" "$1/config/.gitattributes" "$dir/clone/config"
cd "$dir/clone"
expect 'commit unknown' .	# no commit yet
git add .
git -c user.name=a -c user.email=a@lab.example commit -q -m first
id=$(git rev-parse --short=12 HEAD)
expect "commit $id" "$dir/clone"
echo >>config/commit
expect "commit $id, with changes" "$dir/clone"
mkdir "$dir/archive"
git archive HEAD | tar -x -C "$dir/archive"
expect "commit $id" "$dir/archive"
expect 'commit 4711' "$dir/archive" 4711
cp config/commit "$dir/archive/config"
expect 'commit unknown' "$dir/archive"
