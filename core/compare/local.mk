# core/compare: two images or trees of files, and in what they differ.

libtenon_core_la_SOURCES += \
	%D%/difference.c \
	%D%/difference.h \
	%D%/filetree.c \
	%D%/filetree.h \
	%D%/imagediff.c \
	%D%/imagediff.h \
	%D%/jsondiff.c \
	%D%/jsondiff.h \
	%D%/treediff.c \
	%D%/treediff.h \
	%D%/treedir.c \
	%D%/treetar.c
