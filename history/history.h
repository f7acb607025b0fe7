/* history/history.h - records of builds: what was asked for, what happened, what came out.
 *
 *   buildmessages.c  the messages: BuildKit's, so that its clients read the same
 *   statusmessage.c  an event of a build as one
 *   stepcount.c      how many steps there were
 *   discreet.c       what is secret in what was asked for is not kept
 *   recorder.c       a record is made, beside the build
 *   outcome.c        of its result: descriptors, documents, provenance
 *   failed.c         of its error
 *   records.c        records are read
 *   recordfilter.c   filters on them
 *
 * A record is a directory of the store (core/store/history.c):
 *
 *   record       BuildHistoryRecord, with fields of ours from 1001 on
 *   sha256-HEX   contents that it names: what happened (HISTORY_STATUS_TYPE: messages of Status, each
 *                after its length, 32 bits, little-endian), the error with its details, provenance,
 *                documents of images
 *   pinned       an empty file: it stays
 *
 * Nothing is flushed: after a power cut a record may be there in part.  Who reads one believes its
 * record only if it is whole and of that build, and contents only if their length is right. */
#ifndef TENON_HISTORY_HISTORY_H
#define TENON_HISTORY_HISTORY_H

#define HISTORY_STATUS_TYPE "application/vnd.buildkit.status.v0"
#define HISTORY_ERROR_TYPE "application/vnd.googeapis.google.rpc.status+proto" /* sic */
#define HISTORY_PREDICATE "in-toto.io/predicate-type" /* annotation of an attestation */

enum {
    HISTORY_RECORD_MAX = 1 << 20,   /* bytes of `record`: a build with a larger one has none */
    HISTORY_RECORD_READ_MAX = 16 << 20, /* the same, of those that were written before that limit */
    HISTORY_VALUE_MAX = 4096,       /* of one option; the rest of it is left out */
    HISTORY_VALUES_MAX = 256 << 10, /* of all options, or all of an exporter */
    HISTORY_CONTENT_MAX = 4 << 20,  /* of one content that is copied into a record */
    HISTORY_CONTENTS_MAX = 256,     /* of one record */
};

#endif
