# scanner-generator.so

if PLUGIN_SCANNER_GENERATOR
pluginexec_LTLIBRARIES += scanner-generator.la
endif
scanner_generator_la_SOURCES = %D%/generator.c
scanner_generator_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
scanner_generator_la_LDFLAGS = $(PLUGIN_LDFLAGS)
scanner_generator_la_LIBADD = libtenon-tools.la $(JSON_C_LIBS)
