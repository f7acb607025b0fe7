# core/store: blobs, snapshots, records, locks, collection.
# Add each .c and .h here: libtenon_core_la_SOURCES += %D%/NAME.c %D%/NAME.h
