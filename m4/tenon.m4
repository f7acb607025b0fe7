# tenon.m4 - for packages that build a tenon plugin
#
# TENON_PLUGIN([MINIMUM-VERSION])
# -------------------------------
# Finds the plugin header and substitutes TENON_PLUGIN_CFLAGS,
# TENON_PLUGIN_LDFLAGS and tenonplugindir.  In Makefile.am:
#
#   tenonplugin_LTLIBRARIES = mount-hello.la
#   mount_hello_la_SOURCES = hello.c
#   mount_hello_la_CFLAGS = $(TENON_PLUGIN_CFLAGS)
#   mount_hello_la_LDFLAGS = $(TENON_PLUGIN_LDFLAGS)
AC_DEFUN([TENON_PLUGIN],
[AC_REQUIRE([PKG_PROG_PKG_CONFIG])
PKG_CHECK_MODULES([TENON], [tenon >= m4_default([$1], [0.1])])
AC_ARG_VAR([tenonplugindir], [where to install tenon plugins])
# below *this* package's libdir: distcheck and non-root prefixes keep working
AS_IF([test -z "$tenonplugindir"],
  [tenonplugindir=`$PKG_CONFIG --define-variable=libdir='${libdir}' --variable=plugindir tenon`])
AC_SUBST([TENON_PLUGIN_CFLAGS], ["$TENON_CFLAGS -fvisibility=hidden"])
AC_SUBST([TENON_PLUGIN_LDFLAGS],
  ["-module -avoid-version -shared -no-undefined -Wl,-z,defs -Wl,-z,now"])])
