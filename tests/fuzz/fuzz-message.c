/* fuzz-message - what a frontend in an image sends, the messages of LLBBridge; what a client does,
 * those of Control and of its session; what records of builds consist of.  What can be read can be
 * written, and is the same then. The first byte chooses the message. */
#define FUZZ_CORPUS "message"
#include "fuzz.h"

#include "buildmessages.h"
#include "common/llbbridge/llbbridge.h"
#include "ctlmessages.h"

static const struct message_type_info *const messages[] = {
    &gw_none_message, &gw_solve_message, &gw_return_message, &gw_read_file_message,
    &gw_read_dir_message, &gw_stat_file_message, &gw_evaluate_message, &gw_resolve_meta_message,
    &gw_resolve_config_message, &gw_warn_message, &gw_solved_message, &gw_pong_message,
    &gw_inputs_message, &gw_dir_message, &gw_meta_message, &gw_config_message, &gw_status_message,
    &ctl_none_message, &ctl_bytes_message, &ctl_list_workers_message, &ctl_workers_message,
    &ctl_disk_usage_message, &ctl_solve_message, &ctl_history_message, &ctl_status_message,
    &ses_secret_message, &ses_credentials_message, &ses_packet_message,
    &ctl_record_message, &ctl_statuses_message, &ctl_prune_message, &ctl_update_message,
    &cnt_digest_message, &cnt_list_message, &cnt_read_message,
    &gw_exec_message, &gw_new_container_message, &gw_release_container_message,
    &gw_policy_message, &ses_piece_message, &ses_written_message, &ctl_health_message,
    &ses_token_message, &ses_found_message,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena struct tenon_arena a = TENON_ARENA_INIT;
    auto_buf struct tenon_buf once = TENON_BUF_INIT, twice = TENON_BUF_INIT;
    const char *why = NULL;

    if (size == 0)
        return 0;
    const struct message_type_info *m = messages[data[0] % tenon_countof(messages)];
    char *copy = fuzz_copy(data + 1, size - 1);
    void *out = tenon_arena_alloc(&a, m->size);
    if (message_decode(&a, m, copy, size - 1, out, &why)) {
        message_encode(&once, m, out);
        memset(out, 0, m->size);
        tenon_assert(message_decode(&a, m, once.data, once.len, out, &why));
        message_encode(&twice, m, out);
        tenon_assert(once.len == twice.len);
        tenon_assert(once.len == 0 || memcmp(once.data, twice.data, once.len) == 0);
    } else {
        tenon_assert(why);
    }
    free(copy);
    return 0;
}
