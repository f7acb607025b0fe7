# core/places: images wherever they are.

libtenon_core_la_SOURCES += \
	%D%/archive.c \
	%D%/beside.c \
	%D%/beside.h \
	%D%/copyimage.c \
	%D%/copyimage.h \
	%D%/inspect.c \
	%D%/inspect.h \
	%D%/layout.c \
	%D%/places.c \
	%D%/places.h \
	%D%/private.h \
	%D%/versions.c \
	%D%/versions.h \
	%D%/writelayout.c
