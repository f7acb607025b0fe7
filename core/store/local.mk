# core/store: blobs, snapshots, records, locks, collection.
libtenon_core_la_SOURCES += \
	%D%/blob.c \
	%D%/cachemount.c \
	%D%/changes.c \
	%D%/closed.c \
	%D%/copies.c \
	%D%/copies.h \
	%D%/copytree.c \
	%D%/db.c \
	%D%/disksize.c \
	%D%/flock.c \
	%D%/gone.c \
	%D%/imagenames.c \
	%D%/lease.c \
	%D%/lease.h \
	%D%/lock.c \
	%D%/mapped.c \
	%D%/mount.c \
	%D%/named.c \
	%D%/named.h \
	%D%/orphans.c \
	%D%/orphans.h \
	%D%/private.h \
	%D%/prune.c \
	%D%/record.c \
	%D%/snapshot.c \
	%D%/statcache.c \
	%D%/steplog.c \
	%D%/store.c \
	%D%/store.h \
	%D%/temp.c \
	%D%/tempdir.c \
	%D%/tmpfs.c \
	%D%/trim.c \
	%D%/usage.c \
	%D%/whence.c \
	%D%/work.h
