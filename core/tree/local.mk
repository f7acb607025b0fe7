# core/tree: walking, copying and hashing file trees.
# Add each .c and .h here: libtenon_core_la_SOURCES += %D%/NAME.c %D%/NAME.h
