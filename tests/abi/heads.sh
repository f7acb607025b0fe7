#!/bin/sh
# Who opens a file knows where he is: the first line names the file in its room, and says what
# it is about. (A plugin's own files may name the plugin instead.)
. "$(dirname "$0")/../cli/lib.sh"
cd "$abs_top_srcdir"

looked=0
: >"$work/bad"
for file in $(find core cli plugins -name '*.[ch]' ! -path 'core/include/*' | sort); do
    looked=$((looked + 1))
    case $file in
    core/*) names=${file#core/} ;;
    cli/*) names=$file ;;
    plugins/common/*) names=${file#plugins/} ;;
    *)
        in_plugin=${file#plugins/}
        plugin=${in_plugin%%/*}
        names="$in_plugin|${in_plugin#*/}|$plugin|${plugin#*-}"
        ;;
    esac
    head -n 1 "$file" | grep -Eiq "^/\* .*($names).*[^ ]" || echo "$file: $(head -n 1 "$file")" >>"$work/bad"
done
[ $looked -ge 300 ] || fail "only $looked files"
[ ! -s "$work/bad" ] || { cat "$work/bad" >&2; fail "files that do not say where they are"; }
