# core/graph: ops, vertices, their encoding and digests.
# Add each .c and .h here: libtenon_core_la_SOURCES += %D%/NAME.c %D%/NAME.h
