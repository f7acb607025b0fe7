# bench: programs and scripts that measure; built and run by hand, see
# bench/README.md.  `make bench/frontend/frontend` builds one.
EXTRA_PROGRAMS += %D%/frontend/frontend
bench_frontend_frontend_SOURCES = %D%/frontend/frontend.c
bench_frontend_frontend_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/frontend-dockerfile
bench_frontend_frontend_LDADD = libdf-convert.la $(LDADD)
EXTRA_DIST += %D%/README.md %D%/ignored-tree %D%/paired %D%/beside %D%/configurations %D%/frontend-image \
	%D%/frontend-peer %D%/serve-peer %D%/cache-mounts
