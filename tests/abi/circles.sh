#!/bin/sh
# The files of a room do not call each other in circles, but for those of
# tests/abi/circles, which has the reason. Who calls whom is read from the objects.
. "$(dirname "$0")/../cli/lib.sh"
need nm
list=$abs_top_srcdir/tests/abi/circles
wrong=$(sed -e '/^#/d' -e '/^$/d' -e '/^[a-z][^ ]*\( [^ ]*\.c\)\{2,\}  # ./d' "$list")
[ -z "$wrong" ] || fail "tests/abi/circles: not ROOM FILE.c FILE.c...  # REASON: $wrong"

# ROOM FILE TYPE SYMBOL, of the objects whose source is still there. A plugin's object has the
# name of its library before its own.
(cd "$abs_top_srcdir" && find core plugins -name '*.c') >"$work/sources"
cd "$abs_top_builddir"
find core plugins -path '*/.libs/*.o' -exec nm -A -g {} + | awk -v sources="$work/sources" '
BEGIN { while ((getline path <sources) > 0) is_source[path] }
{
    path = $1
    sub(/\.o:.*/, ".c", path)
    sub(/\.libs\/([^\/]*_la-)?/, "", path)
    if (!(path in is_source))
        next
    split(path, part, "/")
    room = part[1] "/" part[2]
    if (part[2] == "common")
        room = room "/" part[3]
    print room, substr(path, length(room) + 2), $(NF - 1), $NF
}' | sort >"$work/symbols"
[ "$(cut -d' ' -f1,2 "$work/symbols" | sort -u | wc -l)" -ge 200 ] || fail "too few objects to be all"

# Whoever can be reached and reaches back is in one circle.
awk '
$3 != "U" { home[$1, $4] = $2 }
$3 == "U" { rooms[NR] = $1; users[NR] = $2; names[NR] = $4 }
{ if (!($1 SUBSEP $2 in has)) { has[$1, $2]; file[$1, ++count[$1]] = $2 } }
END {
    for (i in names)
        if (((rooms[i] SUBSEP names[i]) in home) && home[rooms[i], names[i]] != users[i])
            reaches[rooms[i], users[i], home[rooms[i], names[i]]]
    for (r in count)
        for (k = 1; k <= count[r]; k++)
            for (i = 1; i <= count[r]; i++)
                if ((r, file[r, i], file[r, k]) in reaches)
                    for (j = 1; j <= count[r]; j++)
                        if ((r, file[r, k], file[r, j]) in reaches)
                            reaches[r, file[r, i], file[r, j]]
    for (r in count)
        for (i = 1; i <= count[r]; i++) {
            if ((r, i) in told || !((r, file[r, i], file[r, i]) in reaches))
                continue
            line = r
            for (j = i; j <= count[r]; j++)
                if (((r, file[r, i], file[r, j]) in reaches) && ((r, file[r, j], file[r, i]) in reaches)) {
                    line = line " " file[r, j]
                    told[r, j]
                }
            print line
        }
}' "$work/symbols" | sort >"$work/circles"
sed -n 's/^\([a-z].*[^ ]\)  *#.*/\1/p' "$list" | sort >"$work/allowed"
comm -23 "$work/circles" "$work/allowed" >"$work/more"
[ ! -s "$work/more" ] || { cat "$work/more" >&2; fail "circles that tests/abi/circles does not know"; }
comm -13 "$work/circles" "$work/allowed" >"$work/gone"
[ ! -s "$work/gone" ] || { cat "$work/gone" >&2; fail "in tests/abi/circles, and no circle"; }
