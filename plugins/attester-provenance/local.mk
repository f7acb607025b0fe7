# attester-provenance.so

if PLUGIN_ATTESTER_PROVENANCE
pluginexec_LTLIBRARIES += attester-provenance.la
endif
attester_provenance_la_SOURCES = \
	%D%/environment.c \
	%D%/environment.h \
	%D%/predicate.c \
	%D%/predicate.h \
	%D%/provenance.c
attester_provenance_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
attester_provenance_la_LDFLAGS = $(PLUGIN_LDFLAGS)
attester_provenance_la_LIBADD = libtenon-tools.la $(JSON_C_LIBS)
