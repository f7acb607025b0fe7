# core/store: blobs, snapshots, records, locks, collection.
# Add each .c and .h here: libtenon_core_la_SOURCES += %D%/NAME.c %D%/NAME.h
libtenon_core_la_SOURCES += \
	%D%/blob.c \
	%D%/cachemount.c \
	%D%/copytree.c \
	%D%/db.c \
	%D%/lease.h \
	%D%/lock.c \
	%D%/mount.c \
	%D%/imagenames.c \
	%D%/orphans.c \
	%D%/orphans.h \
	%D%/private.h \
	%D%/prune.c \
	%D%/record.c \
	%D%/tempdir.c \
	%D%/snapshot.c \
	%D%/tmpfs.c \
	%D%/statcache.c \
	%D%/store.c \
	%D%/store.h \
	%D%/usage.c \
	%D%/work.h
