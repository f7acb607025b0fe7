# cli: the tenon command, one file a verb.

bin_PROGRAMS += tenon
tenon_SOURCES = \
	%D%/main.c
tenon_LDADD = libtenon-core.la
