#!/bin/sh
# What shells offer after "tenon ...": what the program's own help has, asked in each shell's own way.
. "$(dirname "$0")/lib.sh"
here=$abs_top_srcdir/cli/completion
mkdir "$work/bin" "$work/dir"
printf '#!/bin/sh\nexec "%s/tenon-dev" "$@"\n' "$abs_top_builddir" >"$work/bin/tenon"
chmod +x "$work/bin/tenon"
PATH=$work/bin:$PATH
cd "$work/dir"
touch Dockerfile.site

# offers WORD...: the last one is begun; what it offers goes to out, a line each.
bash_offers() {
    bash -c '. "$1"; shift; COMP_WORDS=(); for w; do case $w in
        *=*) COMP_WORDS+=("${w%%=*}" = "${w#*=}") ;; *) COMP_WORDS+=("$w") ;; esac; done
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _tenon "$1"; printf "%s\n" "${COMPREPLY[@]}"' - "$here/tenon.bash" "$@" >"$work/out"
}
zsh_offers() { # compadd and the like work in a completion only: here they say what they were given
    zsh -fc 'compset() { PREFIX=${PREFIX#*=} }; _files() { print -l -- *(N) }
        compadd() { local w; for w in ${(P)2}; do [[ $w == $PREFIX* ]] && print -r -- $w; done }
        completion=$1; shift; words=("$@"); CURRENT=$#; PREFIX=$words[-1]
        . $completion' - "$here/_tenon" "$@" >"$work/out"
}
fish_offers() {
    HOME=$work fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' "$here/tenon.fish" "$*" |
        sed 's/\t.*//; s/^--[a-z]*=//' >"$work/out"
}

for shell in bash zsh fish; do
    can_try "completion in $shell" "$shell" || continue
    echo "-- $shell"
    offers() { "${shell}_offers" "$@" 2>"$work/err" || fail "$shell: $*"; }
    run 0 tenon --help
    cp "$work/out" "$work/help"
    for verb in $(sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$work/help"); do
        echo "$verb"
    done | sort >"$work/verbs"
    [ "$(wc -l <"$work/verbs")" -gt 10 ] || fail "no verbs in the help"
    offers tenon ""
    grep -vxF -e Dockerfile.site "$work/out" | sort | diff "$work/verbs" - || fail "$shell: verbs"
    offers tenon --root /none do
    assert_eq "docker doctor" "$(grep -v Dockerfile "$work/out" | sort | xargs)"
    offers tenon history ""
    assert_eq "export inspect logs ls rm" "$(grep -v Dockerfile "$work/out" | sort | xargs)"
    offers tenon ./dir "" # is no verb, and no part of a program
    [ ! -s "$work/err" ] || fail "$shell: $(cat "$work/err")"
    offers tenon docker en
    assert_has "$work/out" enable
    offers tenon build --cache
    assert_eq "--cache-from --cache-to" "$(sort "$work/out" | xargs)"
    offers tenon image copy --no
    assert_eq "--no-referrers" "$(xargs <"$work/out")"
    offers tenon build --progress pl
    assert_has "$work/out" plain
    assert_lacks "$work/out" tty
    offers tenon build --progress=pl
    assert_has "$work/out" plain
    offers tenon build -o type=o
    grep -qxE "(type=)?oci" "$work/out" || fail "$shell: no outputs"
    offers tenon build -f Dock
    case $shell in
    bash) [ ! -s "$work/out" ] || [ -z "$(cat "$work/out")" ] || fail "bash: no files after -f" ;; # its default: files
    *) assert_has "$work/out" Dockerfile.site ;;
    esac
done
