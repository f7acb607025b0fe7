#!/bin/sh
# A word that nobody knows comes with the nearest one that somebody does, wherever it may stand;
# a word that is like none, without.
. "$(dirname "$0")/lib.sh"
context=$work/context
mkdir "$context"
printf 'FROM scratch\nCOPY file /\n' >"$context/Dockerfile"
echo x >"$context/file"
tried=0

# like STATUS MEANT ARGUMENT...: "did you mean MEANT?" ("" for none) in one line.
like() {
    status=$1
    meant=$2
    shift 2
    run "$status" tenon "$@" </dev/null
    if [ -n "$meant" ]; then
        grep -qF -e "(did you mean $meant?)" -e "(did you mean \"$meant\"?)" "$work/err" ||
            fail "nobody meant $meant: $*: $(cat "$work/err")"
        assert_eq 1 "$(grep -c 'did you mean' "$work/err")"
    else
        assert_lacks "$work/err" "did you mean"
    fi
    [ "$status" = 0 ] || [ ! -s "$work/out" ] || fail "on standard output: $*"
    tried=$((tried + 1))
}
configure() {
    TENON_CONFIG=$work/tenon.json
    export TENON_CONFIG
    echo "$1" >"$TENON_CONFIG"
}

# ---- verbs, and what they take ---------------------------------------------------------------
while read -r word meant; do
    like 2 "$meant" "$word"
done <<'END'
buil build
biuld build
BUILD build
shel shell
prun prune
iamges images
plguins plugins
dotcor doctor
dockr docker
verison version
d du
frobnicate
END
like 2 enable docker enabel
like 2 disable docker disabel
like 2 status docker statsu
like 2 "" docker frobnicate
like 2 rm images rmm x
like 2 list images lits
like 1 secret plugins mount-secert
like 1 secret plugins secert
like 1 "" plugins frobnicate
while read -r verb flag meant; do
    like 2 "$meant" "$verb" "$flag"
done <<'END'
build --outptu --output
build --buildarg --build-arg
build --no-cach --no-cache
build --platfrom --platform
build --iidfil --iidfile
build --frobnicate
prune --filer --filter
prune --froce --force
prune --frobnicate
du --fromat --format
du --vrebose --verbose
images --fromat --format
shell --hepl --help
plugins --vrebose --verbose
doctor --formt --format
END
for verb in du prune; do
    like 2 type $verb --filter typ=regular
    like 2 until $verb --filter untill=1h
    like 2 unused-for $verb --filter unusedfor=1h
    like 2 "" $verb --filter frobnicate=1
done

# ---- values of build's flags -------------------------------------------------------------------
while read -r flag value meant; do
    like 2 "$meant" build "$flag" "$value" "$context"
done <<'END'
-o type=ocii,dest=x oci
-o type=lcoal,dest=x local
-o type=imag image
-o type=tarr,dest=x tar
-o type=registri registry
-o type=dokcer,dest=x docker
-o type=cacheonyl cacheonly
-o type=frobnicate
-o type=oci,dset=x dest
-o type=oci,dest=x,compresion=gzip compression
-o type=image,nmae=x name
-o type=local,dest=x,mdoe=copy mode
--cache-to type=locl,dest=x local
--cache-from type=loca,src=x local
--cache-from type=frobnicate
--cache-to type=local,dest=x,moed=max mode
--progress plan plain
--progress tyt tty
--progress rawjsn rawjson
--progress quite quiet
--progress frobnicate
--call chek check
--call outlin outline
--call tragets targets
--call frobnicate
--network hots host
--network nnoe none
--network frobnicate

--allow newtork.host network.host
--allow security.insecur security.insecure
--secret idd=x id
--secret id=x,scr=y src
--resource memmory=1g memory
--ulimit nofiel=1 nofile
END

# ---- the configuration ------------------------------------------------------------------------
while read -r meant text; do
    configure "$text"
    like 0 "$meant" version
done <<'END'
progress {"progres": "plain"}
executor {"excutor": "native"}
registries {"registrys": {}}
plugins {"plugin": {}}
keep {"kep": {}}
mirrors {"registries": {"a.example": {"mirors": []}}}
insecure {"registries": {"a.example": {"insecur": true}}}
plain-http {"registries": {"a.example": {"plainhttp": true}}}
host {"network": "hots"}
https {"http": {"proxy": {"htps": "http://127.0.0.1:1"}}}
stall-timeout {"http": {"stal-timeout": "1s"}}
END
configure '{"keep": {"logs": {"siez": "1m"}}}'
like 1 size build "$context"
configure '{"keep": {"log": {"size": "1m"}}}'
like 1 logs build "$context"
configure '{"limits": {"unpakced": "1g"}}'
like 1 unpacked du
for wrong in '"ratio": "x"' '"entries": "500m"' '"unpacked": 0' '"unpacked": -1' '"unpacked": "1x"' '"unpacked": true'; do
    configure "{\"limits\": {$wrong}}"
    run 1 tenon du
    assert_has "$work/err" 'or "none"'
done
configure '{"limits": {"unpacked": "500g", "ratio": "none", "entries": 30000000}}'
run 0 tenon du
configure '{"plugins": {"mount-secert": {}}}'
like 0 mount-secret plugins -q
configure '{"progress": "plan"}'
like 2 plain build "$context"
unset TENON_CONFIG
BUILDKIT_PROGRESS=plian
export BUILDKIT_PROGRESS
like 2 plain build "$context"
unset BUILDKIT_PROGRESS
[ "$tried" -ge 90 ] || fail "only $tried tried"
