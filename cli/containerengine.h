/* cli/containerengine.h - the engine that runs the user's containers, docker's or podman's: where
 * docker's own command would look for it, and then where podman is. */
#ifndef TENON_CLI_CONTAINERENGINE_H
#define TENON_CLI_CONTAINERENGINE_H

#include "base/error.h"

struct container_engine {
    char *name;    /* for messages: "unix:///run/docker.sock" */
    char *socket;  /* of its API; or NULL */
    char *url;     /* of its API: "http://docker", "https://host:2376" */
    char *certs;   /* directory with ca.pem, cert.pem and key.pem; or NULL */
    char *program; /* in place of an API: podman's path; or NULL */
};
/* INVALID, with a hint: none can be reached. */
int container_engine_find(struct container_engine *out, struct tenon_error *err);
void container_engine_release(struct container_engine *e);
TENON_DEFINE_AUTO_STRUCT(container_engine, struct container_engine, container_engine_release);
#define auto_container_engine __attribute__((cleanup(tenon_auto_container_engine)))

#endif
