# core/base: what everything else stands on; depends on nothing above it.

libtenon_tools_la_SOURCES += \
	%D%/alloc.c \
	%D%/alloc.h \
	%D%/buf.c \
	%D%/buf.h \
	%D%/cleanup.h \
	%D%/jsontext.c \
	%D%/jsontext.h \
	%D%/parse.c \
	%D%/parse.h \
	%D%/path.c \
	%D%/path.h \
	%D%/pattern.c \
	%D%/pattern.h \
	%D%/text.c \
	%D%/text.h \
	%D%/utf8.c \
	%D%/utf8.h \
	%D%/vec.h

libtenon_core_la_SOURCES += \
	%D%/arena.c \
	%D%/arena.h \
	%D%/cancel.c \
	%D%/cancel.h \
	%D%/digest.c \
	%D%/digest.h \
	%D%/error.c \
	%D%/error.h \
	%D%/ids.c \
	%D%/ids.h \
	%D%/io.c \
	%D%/io.h \
	%D%/json.c \
	%D%/lazylib.c \
	%D%/lazylib.h \
	%D%/json.h \
	%D%/log.c \
	%D%/log.h \
	%D%/root.c \
	%D%/root.h \
	%D%/sized.c \
	%D%/sized.h
