# core/plugin: module loader, host table, option parsing.
# Add each .c and .h here: libtenon_core_la_SOURCES += %D%/NAME.c %D%/NAME.h
libtenon_core_la_SOURCES += \
	%D%/ctx.c \
	%D%/ctx.h \
	%D%/events.c \
	%D%/events.h \
	%D%/module.c \
	%D%/module.h \
	%D%/plugins.c \
	%D%/plugins.h \
	%D%/values.c
