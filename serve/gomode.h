/* serve/gomode.h - file modes as Go's os.FileMode has them, and as stat(2) does. */
#ifndef TENON_SERVE_GOMODE_H
#define TENON_SERVE_GOMODE_H

#include <stdint.h>
#include <sys/stat.h>

/* 0: a type that we do not take (devices, sockets). */
mode_t gomode_to_unix(int64_t go);
int64_t gomode_of_unix(mode_t mode);

#endif
