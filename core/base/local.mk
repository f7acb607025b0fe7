# core/base: what everything else stands on; depends on the toolbox alone.

libtenon_core_la_SOURCES += \
	%D%/aside.c \
	%D%/aside.h \
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
	%D%/json.h \
	%D%/yaml.c \
	%D%/yaml.h \
	%D%/lazylib.c \
	%D%/lazylib.h \
	%D%/libgnutls.c \
	%D%/libgnutls.h \
	%D%/limits.c \
	%D%/limits.h \
	%D%/log.c \
	%D%/log.h \
	%D%/ownership.c \
	%D%/ownership.h \
	%D%/privategroup.c \
	%D%/privategroup.h \
	%D%/runprogram.c \
	%D%/runprogram.h \
	%D%/programtext.c \
	%D%/programtext.h \
	%D%/root.c \
	%D%/root.h \
	%D%/sized.c \
	%D%/sized.h
