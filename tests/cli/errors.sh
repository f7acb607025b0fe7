#!/bin/sh
# What is wrong with a build file: the place, the reason, and everything else that
# is wrong with it, so that one run is enough to put it right.
. "$(dirname "$0")/lib.sh"
mkdir "$work/context"
file=$work/context/Dockerfile

printf 'FROM scratch\nRUM echo\nCOPY --form=x a b\nFROM a b\nLABEL\n' >"$file"
run 1 tenon build --progress=plain "$work/context"
assert_has "$work/err" "   2 | >>> RUM echo"
sed -n '/^ERROR: /,$p' "$work/err" >"$work/said"
cat >"$work/wanted" <<'END'
ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: RUM (did you mean RUN?)
more errors:
 - Dockerfile:3: unknown flag: --form (did you mean from?)
 - Dockerfile:4: FROM requires either one or three arguments
 - Dockerfile:5: LABEL requires at least one argument
END
diff "$work/wanted" "$work/said" || fail "the errors"

# What a wrong FROM begins is a stage all the same, and no source of more errors.
printf 'FROM a b\nRUN true\nCOPY a b\n' >"$file"
run 1 tenon build "$work/context"
assert_lacks "$work/err" "more errors"
assert_lacks "$work/err" "no build stage"

# A list has an end, and a file that is no text has one error.
{
    echo "FROM scratch"
    for i in $(seq 30); do echo "FLY $i"; done
} >"$file"
run 1 tenon build "$work/context"
assert_has "$work/err" "Dockerfile:21: unknown instruction: FLY"
assert_has "$work/err" " - 10 more"
assert_lacks "$work/err" "Dockerfile:22:"
printf 'FROM scratch\nFLY\nRUN a\0b\nCRAWL\n' >"$file"
run 1 tenon build "$work/context"
assert_lacks "$work/err" "more errors"

# The other ways to read the file tell the same.
printf 'FROM scratch\nRUM echo\nCRAWL\n' >"$file"
for call in check outline targets; do
    run 1 tenon build --call=$call "$work/context"
    cat "$work/out" "$work/err" >"$work/said"
    assert_has "$work/said" "unknown instruction: RUM"
done

# said FLAG...: what the build says from the place on.
said() {
    run 1 tenon build --progress=plain "$@" "$work/context"
    sed -n '/^Dockerfile:[0-9]*$/,$p' "$work/err" >"$work/said"
}
# at LINE TEXT: the line that is marked.
at() { assert_has "$work/said" "$(printf '%4d | >>> %s' "$1" "$2")"; }

# Words, mounts and ports are judged beside what the parser says, whatever their
# variables are; what a variable may put right is not judged.
cat >"$file" <<'END'
FROM scratch
LABEL x=${y:*z}
FLY
EXPOSE http
EXPOSE $port
WORKDIR "open
RUN --mount=type=bind,taget=/a true
RUN --mount=type=tmpfs,target=/a,size=$size --network=$net true
ENV fine="${y:?told when it is needed}" also=${y#[}
COPY --from=$stage a b
END
said
assert_has "$work/said" "unknown instruction: FLY"
sed -n '/^more errors:/,$p' "$work/said" >"$work/more"
cat >"$work/wanted" <<'END'
more errors:
 - Dockerfile:2: failed to process "${y:*z}": unsupported modifier (:*) in substitution
 - Dockerfile:4: invalid containerPort: http
 - Dockerfile:6: failed to process "\"open": unexpected end of statement while looking for matching double-quote
 - Dockerfile:7: unexpected key 'taget' in 'taget=/a' (did you mean target?)
 - Dockerfile:10: variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround
END
diff "$work/wanted" "$work/more" || fail "words beside the parser's errors"

# The same when the parser has nothing to say.
printf 'FROM scratch\nUSER ${\nWORKDIR ${a:*}\nEXPOSE 1-\n' >"$file"
said
at 2 'USER ${'
assert_has "$work/said" " - Dockerfile:3: failed to process"
assert_has "$work/said" " - Dockerfile:4: invalid containerPort: 1-"
assert_lacks "$work/said" "Dockerfile:2: "

# Beside an error of the graph, too: a circle, a stage that comes later, none.
printf 'FROM scratch AS a\nCOPY --from=b /x /\nFROM scratch AS b\nCOPY --from=a /x /\nUSER ${\n' >"$file"
said
at 4 'COPY --from=a /x /'
assert_has "$work/said" "circular dependency detected on stage: a"
assert_has "$work/said" " - Dockerfile:5: failed to process"
printf 'FROM scratch\nCOPY --from=3 a b\nUSER ${\n' >"$file"
said
at 2 'COPY --from=3 a b'
assert_has "$work/said" "invalid stage index 3"
assert_has "$work/said" " - Dockerfile:3: failed to process"

# A here-document and a trigger have lines of their own.
printf 'FROM scratch\nCOPY <<A <<B /\na\nA\n${x:?set it}\nB\nLABEL a=b\n' >"$file"
said
at 2 'COPY <<A <<B /'
at 6 B
assert_lacks "$work/said" ">>> LABEL"
assert_has "$work/said" 'x: set it'
printf 'FROM scratch AS a\nONBUILD COPY <<A /a\na\nA\nONBUILD ENV x\nFROM a\n' >"$file"
said
at 5 'ONBUILD ENV x'
assert_has "$work/said" "ENV must have two arguments"
printf 'FROM scratch\nRUN <<A\none\ntwo\n' >"$file"
said
at 2 'RUN <<A'
assert_has "$work/said" "unterminated heredoc"

# What was meant: instructions, flags, keys, stages, arguments. Nothing here has a
# registry, so a stage that is none ends with what was meant, too.
printf 'FROM scratch AS build\nFROM scratch AS release\nLABEL a=b\n' >"$file"
run 1 tenon build --target relaese "$work/context"
assert_has "$work/err" 'target stage "relaese" could not be found (did you mean release?)'
start_registry </dev/null
mirror=$registry
cat >"$work/tenon.json" <<END
{"registries": {"docker.io": {"mirrors": ["$mirror"], "plain-http": true}}}
END
for line in 'COPY --from=biuld /a /b' 'FROM biuld' 'RUN --mount=from=biuld,target=/x true'; do
    printf 'FROM scratch AS build\nFROM scratch AS release\n%s\n' "$line" >"$file"
    got=0
    timeout 300 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
        "$work/context" >"$work/out" 2>"$work/err" || got=$?
    assert_eq 1 "$got"
    cp "$work/err" "$work/said"
    at 3 "$line"
    assert_has "$work/said" "(did you mean build?)"
done
printf 'ARG VERSION=1\nFROM scratch\nARG COLOR\nLABEL v=$COLOR\n' >"$file"
run 0 tenon build --build-arg VERISON=2 --build-arg COLOUR=red --build-arg OTHER=1 "$work/context"
assert_has "$work/err" "One or more build-args [COLOUR OTHER VERISON] were not consumed (did you mean COLOR VERSION?)"
run 0 tenon build --build-arg OTHER=1 "$work/context"
assert_has "$work/err" "One or more build-args [OTHER] were not consumed"
assert_lacks "$work/err" "did you mean"

# Little text that asks for much: an end, with the place.
{
    echo "FROM scratch"
    echo "ENV A=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    for i in $(seq 17); do echo 'ENV A=$A$A'; done
    for i in $(seq 300); do echo "RUN x"; done
} >"$file"
run 1 tenon build --check "$work/context"
cat "$work/out" "$work/err" >"$work/said"
assert_has "$work/said" "the build file takes too much memory"
{
    echo "FROM scratch AS s0"
    for i in $(seq 2000); do echo "ARG a$i=1"; done
    for i in $(seq 2000); do echo "FROM s$((i - 1)) AS s$i"; done
} >"$file"
run 1 tenon build --check "$work/context"
cat "$work/out" "$work/err" >"$work/said"
assert_has "$work/said" "the build file takes too much memory"
# What failed for the work that it takes does not blame all lines before it.
{
    echo "FROM scratch"
    echo "ENV A=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    for i in $(seq 22); do echo 'ENV A=$A$A'; done
} >"$file"
run 1 tenon build "$work/context"
assert_has "$work/err" "the substitutions take too long"
assert_lacks "$work/err" "more errors"

# A check: how many findings, and on standard error why the file cannot be built.
printf 'FROM scratch\nENV a b\nENV c d\n' >"$file"
run 1 tenon build --call=check "$work/context"
assert_eq "Check complete, 2 warnings have been found!" "$(head -n 1 "$work/out")"
printf 'FROM scratch\nENV a b\n' >"$file"
run 1 tenon build --call=check "$work/context"
assert_eq "Check complete, 1 warning has been found!" "$(head -n 1 "$work/out")"
printf 'FROM scratch\nRAN\n' >"$file"
for call in check check,format=json; do
    run 1 tenon build --progress=quiet --call=$call "$work/context"
    assert_eq "ERROR: dockerfile parse error on line 2: unknown instruction: RAN (did you mean RUN?)" \
        "$(grep ERROR "$work/err")"
    assert_has "$work/err" "   2 | >>> RAN"
    assert_lacks "$work/out" "ERROR"
done
assert_has "$work/out" '"buildError"'
# The build file has the name that it was asked for by (and its own in the JSON): NAME SHOWN
# ARGUMENTS, as buildx prints it.
mkdir -p "$work/context/a b"
printf 'FROM scratch\nENV a b\n' >"$work/context/a b/other"
printf 'FROM scratch\nENV a b\n' >"$file"
shown() {
    shown=$1
    shift
    got=0
    (cd "$work" && timeout 120 "$abs_top_builddir/tenon-dev" --root "$store" build \
        --progress=quiet "$@" >"$work/out" 2>"$work/err" <"$file") || got=$?
    assert_eq 1 "$got"
    cat "$work/out" "$work/err" >"$work/said"
    grep -qxF -e "$shown" "$work/said" || fail "no line is \"$shown\": $(cat "$work/said")"
    tried=$((tried + 1))
}
tried=0
for call in --check --call=check --call=lint --call=check,format=text; do
    shown context/Dockerfile:2 $call context
    shown context/Dockerfile:2 $call ./context/
    shown "$work/context/Dockerfile:2" $call "$work/context"
    shown "context/./a b/other:2" $call -f "context/./a b/other" context
    shown "$work/context/a b/../a b/other:2" $call -f "$work/context/a b/../a b/other" .
    shown stdin:2 $call -f - context
    shown -/Dockerfile:2 $call -
done
assert_eq 28 "$tried"
shown '      "filename": "other",' --call=check,format=json -f "context/a b/other" context
printf 'FROM scratch\nENV a b\nRAN\n' >"$file"
shown context/Dockerfile:3 --check context
shown stdin:3 --check -f - context
# An error is one, whatever is asked about findings.
shown context/Dockerfile:3 --call=check,ignorestatus=true context

# What cannot be expanded is said, and nothing else is made of it.
for platform in '${' '$TARGETPLATFORM${'; do
    printf 'FROM --platform=%s scratch\nCOPY a /\n' "$platform" >"$file"
    run 1 tenon build "$work/context"
    assert_has "$work/err" "ERROR: "
    run 1 tenon build --check "$work/context"
done
