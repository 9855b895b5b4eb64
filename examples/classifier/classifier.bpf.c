/* SPDX-License-Identifier: MIT
 *
 * The same access list in maps that Linux has: acl.h was made by `classifierSource`, and the maps
 * are filled with what `classifierContents` works out of the same rules.
 */
#include "tuple.h"
#include "acl.h"

struct action {
  __u32 verdict;
  __u32 hits;
};

SEC("xdp")
int access_list(struct xdp_md *ctx) {
  struct acl_packet packet = {};
  if (!READ_TUPLE(ctx, &packet)) return XDP_PASS;
  struct action *action = acl_classify(&packet);
  if (!action) return XDP_PASS;
  __sync_fetch_and_add(&action->hits, 1);
  return action->verdict;
}

LICENSE("GPL");
