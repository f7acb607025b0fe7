#!/bin/sh
# A plugin that was built against a tenon whose structs were shorter, or are going to be
# longer: what it lets the core fill is filled as far as both know of it.
. "$(dirname "$0")/lib.sh"
need cc
mkdir -m 755 "$work/plugins" "$work/context"
chmod 755 "$work"
umask 022
cat >"$work/size.c" <<'END_C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenon-plugin.h>

static const struct tenon_host *host;
static const struct tenon_param options[] = { TENON_IMAGE_PARAMS, { .name = NULL } };

static int
start(const struct tenon_host *h, const struct tenon_values *c, void **self, struct tenon_error *e)
{
    (void)c, (void)self, (void)e;
    host = h;
    return TENON_OK;
}

/* An image of each size, with 0x11 in all that is not to be touched. */
static int
write_image(void *self, struct tenon_ctx *ctx, const struct tenon_values *o,
            struct tenon_result *r, struct tenon_error *err)
{
    static const size_t sizes[] = {
        offsetof(struct tenon_image, digest), offsetof(struct tenon_image, media_type),
        offsetof(struct tenon_image, size), offsetof(struct tenon_image, config_digest),
        sizeof(struct tenon_image), sizeof(struct tenon_image) + 32,
    };
    (void)self;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct { struct tenon_image image; char more[64]; } room;
        char untouched[sizeof room];
        memset(&room, 0x11, sizeof room);
        memset(untouched, 0x11, sizeof untouched);
        room.image.struct_size = (uint32_t)sizes[i];
        int rc = host->image->build(ctx, r, o, &room.image, err);
        if (rc < 0)
            return rc;
        size_t known = sizes[i] < sizeof room.image ? sizes[i] : sizeof room.image;
        if (room.image.struct_size != sizes[i])
            return host->error->set(err, TENON_E_FAILED, 0, "%zu: the size was changed", sizes[i]);
        if (memcmp((char *)&room + known, untouched, sizeof room - known))
            return host->error->set(err, TENON_E_FAILED, 0, "%zu: written past its end", sizes[i]);
        if (known > offsetof(struct tenon_image, digest) && strncmp(room.image.digest, "sha256:", 7))
            return host->error->set(err, TENON_E_FAILED, 0, "%zu: no digest", sizes[i]);
        if (known > offsetof(struct tenon_image, media_type) && !strstr(room.image.media_type, "manifest"))
            return host->error->set(err, TENON_E_FAILED, 0, "%zu: no media type", sizes[i]);
        if (known > offsetof(struct tenon_image, size) && room.image.size < 100)
            return host->error->set(err, TENON_E_FAILED, 0, "%zu: no size", sizes[i]);
        if (known > offsetof(struct tenon_image, config_digest) &&
            strncmp(room.image.config_digest, "sha256:", 7))
            return host->error->set(err, TENON_E_FAILED, 0, "%zu: no digest of the configuration", sizes[i]);
        host->progress->log(ctx, 5, "size %zu is fine", sizes[i]);
    }
    return TENON_OK;
}

static const struct tenon_exporter_ops ops = { .struct_size = sizeof ops, .write = write_image };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER), .name = "size", .options = options, .init = start,
    .ops.exporter = &ops,
};
TENON_PLUGIN_EXPORT(exporter_size, plugin);
END_C
cc -shared -fPIC -Wall -Wextra -Werror -I"$abs_top_srcdir/core/include" -o "$work/plugins/exporter-size.so" "$work/size.c"
printf 'FROM scratch\nCOPY Dockerfile /f\n' >"$work/context/Dockerfile"
run 0 tenon --plugin-dir "$work/plugins" build --progress=plain -o type=size "$work/context"
assert_eq 6 "$(grep -c 'is fine' "$work/err")"
