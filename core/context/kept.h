/* context/kept.h - what rooms remember for as long as an engine lives: a registry's tokens,
 * which caches were emptied already.  A room defines a kind, asks for its object, and no
 * other room sees it; tenon_engine_release() frees them all. No static holds anything of a
 * build. */
#ifndef TENON_CONTEXT_KEPT_H
#define TENON_CONTEXT_KEPT_H

struct tenon_engine;

struct tenon_kept_kind { /* one static const object a room; its address is its name */
    void *(*make)(struct tenon_engine *engine);
    void (*free)(void *object);
};
/* The engine's object of this kind, made when first asked for; the engine's.
 * What is in it is locked by itself.  Any thread. */
void *tenon_engine_kept(struct tenon_engine *engine, const struct tenon_kept_kind *kind);

#endif
