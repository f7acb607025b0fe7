# executor-native.so

if PLUGIN_EXECUTOR_NATIVE
pluginexec_LTLIBRARIES += executor-native.la
endif
EXTRA_DIST += %D%/callnumbers
executor_native_la_SOURCES = \
	%D%/child.c \
	%D%/callfilter.c \
	%D%/callnumbers.h \
	%D%/callprogram.c \
	%D%/callprogram.h \
	%D%/native.c \
	%D%/native.h \
	%D%/prepare.c \
	%D%/steproot.c \
	%D%/system.c
executor_native_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
executor_native_la_LDFLAGS = $(PLUGIN_LDFLAGS)
executor_native_la_LIBADD = $(COMMON_EXEC_LIBS)
