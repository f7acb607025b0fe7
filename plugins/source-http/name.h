/* source-http/name.h - what a downloaded file is called. */
#ifndef TENON_SOURCE_HTTP_NAME_H
#define TENON_SOURCE_HTTP_NAME_H

/* The first that gives one: wanted, the filename of a Content-Disposition, the
 * last part of the URL's path; any may be NULL.  One path component without
 * control characters, "download" when there is nothing; for the caller to free. */
char *http_file_name(const char *wanted, const char *disposition, const char *url);

#endif
