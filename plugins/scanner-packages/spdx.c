/* scanner-packages/spdx.c - a document of SPDX 2.3: what was found, as packages of one that is
 * the result itself. */
#include "found.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

#define ROOT_ID "SPDXRef-Result"
#define NONE "NOASSERTION"

static void
add_string(struct json_object *to, const char *key, const char *value)
{
    json_object_object_add(to, key, json_object_new_string(value));
}

static int
by_purl(const void *a, const void *b)
{
    const struct found_package *x = a, *y = b;
    int order = strcmp(x->purl, y->purl);
    return order ? order : strcmp(x->where, y->where);
}

/* The text of a license field is an expression only when its words are. */
static bool
is_expression(const char *s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.+";
    return *s && s[strspn(s, plain)] == '\0';
}

static struct json_object *
package(const struct found_package *p, const char *id)
{
    struct json_object *o = json_object_new_object(), *refs = json_object_new_array();
    struct json_object *ref = json_object_new_object();
    auto_free char *where = tenon_asprintf("found in /%s", p->where);
    auto_free char *supplier = p->supplier ? tenon_asprintf("Organization: %s", p->supplier)
                                           : tenon_strdup(NONE);
    add_string(o, "name", p->name);
    add_string(o, "SPDXID", id);
    add_string(o, "versionInfo", p->version);
    add_string(o, "supplier", supplier);
    add_string(o, "downloadLocation", NONE);
    json_object_object_add(o, "filesAnalyzed", json_object_new_boolean(false));
    add_string(o, "sourceInfo", where);
    add_string(o, "licenseConcluded", NONE);
    add_string(o, "licenseDeclared", p->license && is_expression(p->license) ? p->license : NONE);
    if (p->license && !is_expression(p->license))
        add_string(o, "licenseComments", p->license);
    add_string(o, "copyrightText", NONE);
    add_string(ref, "referenceCategory", "PACKAGE-MANAGER");
    add_string(ref, "referenceType", "purl");
    add_string(ref, "referenceLocator", p->purl);
    json_object_array_add(refs, ref);
    json_object_object_add(o, "externalRefs", refs);
    return o;
}

static void
relate(struct json_object *list, const char *from, const char *how, const char *to)
{
    struct json_object *o = json_object_new_object();
    add_string(o, "spdxElementId", from);
    add_string(o, "relationshipType", how);
    add_string(o, "relatedSpdxElement", to);
    json_object_array_add(list, o);
}

static struct json_object *
creation(const struct scan *s, const char *created)
{
    struct json_object *o = json_object_new_object(), *creators = json_object_new_array();
    auto_free char *tool = tenon_asprintf("Tool: tenon-scanner-packages-%s", s->host->version);
    json_object_array_add(creators, json_object_new_string(tool));
    add_string(o, "created", created);
    json_object_object_add(o, "creators", creators);
    return o;
}

static struct json_object *
whole(const struct scan *s)
{
    struct json_object *o = json_object_new_object();
    add_string(o, "name", s->what);
    add_string(o, "SPDXID", ROOT_ID);
    add_string(o, "downloadLocation", NONE);
    json_object_object_add(o, "filesAnalyzed", json_object_new_boolean(false));
    add_string(o, "licenseConcluded", NONE);
    add_string(o, "licenseDeclared", NONE);
    add_string(o, "copyrightText", NONE);
    add_string(o, "primaryPackagePurpose", "CONTAINER");
    return o;
}

/* Named after what is in it: the same packages are the same document. */
static char *
name_space(const struct scan *s, struct json_object *packages)
{
    char digest[72];
    const char *text = json_object_to_json_string_ext(packages, JSON_C_TO_STRING_PLAIN);
    s->host->blobs->digest(text, strlen(text), digest);
    return tenon_asprintf("urn:spdx:tenon:%s", digest);
}

struct json_object *
spdx_document(const struct scan *s, const char *created)
{
    struct json_object *o = json_object_new_object(), *packages = json_object_new_array();
    struct json_object *relations = json_object_new_array();
    const struct found_package *last = NULL;
    if (s->list.len)
        qsort(s->list.items, s->list.len, sizeof *s->list.items, by_purl);
    json_object_array_add(packages, whole(s));
    relate(relations, "SPDXRef-DOCUMENT", "DESCRIBES", ROOT_ID);
    size_t n = 0;
    tenon_vec_foreach(p, &s->list) {
        if (last && !strcmp(last->purl, p->purl) && !strcmp(last->where, p->where))
            continue;
        auto_free char *id = tenon_asprintf("SPDXRef-Package-%zu", ++n);
        json_object_array_add(packages, package(p, id));
        relate(relations, ROOT_ID, "CONTAINS", id);
        last = p;
    }
    auto_free char *space = name_space(s, packages);
    add_string(o, "spdxVersion", "SPDX-2.3");
    add_string(o, "dataLicense", "CC0-1.0");
    add_string(o, "SPDXID", "SPDXRef-DOCUMENT");
    add_string(o, "name", "sbom");
    add_string(o, "documentNamespace", space);
    json_object_object_add(o, "creationInfo", creation(s, created));
    json_object_object_add(o, "packages", packages);
    json_object_object_add(o, "relationships", relations);
    return o;
}
