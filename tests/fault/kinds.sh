# kinds.sh - builds that spend their time in a RUN, a COPY, a pull or an export, and
# how to end one in the middle of that. Part of kill9.sh and ctrl-c.sh, after lib.sh.
need docker-registry python3
make_bases

context=$work/context
mkdir -p "$context/tree"
python3 - "$context" <<'END_PYTHON'
import os, random, sys
r = random.Random(1)
for i in range(200):
    d = "%s/tree/%d" % (sys.argv[1], i % 20)
    os.makedirs(d, exist_ok=True)
    open("%s/%d" % (d, i), "wb").write(r.randbytes(500))
open(sys.argv[1] + "/big", "wb").write(r.randbytes(2 << 20))
END_PYTHON
cp -r "$context/tree" "$context/tree2"

# The salt makes a step another one, and what it gives the same.
cat >"$context/run.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN --mount=type=bind,source=salt,target=/salt \
    for i in 1 2 3 4 5 6 7 8; do mkdir -p /d/$i && echo $i >/d/$i/f; sleep 0.02; done
RUN echo end >/end
END_FILE
cat >"$context/copy.Dockerfile" <<'END_FILE'
FROM base AS one
COPY salt /salt
FROM one AS two
COPY --link=false tree /tree
COPY big /big
COPY --chmod=600 tree2 /tree2
FROM base
COPY --from=two /tree /tree2 /all/
COPY --from=two /big /all/
END_FILE
cat >"$context/export.Dockerfile" <<'END_FILE'
FROM base
RUN --mount=type=bind,source=salt,target=/salt true
COPY tree /tree
COPY big /big
END_FILE

start_registry </dev/null
cat >"$context/pulled.Dockerfile" <<'END_FILE'
FROM base
COPY big /one
COPY tree /two
COPY big /three/four
END_FILE
printf 'FROM %s/pulled\n' "$registry" >"$context/pull.Dockerfile"
echo 0 >"$context/salt"
base="base=oci-layout://$bases/busybox"
export SOURCE_DATE_EPOCH=1700000000
run 0 build "$work/other-store" -f "$context/pulled.Dockerfile" --build-context "$base" \
    -o "type=image,name=$registry/pulled,push=true" "$context"

flags() { # KIND DEST
    set -- -f "$context/$1.Dockerfile" --build-context "$base" "$context" --iidfile "$work/iid" \
        -o "type=oci,rewrite-timestamp=true,dest=$2"
    printf '%s\n' "$@"
}

# fresh KIND NAME: what the next build of the kind does not find; sets root
fresh() {
    echo "$1 $2" >"$context/salt"
    # What was pulled stays in a store; so each has its own.
    if [ "$1" = pull ]; then root=$work/store-pull; rm -rf "$root"; else root=$store; fi
}

# end_in SIGNAL KIND FRACTION DURATION DEST: sets tenon to the process, ended to how, and
# took_ms to the time from the signal to the end (without a DURATION: of the kind).
end_in() {
    "$python" -E -S "$here/end-in" "$1" "$2" "$3" "$4" "$abs_top_builddir/tenon-dev" --root "$root" build \
        --progress=rawjson --build-arg "MARK=$mark" $(flags "$2" "$5") >"$work/end" || fail "$2: not ended by $1"
    read -r tenon ended took_ms <"$work/end"
}
