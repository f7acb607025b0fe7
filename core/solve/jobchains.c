/* solve/jobchains.c - what a job is made of and makes: chains of its inputs, and its outputs. */
#include "solve/private.h"

void
job_outputs_new(struct job *j)
{
    j->output_count = tenon_vertex_output_count(j->state->v);
    j->outputs = tenon_calloc(j->output_count, sizeof *j->outputs);
}

void
job_release_chains(struct tenon_chain *chains, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tenon_chain_release(&chains[i]);
    free(chains);
}

struct tenon_chain *
job_input_chains(struct job *j)
{
    struct state *st = j->state;
    const size_t count = st->v->input_count;
    struct tenon_chain *chains = tenon_calloc(count, sizeof *chains);

    for (size_t i = 0; i < count; i++) {
        if (input_chain(st, i, &chains[i], &j->err) < 0) {
            job_release_chains(chains, count);
            return NULL;
        }
    }
    return chains;
}
