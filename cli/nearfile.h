/* cli/nearfile.h - which file was meant by a name that is not there. */
#ifndef TENON_CLI_NEARFILE_H
#define TENON_CLI_NEARFILE_H

/* The file of nearly that name beside it, or one of exactly that name below dir (NULL: there is
 * no such directory); NULL: none.  malloc'ed. */
char *near_file(const char *path, const char *dir);

#endif
