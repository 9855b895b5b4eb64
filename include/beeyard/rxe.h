/* SPDX-License-Identifier: MIT
 *
 * Hooks in the software RDMA device, an extension of beeyard: Linux's rxe has none. Programs see what
 * the headers of RoCE say, decoded, for every packet that passed its check sum (rxe/rx) and every
 * packet that is going to be sent (rxe/tx).
 *
 *   #include <beeyard/rxe.h>
 *
 *   SEC("rxe/rx")
 *   int only_sends(struct rxe_md *md) {
 *     return md->opcode <= RXE_SEND_LAST ? RXE_PASS : RXE_DROP;
 *   }
 *
 * and `programs.only_sends.attach({ device: 'eth0' })`. A dropped packet is as one that the wire
 * lost: the other side sends it again. Of several programs each can drop. The context can be read,
 * member by member, and not written. Programs are of type syscall with an expected attach type of
 * their own; `beeyard verify --portable` refuses them.
 */
#ifndef BEEYARD_RXE_H
#define BEEYARD_RXE_H

/* Whoever has included vmlinux.h and libbpf's headers has all that is needed. */
#if !defined(__VMLINUX_H__) && !defined(__BPF_HELPERS__)
#include "bpf.h"
#endif

/* Return values: no other may be returned. */
enum { RXE_DROP = 0, RXE_PASS = 1 };

/* Bits of `flags`. */
enum {
  RXE_ACK_REQUEST = 1,
  RXE_SOLICITED = 2,
  RXE_FECN = 4,
  RXE_BECN = 8,
};

/* Some operations of reliable connections (opcode of the base transport header). */
enum {
  RXE_SEND_FIRST = 0x00,
  RXE_SEND_MIDDLE = 0x01,
  RXE_SEND_LAST = 0x02,
  RXE_SEND_ONLY = 0x04,
  RXE_WRITE_FIRST = 0x06,
  RXE_WRITE_ONLY = 0x0a,
  RXE_WRITE_ONLY_IMMEDIATE = 0x0b,
  RXE_READ_REQUEST = 0x0c,
  RXE_ACK = 0x11,
  RXE_ATOMIC_ACK = 0x12,
  RXE_COMPARE_SWAP = 0x13,
  RXE_FETCH_ADD = 0x14,
  RXE_UD_SEND_ONLY = 0x64,
  RXE_CNP = 0x81,
};

/* Numbers are in the machine's order, addresses as they stand on the wire. What the packet has no
 * header for is 0. */
struct rxe_md {
  __u32 opcode;
  /* Queue pair it is for. */
  __u32 qpn;
  /* Packet sequence number, 24 bits. */
  __u32 psn;
  __u32 flags;
  /* Bytes of data, without padding. */
  __u32 payload_len;
  __u32 pkey;
  /* The other side: where it came from, where it goes. One of them is 0. */
  __u32 remote_ip4;
  /* Network device. */
  __u32 ifindex;
  /* RETH, AtomicETH, IETH: key, bytes, address in memory. */
  __u32 rkey;
  __u32 dma_len;
  __u64 va;
  /* AETH: 0 to 31 are an ACK, 0x20 to 0x3f receiver not ready, 0x60 and more a NAK. */
  __u32 syndrome;
  __u32 msn;
  /* DETH. */
  __u32 src_qpn;
  __u32 qkey;
  __u32 remote_ip6[4];
};

#endif /* BEEYARD_RXE_H */
