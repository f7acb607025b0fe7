# core/tree: walking, copying and hashing file trees.

libtenon_core_la_SOURCES += \
	%D%/actions.c \
	%D%/become.c \
	%D%/buildkitdigest.c \
	%D%/buildkitdigest.h \
	%D%/chmod.c \
	%D%/chmod.h \
	%D%/copy.c \
	%D%/copy.h \
	%D%/copy_file.c \
	%D%/entry.c \
	%D%/file_digest.c \
	%D%/find.c \
	%D%/follow.c \
	%D%/follow.h \
	%D%/place.c \
	%D%/place.h \
	%D%/readdir.c \
	%D%/scan.c \
	%D%/selector.c \
	%D%/tree.h \
	%D%/user.c \
	%D%/view.h \
	%D%/views.c \
	%D%/xattr.c
