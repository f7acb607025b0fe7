# core/tree: walking, copying and hashing file trees.

libtenon_core_la_SOURCES += \
	%D%/actions.c \
	%D%/file_digest.c \
	%D%/chmod.c \
	%D%/chmod.h \
	%D%/copy.c \
	%D%/copy.h \
	%D%/copy_file.c \
	%D%/selector.c \
	%D%/follow.c \
	%D%/follow.h \
	%D%/find.c \
	%D%/place.c \
	%D%/place.h \
	%D%/scan.c \
	%D%/tree.h \
	%D%/user.c \
	%D%/view.h \
	%D%/views.c \
	%D%/xattr.c
