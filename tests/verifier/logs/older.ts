/** Logs as kernels and loaders of other years write them. The programs are made up. */

/** A log and what it is about. */
export interface OtherLog {
  readonly name: string;
  readonly log: string;
  readonly cause: string;
  /** Text of the source line. */
  readonly line?: string;
  readonly verdict?: string;
  readonly says?: RegExp;
}

/** Names of limits in Linux 6.1. */
const NAMES: Readonly<Record<string, string>> = {
  umin32: 'u32_min',
  umax32: 'u32_max',
  smin32: 's32_min',
  smax32: 's32_max',
};

/** A value as Linux 6.1 prints it: every limit by itself, offsets also where they are 0. */
function value61(value: string): string {
  const match = /^([a-z_]+)\((.*)\)$/.exec(value);
  if (!match) return value;
  const [, word, inner] = match;
  const parts = inner!.split(/,(?![^(]*\))/).filter((one) => one !== '' && !one.startsWith('map='));
  const all = parts.flatMap((one) => {
    const names = one.split('=');
    const last = names.pop()!;
    return names.map((name) => `${NAMES[name] ?? name}=${last}`);
  });
  const hasOffset = word !== 'scalar' && !all.some((one) => one.startsWith('off='));
  const id = all.filter((one) => /^(id|ref_obj_id)=/.test(one));
  const rest = all.filter((one) => !/^(id|ref_obj_id)=/.test(one));
  const imm = word === 'scalar' || inner!.includes('var_off') ? [] : ['imm=0'];
  return `${word}(${[...id, ...(hasOffset ? ['off=0'] : []), ...rest, ...imm].join(',')})`;
}

const STATE = /\b(R\d+(?:_w)?|fp-\d+(?:_w)?)=([a-z_]+\((?:[^()]|\([^()]*\))*\))/g;

/** Our verifier's log in the words of Linux 6.1. */
export function as61(log: string): string {
  return log
    .split('\n')
    .map((line) =>
      line
        .replace(STATE, (_, name, value) => `${name}=${value61(value)}`)
        .replace(/^(; .*) @ \S+:\d+$/, '$1')
        .replace(/^program of this type cannot use helper (\w+)#/, 'unknown func $1#')
        .replace(/^invalid func (\w+)#/, 'invalid func $1#')
        .replace(/^(R\d+ invalid zero-sized read): .*$/, '$1')
        .replace(
          /^(At .*) the register R(\d) has smin=(-?\d+) smax=(-?\d+) should have been in \[(-?\d+), (-?\d+)\]$/,
          '$1 the register R$2 has value (0x0; 0xffffffff) should have been in ($5; $6)',
        )
        .replace(
          /^(At .*) the register R(\d) has unknown scalar value should have been in \[(-?\d+), (-?\d+)\]$/,
          '$1 the register R$2 has unknown scalar value should have been in ($3; $4)',
        ),
    )
    .join('\n');
}

export const LOGS: readonly OtherLog[] = [
  {
    name: '4.19: states before each instruction, inv, no lines',
    log: `0: (bf) r6 = r1
1: (b7) r1 = 0
2: (63) *(u32 *)(r10 -4) = r1
3: (bf) r2 = r10
4: (07) r2 += -4
5: (18) r1 = 0xffff9b6f8a3c2000
7: (85) call bpf_map_lookup_elem#1
8: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
`,
    cause: 'null-check-missing',
    says: /R0 may be NULL/,
  },
  {
    name: '5.4: inv with limits, a packet checked too short, lines without file',
    log: `0: R1=ctx(id=0,off=0,imm=0) R10=fp0
; void *end = (void *)(long)ctx->data_end;
0: (61) r2 = *(u32 *)(r1 +4)
1: R1=ctx(id=0,off=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R10=fp0
; void *data = (void *)(long)ctx->data;
1: (61) r1 = *(u32 *)(r1 +0)
2: R1_w=pkt(id=0,off=0,r=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R10=fp0
2: (bf) r3 = r1
3: (07) r3 += 14
4: (b7) r0 = 2
; if (data + 14 > end)
5: (2d) if r3 > r2 goto pc+3
 R0_w=inv2 R1_w=pkt(id=0,off=0,r=14,imm=0) R2_w=pkt_end(id=0,off=0,imm=0) R3_w=pkt(id=0,off=14,r=14,imm=0) R10=fp0
; return ip->protocol;
6: (71) r0 = *(u8 *)(r1 +23)
invalid access to packet, off=23 size=1, R1(id=0,off=23,r=14)
R1 offset is outside of the packet
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    cause: 'packet-bounds',
    line: 'return ip->protocol;',
    says: /up to 24, but only 14 bytes/,
  },
  {
    name: "5.10: invalid mem access 'inv' of a pointer read by a kprobe",
    log: `; int BPF_KPROBE(handler, struct task_struct *p)
0: (79) r1 = *(u64 *)(r1 +112)
; return p->pid;
1: (61) r0 = *(u32 *)(r1 +1240)
R1 invalid mem access 'inv'
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    cause: 'scalar-dereference',
    line: 'return p->pid;',
  },
  {
    name: '5.15: limits with long names, an index that is too large',
    log: `; slot = ctx->rx_queue_index & 31;
9: (61) r1 = *(u32 *)(r6 +16)
10: R0=map_value(id=0,off=0,ks=4,vs=64,imm=0) R1_w=inv(id=0,umax_value=4294967295,var_off=(0x0; 0xffffffff)) R6=ctx(id=0,off=0,imm=0) R10=fp0
10: (57) r1 &= 31
11: R0=map_value(id=0,off=0,ks=4,vs=64,imm=0) R1_w=inv(id=0,umax_value=31,var_off=(0x0; 0x1f)) R6=ctx(id=0,off=0,imm=0) R10=fp0
; table[slot] = 1;
11: (67) r1 <<= 2
12: R0=map_value(id=0,off=0,ks=4,vs=64,imm=0) R1_w=inv(id=0,umax_value=124,var_off=(0x0; 0x7c)) R6=ctx(id=0,off=0,imm=0) R10=fp0
12: (0f) r0 += r1
13: R0_w=map_value(id=0,off=0,ks=4,vs=64,umax_value=124,var_off=(0x0; 0x7c)) R1_w=invP(id=0,umax_value=124,var_off=(0x0; 0x7c)) R6=ctx(id=0,off=0,imm=0) R10=fp0
13: (62) *(u32 *)(r0 +0) = 1
invalid access to map value, value_size=64 off=124 size=4
R0 max value is outside of the allowed memory range
processed 13 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1
`,
    cause: 'index-out-of-range',
    line: 'table[slot] = 1;',
    says: /reach byte 128 .* must be at most 60/,
  },
  {
    name: '5.8: stack bytes that were never written',
    log: `; bpf_map_update_elem(&flows, &key, &one, 0);
20: (85) call bpf_map_update_elem#2
invalid indirect read from stack off -16+6 size 16
processed 20 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1
`,
    cause: 'stack-uninitialised',
  },
  {
    name: '5.13: cilium/ebpf in one line',
    log:
      'field XdpProg: program xdp_prog: load program: permission denied: invalid access to packet, ' +
      'off=34 size=2, R1(id=0,off=34,r=34): R1 offset is outside of the packet (54 line(s) omitted)',
    cause: 'packet-bounds',
  },
  {
    name: '5.2: too many instructions',
    log: `BPF program is too large. Processed 1000001 insn
processed 1000001 insns (limit 1000000) max_states_per_insn 34 total_states 15032 peak_states 411 mark_read 31
`,
    cause: 'too-complex',
  },
  {
    name: '4.15: a back edge',
    log: 'back-edge from insn 18 to 7\n',
    cause: 'infinite-loop',
  },
  {
    name: '5.7: a helper that the program type lacks',
    log: '7: (85) call bpf_get_current_task#35\nunknown func bpf_get_current_task#35\nprocessed 8 insns\n',
    cause: 'helper-not-available',
  },
  {
    name: 'libbpf: a CO-RE relocation that failed',
    log: `libbpf: prog 'on_switch': BPF program load failed: Invalid argument
libbpf: prog 'on_switch': -- BEGIN PROG LOAD LOG --
0: R1=ctx() R10=fp0
; long state = task->__state; @ on_switch.bpf.c:17
0: (79) r1 = *(u64 *)(r1 +8)          ; R1_w=trusted_ptr_task_struct()
1: <invalid CO-RE relocation>
failed to resolve CO-RE relocation <byte_off> [23] struct task_struct.__state_of_old (0:3 @ offset 24)
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
libbpf: prog 'on_switch': failed to load: -22
`,
    cause: 'loader-or-btf',
  },
  {
    name: '6.15: a lock that stays held, in new words',
    log: `0: R1=ctx() R10=fp0
; bpf_spin_lock(&v->lock); @ account.bpf.c:20
11: (85) call bpf_spin_lock#93        ; R0_w=scalar() R6=map_value(map=accounts,ks=4,vs=24)
; return TC_ACT_SHOT; @ account.bpf.c:22
12: (b7) r0 = 2                       ; R0_w=2
13: (95) exit
BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region
processed 13 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1
`,
    cause: 'lock-or-section',
  },
  {
    name: '6.14: a reference that leaks, in new words',
    log: `; struct event *e = bpf_ringbuf_reserve(&events, 16, 0); @ exec.bpf.c:31
4: (85) call bpf_ringbuf_reserve#131          ; R0_w=ringbuf_mem_or_null(id=2,ref_obj_id=2,sz=16) refs=2
5: (15) if r0 == 0x0 goto pc+3        ; R0=ringbuf_mem(ref_obj_id=2,sz=16) refs=2
6: (b7) r0 = 0                        ; R0_w=0 refs=2
7: (95) exit
Unreleased reference id=2 alloc_insn=4
BPF_EXIT instruction in main prog would lead to reference leak
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    cause: 'reference-leak',
  },
  {
    name: '7.3: the report behind the classic words',
    log: `0: R1=ctx() R10=fp0
; return *(int *)(long)ctx->ifindex; @ number.bpf.c:9
0: (61) r1 = *(u32 *)(r1 +12)         ; R1=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
1: (61) r0 = *(u32 *)(r1 +0)
R1 invalid mem access 'scalar'

error: register type
  reason: R1 holds a scalar where memory is accessed
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    cause: 'scalar-dereference',
    line: 'return *(int *)',
  },
  {
    name: 'bcc: the log after its own words',
    log: `bpf: Failed to load program: Permission denied
; int trace(struct pt_regs *ctx) { struct file *f = (struct file *)PT_REGS_PARM1(ctx);
0: (79) r6 = *(u64 *)(r1 +112)
; return f->f_flags;
1: (61) r0 = *(u32 *)(r6 +64)
R6 invalid mem access 'scalar'
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0

Traceback (most recent call last):
  File "trace.py", line 12, in <module>
Exception: Failed to load BPF program b'trace': Permission denied
`,
    cause: 'scalar-dereference',
    line: 'return f->f_flags;',
  },
  {
    name: 'aya: the log in its error',
    log: `Error: the BPF_PROG_LOAD syscall failed. Verifier output: 0: R1=ctx() R10=fp0
0: (b7) r0 = 7                        ; R0_w=7
1: (95) exit
At program exit the register R0 has value (0x7; 0x0) should have been in (0x0; 0x1)
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0


Caused by:
    Invalid argument (os error 22)
`,
    cause: 'return-range',
  },
  {
    name: 'no privileges',
    log: "libbpf: Error in bpf_object__probe_loading():Operation not permitted(1). Couldn't load trivial BPF program.\n",
    cause: 'privilege',
    verdict: 'not loaded',
  },
  {
    name: 'the limit of locked memory',
    log: 'map create: operation not permitted (MEMLOCK may be too low, consider rlimit.RemoveMemlock)\n',
    cause: 'privilege',
    verdict: 'not loaded',
    says: /RLIMIT_MEMLOCK/,
  },
  {
    name: 'a kernel without BTF',
    log: 'libbpf: failed to find valid kernel BTF\nlibbpf: Error loading vmlinux BTF: -3\nlibbpf: failed to load object\n',
    cause: 'loader-or-btf',
    verdict: 'not loaded',
    says: /CONFIG_DEBUG_INFO_BTF/,
  },
  {
    name: 'a hook that is not there',
    log: "libbpf: prog 'on_x': failed to find kernel BTF type ID of 'do_unlinkat_': -3\nlibbpf: failed to load object 'x'\n",
    cause: 'attach-target',
    verdict: 'not loaded',
  },
  {
    name: 'invalid argument, and no word of a verifier',
    log: "libbpf: load bpf program failed: Invalid argument\nlibbpf: failed to load program 'kprobe/x'\n",
    cause: 'loader-or-btf',
    verdict: 'not loaded',
    says: /without a word/,
  },
];
