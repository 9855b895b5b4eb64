/** The records: which cells each asks for, and how the answers are written down. */
import { enums, helperAvailability, helperName, programTypeId } from '../../dist/abi/index.js';
import { btfSets } from '../../dist/abi/generated/6.12/btf-sets.js';
import { rawKfuncSets } from '../../dist/abi/generated/6.12/kfuncs.js';
import { allKinds, endValue, loadOf, plainKinds } from './kinds.mjs';
import { HELPER_FAMILIES, MAPS, helperCall } from './map-cells.mjs';
import { socketProgram, SOCKETS } from './socket-cells.mjs';
import * as programs from './programs.mjs';

const SIZES = [1, 2, 4, 8];
const KERNEL = 'Linux 6.12.117 (Debian, amd64)';
const ALL_CAPABILITIES = 15;

/** Sorted numbers as numbers and [from, to) ranges. */
function ranges(numbers) {
  const found = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last && last[1] === number) last[1]++;
    else found.push([number, number + 1]);
  }
  return found.map(([from, to]) => (to === from + 1 ? from : [from, to]));
}

/** [key, answers][] by what `keyOf` makes of an answer, in order of appearance. */
function groupBy(answers, keyOf) {
  const groups = new Map();
  for (const answer of answers) {
    const key = keyOf(answer);
    const text = JSON.stringify(key);
    if (!groups.has(text)) groups.set(text, [key, []]);
    groups.get(text)[1].push(answer);
  }
  return [...groups.values()];
}

const mapValues = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));

const push = (lists, key, value) => (lists[key] ??= []).push(value);

/** [kind, size] pairs of accesses; there is no sign extension of 8 bytes. */
const accesses = programs.ACCESSES.flatMap((kind) =>
  SIZES.filter((size) => kind !== 'read_signed' || size !== 8).map((size) => [kind, size]),
);

const from = (start, end) => Array.from({ length: end - start }, (_, index) => start + index);

// ---- Context access -------------------------------------------------------------------------------

/** Bytes of each context; large ones are looked at in places. */
const CONTEXT_SIZES = {
  kprobe: 168,
  xdp: 24,
  perf_event: 184,
  cgroup_sock: 80,
  sock_ops: 224,
  cgroup_device: 12,
  sk_msg: 80,
  raw_tracepoint: 96,
  raw_tracepoint_writable: 96,
  cgroup_sock_addr: 72,
  sk_reuseport: 56,
  cgroup_sysctl: 8,
  cgroup_sockopt: 40,
  sk_lookup: 72,
  netfilter: 16,
};
const PLACES = [-8, 4090, 8180, 16380, 32752].flatMap((at) => from(at, Math.min(at + 56, 32768)));
const contextOffsets = (type) =>
  type === 'tracepoint' || type === 'syscall'
    ? PLACES
    : from(-8, (CONTEXT_SIZES[type] ?? 192) + 16);

const contextAccess = {
  name: 'context-access',
  about: `What ${KERNEL} allows programs to do with their context: every program type and attach type, offset, size 1/2/4/8 and kind of access was loaded as a program of its own. allowed: "kind size register-type" -> offsets (numbers or [from, to) ranges); what is probed and not listed was refused with "invalid bpf_context access".`,
  ask(cells, btf) {
    for (const kind of plainKinds) {
      const unprivileged = kind.type === 'socket_filter' || kind.type === 'cgroup_skb';
      for (const capabilities of unprivileged ? [ALL_CAPABILITIES, 0] : [ALL_CAPABILITIES]) {
        for (const offset of contextOffsets(kind.type)) {
          for (const [access, size] of accesses) {
            const insns = programs.contextProgram(access, size, offset, endValue(kind.type));
            const insn = access === 'write' ? 0xff : 0;
            const key = { kind, capBpf: capabilities !== 0, offset, access, size };
            cells.add(key, loadOf(btf, kind, { capabilities, insn }), insns);
          }
        }
      }
    }
  },
  render: (answers) => ({
    rows: groupBy(answers, ({ key }) => [key.kind.type, key.kind.attach, key.capBpf]).map(
      ([[type, attach, capBpf], group]) => {
        const allowed = {};
        for (const { key, register, words } of group) {
          if (words.startsWith('invalid bpf_context access')) continue;
          // A leading P marks precise numbers, as all of unprivileged programs are.
          const word = register.replace(/^P/, '').replace(/\(.*/, '');
          push(allowed, `${key.access} ${key.size} ${word}`.trim(), key.offset);
        }
        const probed = ranges(group.map(({ key }) => key.offset));
        return { type, attach, capBpf, probed, allowed: mapValues(allowed, ranges) };
      },
    ),
  }),
};

// ---- Rules of program types -----------------------------------------------------------------------

function returnVerdict({ errno, words }) {
  if (errno === 0) return 'ok';
  if (/!read_ok/.test(words)) return 'unset';
  if (/should have been|Note, BPF_LSM_CGROUP/.test(words)) return 'range';
  if (words.startsWith('Only fentry')) return 'cannot be sleepable';
  if (/is not sleepable/.test(words)) return 'hook is not sleepable';
  if (/disabled hook/.test(words)) return 'disabled';
  throw new Error(`an answer without a word for it: ${errno} ${words}`);
}

const valuesOf = (group) =>
  Object.fromEntries(group.map((answer) => [answer.key.value, returnVerdict(answer)]));

function askReturns(cells, btf, kinds) {
  for (const kind of kinds) {
    for (const value of programs.RETURN_VALUES) {
      cells.add({ part: 'returns', kind, value }, loadOf(btf, kind), programs.returnProgram(value));
    }
    for (let set = 0; set <= ALL_CAPABILITIES; set++) {
      const load = loadOf(btf, kind, { capabilities: set });
      cells.add({ part: 'capabilities', kind, set }, load, programs.returnProgram('0'));
    }
    const key = { part: 'legacyPacketLoads', kind };
    cells.add(key, loadOf(btf, kind), programs.legacyLoadProgram());
    if (!programs.PACKET_FIELDS[kind.type]) continue;
    for (const use of programs.packetUses) {
      const insns = programs.packetProgram(kind.type, use, endValue(kind.type));
      cells.add({ part: 'packet', kind, use }, loadOf(btf, kind), insns);
    }
  }
}

function askLsm(cells, btf) {
  for (const hook of btfSets.bpf_lsm_hooks) {
    for (const attach of ['BPF_LSM_MAC', 'BPF_LSM_CGROUP']) {
      for (const sleepable of [false, true]) {
        const all = attach === 'BPF_LSM_MAC' && !sleepable;
        const kind = { type: 'lsm', attach, target: hook, sleepable };
        for (const value of all ? ['0', '1', '-1', 'unset'] : ['0', '1']) {
          const key = { part: 'lsm', hook, attach, sleepable, value };
          cells.add(key, loadOf(btf, kind), programs.returnProgram(value));
        }
      }
    }
  }
}

const ATTACH_TYPES = 61;

function askAttach(cells, btf) {
  for (const type of new Set(plainKinds.map((kind) => kind.type))) {
    for (let attach = 0; attach < ATTACH_TYPES; attach++) {
      for (const sleepable of [false, true]) {
        const load = { ...loadOf(btf, { type, attach: null, sleepable }), attach };
        const insns = programs.returnProgram(String(endValue(type)));
        cells.add({ part: 'attach', type, attach, sleepable }, load, insns);
      }
    }
  }
}

function attachRow([type, group]) {
  const those = (sleepable, test) =>
    ranges(
      group
        .filter(({ key, ...a }) => key.sleepable === sleepable && test(a))
        .map(({ key }) => key.attach),
    );
  return {
    type,
    probed: ranges(group.map(({ key }) => key.attach)),
    accepted: those(false, ({ errno }) => errno === 0),
    sleepable: those(true, ({ errno }) => errno === 0),
    mustSleep: those(false, ({ words }) => /Syscall programs can only/.test(words)),
    cannotSleep: those(true, ({ words }) => words.startsWith('Only fentry')),
  };
}

const programRulesRecord = {
  name: 'program-rules',
  about: `What ${KERNEL} says to tiny programs. returns: "r0 = value; exit" ("-1w": the low half is -1; "1<<32": that number; unset: r0 not written): ok, range or unset. lsm: the same for every LSM hook. attach: expected attach types a load may give, as numbers or [from, to) ranges. capabilities: sets (bit 0 CAP_BPF, 1 CAP_PERFMON, 2 CAP_NET_ADMIN, 3 CAP_SYS_ADMIN) a load is refused with. legacyPacketLoads: BPF_LD_ABS. packet: access through the context's packet pointers, and as memory of helpers with (helper pkt_access) and without permission in their prototype.`,
  maps: [[enums.bpf_map_type.BPF_MAP_TYPE_HASH, 8, 8, 4, 0, 0, 0, 0]],
  ask(cells, btf) {
    askReturns(cells, btf, allKinds(btf));
    askLsm(cells, btf);
    askAttach(cells, btf);
  },
  render(answers) {
    const part = (name) => answers.filter(({ key }) => key.part === name);
    const byKind = (name) => groupBy(part(name), ({ key }) => key.kind);
    const lsm = groupBy(part('lsm'), ({ key: { hook, attach, sleepable } }) => ({
      hook,
      attach,
      ...(sleepable && { sleepable }),
    }));
    return {
      returns: byKind('returns').map(([kind, group]) => ({ ...kind, values: valuesOf(group) })),
      lsm: lsm.map(([row, group]) => ({ ...row, values: valuesOf(group) })),
      attach: groupBy(part('attach'), ({ key }) => key.type).map(attachRow),
      capabilities: byKind('capabilities').map(([kind, group]) => ({
        ...kind,
        refused: group.filter(({ errno }) => errno === 1).map(({ key }) => key.set),
      })),
      legacyPacketLoads: part('legacyPacketLoads').map(({ key, words }) => ({
        ...key.kind,
        allowed: !words.includes('BPF_LD_[ABS'),
      })),
      packet: byKind('packet').map(([kind, group]) => ({
        ...kind,
        ...Object.fromEntries(group.map(({ key, errno }) => [key.use, errno === 0])),
      })),
    };
  },
};

// ---- Calls ----------------------------------------------------------------------------------------

const ERRNOS = { 1: 'EPERM', 13: 'EACCES', 22: 'EINVAL', 524: 'ENOTSUPP' };
/** What comes after the call is not asked. */
const AFTER = /At program exit|^Note, /;

/** Numbers for texts, in order of appearance; 0 is ''. */
function textTable() {
  const texts = [''];
  const number = (text) => {
    if (!texts.includes(text)) texts.push(text);
    return texts.indexOf(text);
  };
  return { texts, number };
}

function callAnswer({ errno, words }, name, placeholder) {
  if (errno === 0 || AFTER.test(words)) return '';
  return `${ERRNOS[errno]}: ${words.replaceAll(name, placeholder)}`;
}

const HELPERS = 212;

/** CAP_SYS_ADMIN stands for the rest: without it, alone and with one more. */
const capabilitySets = (type) =>
  type === 'socket_filter' || type === 'cgroup_skb' ? [15, 0, 1, 3, 5] : [15, 1, 5, 3];

const helperRecord = {
  name: 'helpers',
  about: `What ${KERNEL} says to "r2 = 0; r3 = 0; r4 = 0; r5 = 0; call id; r0 = 0; exit", r1 being the context, for ids 1 to ${HELPERS}. capabilities: bit 0 CAP_BPF, 1 CAP_PERFMON, 2 CAP_NET_ADMIN, 3 CAP_SYS_ADMIN (15: all there are). answers: index into messages (the last line of the log, with %h for the helper; 0: the call was fine, whatever came after).`,
  compressed: true,
  ask(cells, btf) {
    for (const kind of allKinds(btf)) {
      for (const capabilities of capabilitySets(kind.type)) {
        for (let id = 1; id <= HELPERS; id++) {
          const load = loadOf(btf, kind, { capabilities });
          cells.add({ kind, capabilities, id }, load, programs.helperProgram(id));
        }
      }
    }
  },
  render(answers) {
    const { texts, number } = textTable();
    const groups = groupBy(answers, ({ key: { kind, capabilities } }) => ({
      ...kind,
      capabilities,
    }));
    const rows = groups
      .filter(([, group]) => group.every(({ errno }) => errno !== 1))
      .map(([row, group]) => ({
        ...row,
        answers: group.map((answer) => {
          const { id } = answer.key;
          return number(callAnswer(answer, `bpf_${helperName(id)}#${id}`, '%h'));
        }),
      }));
    return { messages: texts, rows };
  },
};

/** Each once: one may be in several sets. */
const kfuncIds = new Map(
  Object.values(rawKfuncSets).flatMap((set) =>
    Object.entries(set.kfuncs).map(([name, [id]]) => [name, id]),
  ),
);
const kfuncs = [...kfuncIds].map(([name, id]) => ({ name, id }));

const kfuncRecord = {
  name: 'kfuncs',
  about: `What ${KERNEL} says to "r2 = 0; r3 = 0; r4 = 0; r5 = 0; call kfunc; r0 = 0; exit", r1 being the context, for each kfunc of kfuncs. answers: index into messages (the last line of the log, with %k for the kfunc; 0: the call was fine).`,
  compressed: true,
  ask(cells, btf) {
    for (const kind of allKinds(btf)) {
      for (const { name, id } of kfuncs) {
        cells.add({ kind, name }, loadOf(btf, kind), programs.kfuncProgram(id));
      }
    }
  },
  render(answers) {
    const { texts, number } = textTable();
    const rows = groupBy(answers, ({ key }) => key.kind).map(([kind, group]) => ({
      ...kind,
      answers: group.map((answer) => number(callAnswer(answer, answer.key.name, '%k'))),
    }));
    return { kfuncs: kfuncs.map(({ name }) => name), messages: texts, rows };
  },
};

/** Reasons that come before the map is looked at. */
const BEFORE_MAP =
  /misconfigured|expected=|is of type|zero-sized|write into map forbidden|arena's|invalid arg_type|cannot use helper/;
const MAP_REFUSED = /cannot pass map_type/;

const mapRecord = {
  name: 'map-helpers',
  about: `Which maps ${KERNEL} lets programs give to helpers, for each program type and helper that takes a map. Map types are names of BPF_MAP_TYPE_*. unclear: rejected for another reason before the map was looked at.`,
  compressed: true,
  maps: MAPS.map(({ row }) => row),
  ask(cells, btf) {
    for (const kind of HELPER_FAMILIES) {
      for (let id = 1; id < HELPERS; id++) {
        const contract = helperAvailability(programTypeId(kind.type), id)?.contract;
        if (!contract?.args.some((arg) => arg.kind === 'map')) continue;
        MAPS.forEach(({ name }, index) => {
          const insns = helperCall(kind, contract, index);
          if (insns) cells.add({ kind, id, name }, loadOf(btf, kind), insns);
        });
      }
    }
  },
  render: (answers) => ({
    rows: groupBy(answers, ({ key: { kind, id } }) => ({
      type: kind.type,
      attach: kind.attach,
      helper: helperName(id),
    })).map(([row, group]) => {
      const pick = (test) => group.filter(({ words }) => test(words)).map(({ key }) => key.name);
      return {
        ...row,
        refused: pick((words) => MAP_REFUSED.test(words)),
        taken: pick((words) => !MAP_REFUSED.test(words) && !BEFORE_MAP.test(words)),
        unclear: pick((words) => BEFORE_MAP.test(words)),
      };
    }),
  }),
};

// ---- Pointers -------------------------------------------------------------------------------------

const socketRecord = {
  name: 'socket-access',
  about: `Loads through pointers to sockets in ${KERNEL}: "kind size" -> offsets that are allowed (numbers or [from, to) ranges). Writes are always refused. Two more loads of tcp_sock (84 and 92, 4 bytes) pass the check but end the load with "bpf verifier is misconfigured".`,
  maps: [[enums.bpf_map_type.BPF_MAP_TYPE_XSKMAP, 4, 4, 4, 0, 0, 0, 0]],
  ask(cells, btf) {
    for (const [pointer, { kind }] of Object.entries(SOCKETS)) {
      for (const offset of from(-8, 136)) {
        for (const [access, size] of accesses) {
          const insns = socketProgram(pointer, access, size, offset);
          cells.add({ pointer, access, size, offset }, loadOf(btf, kind), insns);
        }
      }
    }
  },
  render: (answers) => ({
    rows: groupBy(answers, ({ key }) => key.pointer).map(([pointer, group]) => {
      const allowed = {};
      for (const { key, errno } of group) {
        if (errno === 0) push(allowed, `${key.access} ${key.size}`, key.offset);
      }
      const probed = ranges(group.map(({ key }) => key.offset));
      return { pointer, probed, allowed: mapValues(allowed, ranges) };
    }),
  }),
};

/** Functions of many kinds of arguments. */
const TRACED = (
  'bpf_fentry_test1 bpf_fentry_test2 bpf_fentry_test3 bpf_fentry_test4 bpf_fentry_test5 ' +
  'bpf_fentry_test6 bpf_fentry_test7 bpf_fentry_test8 bpf_fentry_test9 bpf_fentry_test10 ' +
  'bpf_modify_return_test vfs_read vfs_open vfs_truncate do_unlinkat tcp_connect tcp_v4_rcv ' +
  'ip_output __kmalloc_noprof kfree_skb_reason schedule_timeout do_nanosleep ' +
  'hrtimer_start_range_ns inet_listen security_file_open security_bprm_check ' +
  'bpf_prog_test_run_xdp __x64_sys_nanosleep netif_receive_skb eth_type_trans ' +
  'ext4_file_write_iter copy_process wake_up_new_task blk_mq_start_request filp_close sk_alloc ' +
  'inet_csk_accept wake_up_process kmem_cache_alloc_noprof vm_mmap_pgoff do_exit ' +
  'migrate_disable css_task_iter_next tcp_set_state ip_rcv icmp_rcv dev_hard_start_xmit ' +
  'bpf_lsm_file_open'
).split(' ');

const parameters = (btf, func) => btf.type(btf.type(func).type).params.length;

/** { attach, target, kind, cells: [size, offset][] } for everything that attaches by BTF. */
function* btfTargets(btf) {
  const slots = (count) => from(0, Math.min(count + 2, 13)).map((slot) => [8, slot * 8]);
  const bytes = (count) =>
    from(-8, Math.min(count + 2, 13) * 8 + 1).flatMap((offset) =>
      SIZES.map((size) => [size, offset]),
    );
  for (const target of TRACED) {
    const func = btf.find('func', target);
    for (const attach of func ? ['TRACE_FENTRY', 'TRACE_FEXIT', 'MODIFY_RETURN'] : []) {
      const kind = { type: 'tracing', attach: `BPF_${attach}`, target };
      yield { attach: attach.toLowerCase(), target, kind, cells: bytes(parameters(btf, func)) };
    }
  }
  for (const { kind: word, name, type } of btf.types) {
    if (word !== 'typedef' || !name.startsWith('btf_trace_')) continue;
    const target = name.slice('btf_trace_'.length);
    const kind = { type: 'tracing', attach: 'BPF_TRACE_RAW_TP', target };
    const count = btf.type(btf.type(type).type).params.length - 1;
    yield { attach: 'raw_tp', target, kind, cells: slots(count) };
  }
  for (const target of btfSets.bpf_lsm_hooks) {
    for (const attach of ['lsm_mac', 'lsm_cgroup']) {
      const kind = { type: 'lsm', attach: `BPF_${attach.toUpperCase()}`, target };
      yield { attach, target, kind, cells: slots(parameters(btf, btf.find('func', target))) };
    }
  }
  for (const { kind: word, name: target, id } of btf.types) {
    if (word !== 'func' || !/^bpf_iter_\w+(?<!_new|_next|_destroy)$/.test(target)) continue;
    const kind = { type: 'tracing', attach: 'BPF_TRACE_ITER', target };
    const narrow = [1, 2, 4].map((size) => [size, 0]);
    const count = Math.max(parameters(btf, id), 4);
    yield { attach: 'iter', target, kind, cells: [...slots(count), ...narrow] };
  }
  for (const target of ['tcp_congestion_ops', 'bpf_dummy_ops']) {
    const { members } = btf.type(btf.find('struct', target));
    for (const [attach, { name }] of members.entries()) {
      const kind = { type: 'struct_ops', attach, target };
      yield { attach: 'struct_ops', target: `${target}.${name}`, kind, cells: slots(5) };
    }
  }
}

/** The register's type; what is known of a number only for results of LSM hooks. */
function registerWord(text) {
  if (/smin=smin32=-4095,smax=smax32=0/.test(text)) return 'scalar -4095..0';
  if (/smin=smin32=0,smax=umax=smax32=umax32=1,/.test(text)) return 'scalar 0..1';
  return text.replace(/\(.*\)$/, '');
}

function btfRow([{ attach, target }, group]) {
  const refusal = group.find(
    ({ errno, register, words }) =>
      errno !== 0 && register === '' && !words.startsWith('invalid bpf_context'),
  );
  if (refusal) {
    const words = refusal.words.startsWith('func#') ? '' : `: ${refusal.words}`;
    return { attach, target, refused: `${ERRNOS[refusal.errno]}${words}` };
  }
  const probed = {};
  const loads = {};
  for (const { key, register } of group) {
    push(probed, key.size, key.offset);
    if (register !== '') (loads[key.size] ??= {})[key.offset] = registerWord(register);
  }
  return { attach, target, probed: mapValues(probed, ranges), loads };
}

const btfRecord = {
  name: 'btf-context',
  about: `What loads from the context yield in ${KERNEL} for programs that attach by BTF: attach (lower-case end of the attach type, "iter", "struct_ops" with target struct.member), target, and by size and offset the type of the register as the log names it; offsets probed and not listed: "invalid bpf_context access". refused: nothing can be loaded with that target.`,
  compressed: true,
  ask(cells, btf) {
    for (const { attach, target, kind, cells: places } of btfTargets(btf)) {
      for (const [size, offset] of places) {
        const insns = programs.contextProgram('read', size, offset, 0);
        cells.add({ attach, target, size, offset }, loadOf(btf, kind, { insn: 0 }), insns);
      }
    }
  },
  render: (answers) => ({
    rows: groupBy(answers, ({ key: { attach, target } }) => ({ attach, target })).map(btfRow),
  }),
};

export const records = [
  contextAccess,
  { ...programRulesRecord, compressed: true },
  helperRecord,
  kfuncRecord,
  mapRecord,
  socketRecord,
  btfRecord,
];
