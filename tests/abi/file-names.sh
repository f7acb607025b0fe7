#!/bin/sh
# In the core, the command and its server a file's name says what is in it: no two files have one name,
# but those that every room has of its own, and twins.
. "$(dirname "$0")/../cli/lib.sh"
cd "$abs_top_srcdir"
# NAME REASON
cat >"$work/twins" <<'E2'
private.h what the files of one room share
local.mk what is built of a folder
platform.c the toolbox's table of platforms, and what images make of it
E2
find core cli serve -type f \( -name '*.[ch]' -o -name local.mk \) >"$work/files"
[ "$(wc -l <"$work/files")" -ge 150 ] || fail "few files in core/, cli/ and serve/"
sed 's,.*/,,' "$work/files" | sort | uniq -d >"$work/twice"
cut -d' ' -f1 "$work/twins" | sort >"$work/known"
comm -23 "$work/twice" "$work/known" >"$work/bad"
[ ! -s "$work/bad" ] || { grep -Ff "$work/bad" "$work/files" >&2; fail "two files of one name"; }
comm -13 "$work/twice" "$work/known" >"$work/stale"
[ ! -s "$work/stale" ] || { cat "$work/stale" >&2; fail "twins that are none any more"; }
