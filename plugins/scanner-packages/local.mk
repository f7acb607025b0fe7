# scanner-packages.so

if PLUGIN_SCANNER_PACKAGES
pluginexec_LTLIBRARIES += scanner-packages.la
endif
scanner_packages_la_SOURCES = \
	%D%/found.c \
	%D%/found.h \
	%D%/language.c \
	%D%/packages.c \
	%D%/rpm.c \
	%D%/spdx.c \
	%D%/system.c
scanner_packages_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
scanner_packages_la_LDFLAGS = $(PLUGIN_LDFLAGS)
scanner_packages_la_LIBADD = $(COMMON_EXPORT_LIBS) $(SQLITE_LIBS)
