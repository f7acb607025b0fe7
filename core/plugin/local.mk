# core/plugin: finding and opening modules, and the values of their options.
libtenon_core_la_SOURCES += \
	%D%/calls.c \
	%D%/calls.h \
	%D%/declared.c \
	%D%/declared.h \
	%D%/module.c \
	%D%/module.h \
	%D%/names.c \
	%D%/names.h \
	%D%/plugins.c \
	%D%/plugins.h \
	%D%/segments.c \
	%D%/segments.h \
	%D%/values.c
