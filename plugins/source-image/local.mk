# source-image.so: images from registries.

if PLUGIN_SOURCE_IMAGE
pluginexec_LTLIBRARIES += source-image.la
endif
source_image_la_SOURCES = %D%/image.c
source_image_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
source_image_la_LDFLAGS = $(PLUGIN_LDFLAGS)
source_image_la_LIBADD = libtenon-common-source.la
