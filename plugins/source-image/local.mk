# source-image.so; once there are sources, take the '#' away:
#
#if PLUGIN_SOURCE_IMAGE
#pluginexec_LTLIBRARIES += source-image.la
#endif
#source_image_la_SOURCES = %D%/image.c
#source_image_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#source_image_la_LIBADD = libtenon-tools.la
